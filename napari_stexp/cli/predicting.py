"""``napari-stexp predict``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.grid_options import (
    MaxHoleOption,
    MinPieceOption,
    OnlyRegionsOption,
    RegionPitchOption,
    RegionsOption,
    SaveTissueOption,
    TissueMaskOption,
    make_grid,
)
from napari_stexp.cli.options import (
    AsJson,
    BackendChoice,
    BackendOption,
    BinsOption,
    Counts,
    Device,
    ExcludePatient,
    ExcludeSection,
    K,
    Layout,
    MetricOption,
    Model,
    Mpp,
    ScaleOption,
    SlideFile,
    check_suffix,
)
from napari_stexp.cli.reporting import Reporter, format_time, print_facts, print_json
from napari_stexp.cli.scale_options import (
    ColourChoice,
    ColourOption,
    MppFromOption,
    check_flags,
    note_colour,
    settle,
)
from napari_stexp.cli.spot_options import (
    FrameOption,
    SpotColumnsOption,
    SpotDecimalOption,
    SpotUnitsOption,
    spot_options,
)

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction
    from napari_stexp.progress import Progress
    from napari_stexp.session import Session

EPILOG = """Examples:

napari-stexp predict slide.svs --model model.safetensors -o predicted.h5ad

napari-stexp predict slide.svs --model model.safetensors --pitch 55 --diameter 55 --mpp 0.25 -o predicted.csv

napari-stexp predict C4.jpg --spots ST-spotfiles/C4_selection.tsv --model her2.safetensors --exclude-section C4 -o C4.h5ad --json
"""  # noqa: E501


def command(
    ctx: typer.Context,
    slide: SlideFile,
    model: Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .h5ad (everything), .csv, .csv.gz or .parquet (spots by genes).",
            callback=check_suffix(".h5ad", ".csv", ".csv.gz", ".parquet"),
        ),
    ],
    spots: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Measured or chosen spots: .h5ad, a table (.csv, .tsv, .parquet), a SpatialData "
            "store, or a folder with --section. Default: a grid.",
        ),
    ] = None,
    section: Annotated[
        str | None, typer.Option(help="Section of the folder or store that --spots names.")
    ] = None,
    counts: Counts = None,
    bins: BinsOption = None,
    spot_columns: SpotColumnsOption = None,
    spot_units: SpotUnitsOption = None,
    spot_decimal: SpotDecimalOption = None,
    frame: FrameOption = None,
    grid: Annotated[
        Layout | None, typer.Option(help="Virtual spots on the tissue. (default: hex)")
    ] = None,
    pitch: Annotated[float, typer.Option(help="Distance between spots of a grid, µm.")] = 100.0,
    diameter: Annotated[float, typer.Option(help="Diameter of a grid's spots, µm.")] = 55.0,
    tissue_mask: TissueMaskOption = None,
    save_tissue_mask: SaveTissueOption = None,
    min_piece: MinPieceOption = None,
    max_hole: MaxHoleOption = None,
    regions: RegionsOption = None,
    region_pitch: RegionPitchOption = None,
    only_regions: OnlyRegionsOption = False,
    mpp: Mpp = None,
    mpp_from: MppFromOption = None,
    colour: ColourOption = ColourChoice.STORED,
    backend: BackendOption = BackendChoice.AUTO,
    device: Device = "auto",
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Patches per batch. (default: what memory allows)",
            rich_help_panel="Computation",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that decode the slide.", rich_help_panel="Computation"),
    ] = None,
    half: Annotated[
        bool,
        typer.Option(
            "--half",
            help="Half precision on CUDA: faster, slightly different.",
            rich_help_panel="Computation",
        ),
    ] = False,
    k: K = None,
    metric: MetricOption = None,
    scale: ScaleOption = None,
    exclude_patient: ExcludePatient = None,
    exclude_section: ExcludeSection = None,
    keep_partial: Annotated[
        bool,
        typer.Option(
            "--keep-partial", help="On Ctrl-C, write what is done; the rest is 'pending'."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict gene expression at spots of a slide, and write it."""
    if spots is not None and grid is not None:
        raise typer.BadParameter("spots come from --spots or from --grid, not from both")
    check_flags(mpp, mpp_from, spots is not None)
    from napari_stexp.files import check_writable
    from napari_stexp.predict import PredictParams
    from napari_stexp.session import Session

    check_writable(output)
    reporter: Reporter = ctx.obj
    session = Session()
    session.noticed.connect(reporter.note)
    session.params = PredictParams(
        k=k,
        metric=metric,
        scale=scale and scale.value,
        device=device,
        batch_size=batch_size,
        threads=threads,
        half=half,
        exclude_sections=tuple(exclude_section or ()),
        exclude_patients=tuple(exclude_patient or ()),
    )
    try:
        options = spot_options(spot_columns, spot_units, spot_decimal, frame)
        read = partial(
            session.open_spots, counts=counts, section=section, bins=bins, options=options
        )
        measured = None
        if spots is not None and mpp_from is not None:  # before the slide, which they may settle
            measured = read(spots)
            session.set_spots(None)
        open_slide(session, slide, mpp, reporter, backend.value, colour.value)
        note_colour(session, colour, reporter)
        settle(session, mpp, mpp_from, measured, reporter)
        session.open_bundle(model)
        if spots is not None:
            if measured is None:
                read(spots)
            else:
                session.set_spots(measured)
            take_scale_from_spots(session, reporter)
        else:
            make_grid(
                session,
                pitch,
                diameter,
                (grid or Layout.HEX).value,
                reporter,
                tissue_mask=tissue_mask,
                save_tissue_mask=save_tissue_mask,
                min_piece=min_piece,
                max_hole=max_hole,
                regions=regions,
                region_pitch=region_pitch,
                only_regions=only_regions,
            )
        start = time.perf_counter()
        prediction = _predict(session, output, keep_partial, reporter)
        facts = _summarise(prediction, output, time.perf_counter() - start)
    finally:
        session.close()
    if as_json:
        print_json(facts)
    else:
        _print_summary(facts)


