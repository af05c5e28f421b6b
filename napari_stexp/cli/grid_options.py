"""Options of ``predict`` about tissue and regions of virtual spots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import check_suffix

if TYPE_CHECKING:
    from napari_stexp.cli.reporting import Reporter
    from napari_stexp.session import Session

__all__ = [
    "MaxHoleOption",
    "MinPieceOption",
    "OnlyRegionsOption",
    "RegionPitchOption",
    "RegionsOption",
    "SaveTissueOption",
    "TissueMaskOption",
    "make_grid",
]

_PANEL = "Virtual spots"

TissueMaskOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Where the tissue is: a picture of the whole slide (PNG; not black is tissue), or "
        "GeoJSON. (default: found)",
        rich_help_panel=_PANEL,
    ),
]
SaveTissueOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the tissue that was used: .png or .geojson.",
        callback=check_suffix(".png", ".geojson"),
        rich_help_panel=_PANEL,
    ),
]
MinPieceOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Smaller pieces of tissue are left out, mm². (default: a 1,000th of the slide)",
        rich_help_panel=_PANEL,
    ),
]
MaxHoleOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Smaller holes count as tissue, mm². (default: a 1,000th of the slide)",
        rich_help_panel=_PANEL,
    ),
]
RegionsOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Annotated regions for --region-pitch and --only-regions.",
        rich_help_panel=_PANEL,
    ),
]
RegionPitchOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Distance of spots in regions of a class, µm: Tumor=50; 0 for no spots there. Can "
        "be given several times; where regions overlap, the smallest one counts.",
        rich_help_panel=_PANEL,
    ),
]
OnlyRegionsOption = Annotated[
    bool,
    typer.Option("--only-regions", help="No spots outside of the regions.", rich_help_panel=_PANEL),
]


def make_grid(
    session: Session,
    pitch_um: float,
    diameter_um: float,
    layout: Any,
    reporter: Reporter,
    *,
    tissue_mask: Path | None = None,
    save_tissue_mask: Path | None = None,
    min_piece: float | None = None,
    max_hole: float | None = None,
    regions: Path | None = None,
    region_pitch: list[str] | None = None,
    only_regions: bool = False,
) -> None:
    """Lay virtual spots on the session's slide as the options say."""
    from napari_stexp.session.placing.tissue_files import read_tissue, write_tissue
    from napari_stexp.slide import TissueSettings, find_tissue_steps

    slide = session.slide
    assert slide is not None
    if tissue_mask is not None:
        mask = read_tissue(tissue_mask, slide)
        if min_piece is not None or max_hole is not None:
            mask = mask.tidy(TissueSettings(min_piece or 0.0, max_hole or 0.0), slide.mpp)
    else:
        mask = reporter.run(find_tissue_steps(slide, TissueSettings(min_piece, max_hole)))
    session.tissue.put(mask, "Find the tissue")
    if save_tissue_mask is not None:
        write_tissue(mask, save_tissue_mask)
    areas = _areas(session, regions, region_pitch or [], pitch_um, only_regions)
    session.make_grid_spots(pitch_um, diameter_um, layout, areas)


def _areas(
    session: Session, path: Path | None, pitches: list[str], pitch_um: float, only: bool
) -> tuple[Any, ...]:
    from napari_stexp.annotation import read_regions
    from napari_stexp.session.placing.grid_steps import areas_of

    if path is None:
        if pitches or only:
            raise typer.BadParameter("--region-pitch and --only-regions need --regions")
        return ()
    regions = read_regions(path, session.slide)
    own = dict(_parse(text) for text in pitches)
    if only:
        others = {one.class_name or one.name or "": pitch_um for one in regions}
        own = {**others, **own}
    return areas_of(regions, own, None if only else pitch_um) if own else ()


def _parse(text: str) -> tuple[str, float | None]:
    name, _, number = text.rpartition("=")
    try:
        pitch = float(number)
    except ValueError:
        pitch = -1.0
    if not name or not 0 <= pitch < float("inf"):
        raise typer.BadParameter(f"--region-pitch is CLASS=µm, such as Tumor=50, not {text!r}")
    return name, pitch or None
