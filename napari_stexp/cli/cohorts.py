"""``napari-stexp cohort``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import (
    AsJson,
    Device,
    ExcludePatient,
    ExcludeSection,
    K,
    Layout,
    MetricOption,
    Model,
    ScaleOption,
)
from napari_stexp.cli.reporting import Reporter, print_facts, print_json

if TYPE_CHECKING:
    from napari_stexp.cohort import CohortResult
    from napari_stexp.progress import Progress

EPILOG = """Examples:

napari-stexp cohort slides.csv --model model.safetensors

napari-stexp cohort slides.csv --model model.safetensors --scheduler tcp://scheduler:8786 --output-folder results --json
"""  # noqa: E501


def command(
    ctx: typer.Context,
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            exists=True,
            dir_okay=False,
            help="CSV with a column slide, and of spots, output and mpp what is known; paths are "
            "relative to its folder.",
        ),
    ],
    model: Model,
    output_folder: Annotated[
        Path | None,
        typer.Option(
            help="Where outputs go that the manifest doesn't name. "
            "(default: the folder 'predictions' beside it)"
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a dask.distributed scheduler whose workers see the same paths. "
            "(default: this machine, one slide after another)"
        ),
    ] = None,
    grid: Annotated[Layout, typer.Option(help="Grid for slides without spots.")] = Layout.HEX,
    pitch: Annotated[float, typer.Option(help="Distance between spots of a grid, µm.")] = 100.0,
    diameter: Annotated[float, typer.Option(help="Diameter of a grid's spots, µm.")] = 55.0,
    device: Device = "auto",
    k: K = None,
    metric: MetricOption = None,
    scale: ScaleOption = None,
    exclude_patient: ExcludePatient = None,
    exclude_section: ExcludeSection = None,
    as_json: AsJson = False,
) -> None:
    """Predict many slides, here or on a dask cluster; a second run goes on where one stopped.

    Outputs that were made from the same slide, spots, model and settings are skipped. A slide
    that fails doesn't stop the others; the exit code is then 1.
    """
    from napari_stexp.cohort import GridSettings, predict_cohort, read_manifest
    from napari_stexp.predict import PredictParams

    jobs = read_manifest(
        manifest,
        output_folder=output_folder,
        grid=GridSettings(pitch_um=pitch, diameter_um=diameter, layout=grid.value),
    )
    params = PredictParams(
        k=k,
        metric=metric,
        scale=scale and scale.value,
        device=device,
        exclude_sections=tuple(exclude_section or ()),
        exclude_patients=tuple(exclude_patient or ()),
    )
    reporter: Reporter = ctx.obj

    def tell(progress: Progress) -> None:
        error = getattr(progress.new, "error", None)
        if error is not None:
            reporter.note(f"failed: {error.message}")

    results = reporter.run(predict_cohort(jobs, model, params, scheduler), on_report=tell)
    status = Counter(result.status for result in results)
    if as_json:
        print_json({"status": status, "slides": [_describe(result) for result in results]})
    else:
        print_facts({str(result.job.output): _say(result) for result in results})
    if status["failed"]:
        raise typer.Exit(1)


def _describe(result: CohortResult) -> dict[str, Any]:
    return {
        "slide": result.job.slide,
        "output": result.job.output,
        "status": result.status,
        "error": None if result.error is None else result.error.message,
        "spots": result.n_spots,
        "unpredicted": result.n_unpredicted,
        "seconds": round(result.seconds, 3),
    }


def _say(result: CohortResult) -> str:
    if result.error is not None:
        return f"failed: {result.error.message}"
    return f"{result.status}, {result.n_spots} spots ({result.n_unpredicted} without a prediction)"