def open_slide(
    session: Session,
    path: Any,
    mpp: float | None,
    reporter: Reporter,
    backend: Any = "auto",
    colour: str = "stored",
) -> None:
    """Open a slide into the session, showing the conversion of a flat image."""
    from napari_stexp.slide import prepare_slide

    reporter.run(prepare_slide(path))
    session.open_slide(path, mpp=mpp, backend=backend, colour=colour)


def take_scale_from_spots(session: Session, reporter: Reporter) -> None:
    """Use the scale that the spots' known pitch implies, where the slide has none, and say so."""
    mpp = session.suggested_mpp
    if session.slide is None or session.slide.mpp is not None or mpp is None:
        return
    session.set_mpp(mpp, "spots")
    reporter.note(
        f"{session.slide.name} has no µm per pixel; using {mpp:.4g}, from the pitch of its spots "
        "(--mpp or --mpp-from sets another)."
    )


def _predict(session: Session, output: Path, keep_partial: bool, reporter: Reporter) -> Prediction:
    from napari_stexp.predict import predict_spots, start_prediction, write_prediction

    inputs: tuple[Any, ...] = (session.slide, session.spots, session.bundle, session.params)
    prediction = start_prediction(*inputs)

    def collect(progress: Progress) -> None:
        if progress.new is not None:
            prediction.add(progress.new)

    try:
        reporter.run(
            predict_spots(*inputs),
            unit="spots",
            on_report=collect,
        )
    except KeyboardInterrupt:
        if keep_partial:
            write_prediction(prediction.adata, output)
            reporter.note(f"{output} holds {prediction.done} of {prediction.adata.n_obs} spots.")
        raise
    write_prediction(prediction.adata, output)
    return prediction


def _summarise(prediction: Prediction, output: Path, seconds: float) -> dict[str, Any]:
    adata = prediction.adata
    return {
        "output": str(output),
        "spots": adata.n_obs,
        "genes": adata.n_vars,
        "status": adata.obs["status"].astype(str).value_counts().to_dict(),
        "median_similarity": float(adata.obs["similarity"].median()),
        "seconds": round(seconds, 3),
        "provenance": adata.uns["stexp"],
    }


def _print_summary(facts: dict[str, Any]) -> None:
    status = ", ".join(f"{count} {name}" for name, count in facts["status"].items())
    print_facts(
        {
            "output": facts["output"],
            "spots": f"{facts['spots']} ({status})",
            "genes": facts["genes"],
            "time": format_time(facts["seconds"]),
        }
    )
