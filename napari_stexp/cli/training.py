"""``napari-stexp train``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.loss_log import LossLog, read_loss
from napari_stexp.cli.options import AsJson, Device, K, MetricOption
from napari_stexp.cli.preparing import open_data
from napari_stexp.cli.reporting import Reporter, format_time, print_facts, print_json
from napari_stexp.cli.training_options import (
    BatchSize,
    Devices,
    Encoder,
    Epochs,
    Patience,
    PrecisionOption,
    PresetOption,
    Seed,
    SetOption,
    SettingsFile,
    SettingsGiven,
    Temperature,
    Weights,
    make_retrieval,
    split_names,
)

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle
    from napari_stexp.study import RunPlan, TrainingRun

EPILOG = """Examples:

napari-stexp train data -o run --hold-out-patient C --preset small

napari-stexp train her2 -o run --hold-out C4 --validate C3 --encoder resnet50 --weights imagenet --set learn_temperature=true

napari-stexp train her2 -o run --resume
"""  # noqa: E501

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", file_okay=False, help="Data set that `napari-stexp prepare` made."
    ),
]
Sections = Annotated[
    list[str] | None,
    typer.Option(metavar="NAMES", help="Use only these sections, such as C2,C3; repeatable."),
]


def command(
    ctx: typer.Context,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="RUN",
            file_okay=False,
            help="Folder of the run: settings, log, checkpoint, and in the end model.safetensors.",
        ),
    ],
    sections: Sections = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Sections that the model must not see; repeatable."),
    ] = None,
    hold_out_patient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Patients of whom the model must not see any section; repeatable.",
        ),
    ] = None,
    validate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Sections to watch during training (see --patience): neither learned from, "
            "nor fit to judge the model by.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in RUN, with its own sections and settings."
        ),
    ] = False,
    preset: PresetOption = None,
    settings: SettingsFile = None,
    changes: SetOption = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    encoder: Encoder = None,
    weights: Weights = None,
    temperature: Temperature = None,
    patience: Patience = None,
    seed: Seed = None,
    device: Device = "auto",
    devices: Devices = 1,
    precision: PrecisionOption = None,
    k: K = None,
    metric: MetricOption = None,
    name: Annotated[str, typer.Option(help="What to call the model.")] = "",
    thumbnails: Annotated[
        int,
        typer.Option(
            min=0, max=256, help="Side of pictures of reference patches to keep in it, px; 0: none."
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model on a data set.

    Stopped by Ctrl-C or a kill, it goes on with --resume, to the same result.
    """
    from napari_stexp.study import train_run

    reporter: Reporter = ctx.obj
    given = SettingsGiven(
        preset and preset.value,
        settings,
        changes or (),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "encoder": encoder,
            "weights": weights,
            "temperature": temperature,
            "patience": patience,
            "seed": seed,
            "precision": precision and precision.value,
        },
    )
    uses = {
        "sections": split_names(sections) or None,
        "hold_out": split_names(hold_out),
        "hold_out_patients": split_names(hold_out_patient),
        "validate": split_names(validate),
    }
    dataset = open_data(data)
    run = _continue_run(output, dataset, uses, given) if resume else _plan(dataset, uses, given)
    more: dict[str, Any] = {
        "retrieval": make_retrieval(dataset, run.plan.training, k, metric),
        "name": name or (output.name if not resume else ""),
        "thumbnail_px": thumbnails,
    }
    run = replace(run, **{field: value for field, value in more.items() if value})
    _tell_leakage(reporter, dataset, run.plan)
    log = LossLog(reporter)
    start = time.perf_counter()
    task = train_run(dataset, run, output, resume=resume, device=device, devices=devices)
    try:
        bundle = reporter.run(task, on_report=log, gently=True)
    except KeyboardInterrupt:
        command = shlex.join(["napari-stexp", "train", str(data), "-o", str(output)])
        reporter.note(f"To go on: {command} --resume")
        raise
    if not log.epoch and resume:
        reporter.note("The training was finished already.")
    facts = {
        "model": str(bundle.path),
        "sha256": bundle.sha256,
        "trained_on": list(run.plan.training),
        "validated_on": list(run.plan.validation),
        "held_out": list(run.plan.held_out),
        "split": run.split if run.plan.held_out else None,
        "splits": _find_splits(bundle, dataset, run.plan),
        "reference_spots": len(bundle.bank),
        "genes": len(bundle.genes),
        "retrieval": bundle.header.retrieval.to_json(),
        "epochs": bundle.header.training["run"]["epochs"],
        "loss": read_loss(output),
        "validation": bundle.header.training["run"].get("validation"),
        "seconds": round(time.perf_counter() - start, 3),
        "settings": run.settings.to_json(),
    }
    if as_json:
        print_json(facts)
    else:
        _print_summary(facts, data, output)


