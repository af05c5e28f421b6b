"""``napari-stexp evaluate``: a prediction against its measurement, or a model on held-out data."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.comparing import compare
from napari_stexp.cli.options import AsJson, Counts, Device, K, MetricOption, check_suffix
from napari_stexp.cli.preparing import open_data
from napari_stexp.cli.reporting import Reporter
from napari_stexp.cli.study_output import print_result, the_command, write_result
from napari_stexp.cli.training_options import split_names
from napari_stexp.session.opening.recognising import recognise

if TYPE_CHECKING:
    pass

EPILOG = """Examples:

napari-stexp evaluate run data -o report

napari-stexp evaluate her2.safetensors her2 --sections C4 -o report --write-scores --json

napari-stexp evaluate C4.h5ad ST-spotfiles/C4_selection.tsv --scores C4_genes.csv --json
"""

_MODEL = "A model and a data set"
_PREDICTION = "A prediction and a measurement"


class Split(StrEnum):
    """What was held out of a training."""

    PATIENT = "patient"
    SECTION = "section"


Report = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="REPORT",
        file_okay=False,
        help="Folder for report.html and the tables (CSV, Parquet).",
        rich_help_panel=_MODEL,
    ),
]
Bootstrap = Annotated[
    int,
    typer.Option(min=0, help="Resamples for the 95 % intervals; 0: none.", rich_help_panel=_MODEL),
]


def command(
    ctx: typer.Context,
    first: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|PREDICTION",
            exists=True,
            help="A run's folder or a model bundle; or what `napari-stexp predict` wrote (.h5ad).",
        ),
    ],
    second: Annotated[
        Path,
        typer.Argument(
            metavar="DATA|MEASURED",
            exists=True,
            help="For a model: the data set that `napari-stexp prepare` made. For a prediction: "
            "counts measured at the same spots, as .h5ad, a HER2ST spot file, or a HER2ST folder "
            "with --section.",
        ),
    ],
    output: Report = None,
    sections: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Sections to predict, such as C4,B4; repeatable. (default: all that the model "
            "has not seen)",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(
            help="Only sections of patients that the model has not seen (patient), or of those "
            "whose other sections it has (section). The two are never put into one table.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    exclude_patient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Leave a patient out of the reference and the baselines; repeatable. The encoder "
            "has seen them all the same, and the report says so.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    write_scores: Annotated[
        bool,
        typer.Option(
            "--write-scores",
            help="Store the genes' held-out scores in the model.",
            rich_help_panel=_MODEL,
        ),
    ] = False,
    bootstrap: Bootstrap = 1000,
    k: K = None,
    metric: MetricOption = None,
    device: Device = "auto",
    counts: Counts = None,
    section: Annotated[
        str | None,
        typer.Option(
            help="Section of the folder that MEASURED names.", rich_help_panel=_PREDICTION
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Write the scores of each gene to this file (.csv).",
            callback=check_suffix(".csv"),
            rich_help_panel=_PREDICTION,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on sections that it has not seen, beside baselines; or one prediction.

    Every number says its expression scale (per spot, per gene) and, for a model, what was
    held out (patient, section). Numbers of two scales or splits are not comparable.
    """
    of_model = {
        "--output": output,
        "--sections": sections,
        "--split": split,
        "--exclude-patient": exclude_patient,
        "--write-scores": write_scores,
        "--k": k,
        "--metric": metric,
    }
    of_prediction = {"--counts": counts, "--section": section, "--scores": scores}
    if not _is_model(first):
        _refuse(of_model, "a prediction", first)
        compare(first, second, counts=counts, section=section, scores=scores, as_json=as_json)
        return
    _refuse(of_prediction, "a model", first)
    if output is None:
        raise typer.BadParameter("a model's evaluation needs --output, the report's folder")
    _evaluate(
        ctx.obj,
        find_bundle(first),
        second,
        output,
        {
            "names": split_names(sections) or None,
            "split": split and split.value,
            "exclude_patients": split_names(exclude_patient),
            "k": k,
            "metric": metric,
            "device": device,
            "n_bootstrap": bootstrap,
        },
        write_scores,
        as_json,
    )


def _is_model(path: Path) -> bool:
    return path.is_dir() or recognise(path) == "bundle"


def _refuse(options: dict[str, Any], what: str, path: Path) -> None:
    given = [option for option, value in options.items() if value]
    if given:
        raise typer.BadParameter(f"{path} is {what}, for which there is no {', '.join(given)}")


def find_bundle(path: Path) -> Path:
    """Return the bundle that a run's folder holds, or the path itself."""
    from napari_stexp.errors import StexpError

    if not path.is_dir():
        return path
    bundle = path / "model.safetensors"
    if not bundle.exists():
        raise StexpError(
            "no trained model is here",
            path=path,
            expected="model.safetensors",
            hint="If the training was interrupted: napari-stexp train DATA -o RUN --resume",
        )
    return bundle


def _evaluate(
    reporter: Reporter,
    path: Path,
    data: Path,
    output: Path,
    options: dict[str, Any],
    write_scores: bool,
    as_json: bool,
) -> None:
    from napari_stexp.files import check_writable
    from napari_stexp.model import load_bundle, save_bundle
    from napari_stexp.study import evaluate_bundle, with_study_scores

    check_writable(output / "report.html")
    bundle, dataset = load_bundle(path), open_data(data)
    task = evaluate_bundle(bundle, dataset, facts={"command": the_command()}, **options)
    result = reporter.run(task, unit="patches")
    written = write_result(result, output)
    if write_scores:
        save_bundle(with_study_scores(bundle, result), path)
        written["scores_in"] = str(path)
    print_result(result, written, as_json)
