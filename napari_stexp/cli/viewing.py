"""``napari-stexp view``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_stexp.cli.options import BinsOption, Counts, Mpp, SlideFile
from napari_stexp.cli.scale_options import ColourChoice, ColourOption
from napari_stexp.cli.spot_options import (
    FrameOption,
    SpotColumnsOption,
    SpotDecimalOption,
    SpotUnitsOption,
    spot_options,
)

EPILOG = """Examples:

napari-stexp view slide.svs --model model.safetensors --predict

napari-stexp view work.stexp

napari-stexp view spaceranger-run/

napari-stexp view predicted.h5ad

napari-stexp view C4.jpg --spots ST-spotfiles/C4_selection.tsv --model her2.safetensors
"""


def command(
    ctx: typer.Context,
    slide: SlideFile,
    spots: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Spots: .h5ad, a table (.csv, .tsv, .parquet), a SpatialData store, or a folder.",
        ),
    ] = None,
    counts: Counts = None,
    bins: BinsOption = None,
    spot_columns: SpotColumnsOption = None,
    spot_units: SpotUnitsOption = None,
    spot_decimal: SpotDecimalOption = None,
    frame: FrameOption = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", exists=True, dir_okay=False, help="Model bundle."),
    ] = None,
    annotation: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A pathologist's regions: QuPath GeoJSON, ImageScope or ASAP XML, NDPA.",
        ),
    ] = None,
    mpp: Mpp = None,
    colour: ColourOption = ColourChoice.STORED,
    predict: Annotated[
        bool,
        typer.Option(
            "--predict", help="Predict at once; on a grid over the tissue where no spots are given."
        ),
    ] = False,
) -> None:
    """Open a slide, a saved workspace or a prediction in napari, with the panels docked."""
    if predict and model is None:
        raise typer.BadParameter("--predict needs --model")
    if counts is not None and spots is None:
        raise typer.BadParameter("--counts needs --spots")
    from napari_stexp.cli.window import Window, WindowPlan

    window = Window(
        WindowPlan(
            slide=slide,
            spots=spots,
            counts=counts,
            bins=bins,
            options=spot_options(spot_columns, spot_units, spot_decimal, frame),
            model=model,
            annotation=annotation,
            mpp=mpp,
            colour=colour.value,
            predict=predict,
        )
    )
    window.run()
