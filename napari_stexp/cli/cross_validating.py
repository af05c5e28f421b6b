"""``napari-stexp cross-validate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_stexp.cli.evaluating import Split
from napari_stexp.cli.loss_log import LossLog
from napari_stexp.cli.options import AsJson, Device, K, MetricOption
from napari_stexp.cli.preparing import open_data
from napari_stexp.cli.reporting import Reporter
from napari_stexp.cli.study_output import print_result, the_command, write_result
from napari_stexp.cli.training import Data, Sections
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

EPILOG = """Examples:

napari-stexp cross-validate data -o study --by patient --preset small

napari-stexp cross-validate her2 -o paper --by section --encoder densenet121 --weights imagenet
"""


def command(
    ctx: typer.Context,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            file_okay=False,
            help="Folder for a run per fold, report.html and the tables.",
        ),
    ],
    by: Annotated[
        Split,
        typer.Option(
            help="What is held out: each patient with all sections, or each section while its "
            "patient's other ones stay in training, as in the paper. Not comparable."
        ),
    ] = Split.PATIENT,
    sections: Sections = None,
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
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples for the 95 % intervals; 0: none.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """Train without each patient (or section) in turn, and score all of them together.

    Run again, it keeps the folds that are finished and goes on with the others. With
    --patience, the next patient (or section) is watched for early stopping.
    """
    from napari_stexp.files import check_writable
    from napari_stexp.study import cross_validate

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
    check_writable(output / "report.html")
    reporter: Reporter = ctx.obj
    dataset = open_data(data)
    chosen, names = given.apply(), split_names(sections) or dataset.names
    smallest = _smallest_training(dataset, names, by.value, validate=chosen.patience > 0)
    task = cross_validate(
        dataset,
        chosen,
        output,
        by.value,
        names=names,
        retrieval=make_retrieval(dataset, smallest, k, metric),
        device=device,
        devices=devices,
        n_bootstrap=bootstrap,
        facts={"command": the_command()},
    )
    try:
        result = reporter.run(task, on_report=LossLog(reporter), gently=True)
    except KeyboardInterrupt:
        reporter.note("The same command goes on where this one stopped.")
        raise
    print_result(result, write_result(result, output), as_json)


def _smallest_training(
    dataset: Dataset, names: Sequence[str], by: str, *, validate: bool
) -> tuple[str, ...]:
    """Return the training sections of the fold that has the fewest spots: k must suit it."""
    from napari_stexp.study import make_folds
    from napari_stexp.study.fitting import known_sections

    infos = known_sections(dataset, names)
    n_spots = {info.name: info.n_spots for info in infos}
    plans = [fold.plan for fold in make_folds(infos, by, validate=validate)]
    return min(
        (plan.training for plan in plans), key=lambda those: sum(map(n_spots.__getitem__, those))
    )