def _plan(dataset: Dataset, uses: dict[str, Any], given: SettingsGiven) -> TrainingRun:
    from napari_stexp.study import TrainingRun, plan_run

    return TrainingRun.of(dataset, plan_run(dataset, **uses), given.apply())


def _continue_run(
    folder: Path, dataset: Dataset, uses: dict[str, Any], given: SettingsGiven
) -> TrainingRun:
    """Return the run that the folder remembers, with what the user says again about it."""
    from napari_stexp.study import TrainingRun, plan_run

    known = TrainingRun.read(folder)
    plan: RunPlan = plan_run(dataset, **uses) if any(uses.values()) else known.plan
    run = TrainingRun.of(dataset, plan, given.apply(known.settings))
    return replace(run, retrieval=known.retrieval, name=known.name, thumbnail_px=known.thumbnail_px)


def _tell_leakage(reporter: Reporter, dataset: Dataset, plan: RunPlan) -> None:
    """Say which held-out sections have siblings that the model learns from."""
    patient = {info.name: info.patient for info in dataset.sections}
    learned = [name for name in (*plan.training, *plan.validation) if patient[name]]
    for name in plan.held_out:
        siblings = [other for other in learned if patient[other] == patient[name]]
        if siblings:
            reporter.note(
                f"{name} is held out, but {', '.join(siblings)} of the same patient "
                f"({patient[name]}) {'is' if len(siblings) == 1 else 'are'} not: numbers on it "
                "will be by section, not by patient (--hold-out-patient)."
            )


def _find_splits(bundle: ModelBundle, dataset: Dataset, plan: RunPlan) -> dict[str, str | None]:
    """Return held-out section -> 'patient' or 'section'."""
    from napari_stexp.study import find_splits

    held_out = set(plan.held_out)
    return find_splits(bundle, [info for info in dataset.sections if info.name in held_out])


def _print_summary(facts: dict[str, Any], data: Path, output: Path) -> None:
    groups = {
        split: [name for name, found in facts["splits"].items() if found == split]
        for split in ("patient", "section")
    }
    known = {split: names for split, names in groups.items() if names}
    loss = f"{facts['loss']:.4g}" if facts["loss"] is not None else "unknown"
    print_facts(
        {
            "model": facts["model"],
            "trained_on": facts["trained_on"],
            "validated_on": facts["validated_on"],
            "held_out": "; ".join(f"{', '.join(known[split])} (by {split})" for split in known),
            "reference": f"{facts['reference_spots']} spots, {facts['genes']} genes",
            "loss": f"{loss} in epoch {facts['epochs']}",
            "time": format_time(facts["seconds"]),
            "next": _next_command(known, data, output),
        }
    )


def _next_command(splits: Collection[str], data: Path, output: Path) -> str | None:
    """Return the command that evaluates the run; by patient where there is a choice."""
    if not splits:
        return None
    words = ["napari-stexp", "evaluate", str(output), str(data), "-o", str(output / "report")]
    return shlex.join([*words, *(["--split", "patient"] if len(splits) > 1 else [])])
