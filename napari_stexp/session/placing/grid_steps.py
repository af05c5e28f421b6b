"""Virtual spots on the open slide: on its tissue, finer in some regions."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_stexp.errors import AnnotationError, ScaleError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.slide import Slide, TissueMask
    from napari_stexp.spots import GridArea
    from napari_stexp.spots.grid_areas import GridPlan

__all__ = ["REST", "GridSettings", "areas_of", "make_grid_steps", "plan_grid_steps"]

REST = "rest"  # the area that is in no region


@dataclass(frozen=True)
class GridSettings:
    """Virtual spots on a slide without measurement.

    Attributes
    ----------
    layout : {'hex', 'square'}
        How the spots are packed.
    pitch_um, diameter_um : float
        Centre-to-centre distance and diameter, µm; the defaults are Visium's. With areas the
        diameter is at most the finest pitch; a larger one is made so.
    in_tissue : bool
        Only where there is tissue.
    areas : tuple of GridArea
        Each with its own pitch, in place of ``pitch_um``; none: one pitch everywhere.
    mask : TissueMask or None
        Where the tissue is; None: it is found.
    """

    layout: Literal["hex", "square"] = "hex"
    pitch_um: float = 100.0
    diameter_um: float = 55.0
    in_tissue: bool = True
    areas: tuple[GridArea, ...] = ()
    mask: TissueMask | None = None


def areas_of(
    regions: Sequence[Region],
    pitches: Mapping[str, float | None],
    rest_um: float | None,
) -> tuple[GridArea, ...]:
    """Return the areas of a grid whose pitch differs by the regions' class.

    Parameters
    ----------
    regions : sequence of Region
    pitches : mapping of str to float or None
        µm for each class (for regions without a class, '' or their name); None: no spots
        there. Regions of a class that isn't named are like what is around them.
    rest_um : float or None
        Outside of all those regions; None: no spots there.

    Raises
    ------
    AnnotationError
        There is no region of such a class.
    """
    from napari_stexp.spots import GridArea

    shapes: dict[str, list[Any]] = {name: [] for name in pitches}
    for region in regions:
        for name in dict.fromkeys((region.class_name or "", region.name or "")):
            if name in shapes:
                shapes[name].append(region.geometry)
                break
    for name, found in shapes.items():
        if not found:
            known = sorted({region.class_name or region.name or "" for region in regions})
            raise AnnotationError(
                "there is no region of this class", found=name, expected=", ".join(known) or None
            )
    areas = [GridArea(name, pitches[name], tuple(found)) for name, found in shapes.items()]
    if rest_um is not None:
        areas.append(GridArea(REST, rest_um))
    return tuple(areas)


def plan_grid_steps(
    slide: Slide, settings: GridSettings
) -> Generator[Progress, None, tuple[GridPlan, TissueMask | None]]:
    """Find where spots would be, and the mask that was used; see `make_grid_steps`."""
    from napari_stexp.slide import find_tissue_steps
    from napari_stexp.spots import GridArea
    from napari_stexp.spots.grid_areas import plan_area_grid

    _need_scale(slide)
    mask = settings.mask
    if settings.in_tissue and mask is None:
        mask = yield from find_tissue_steps(slide)
    plan = yield from plan_area_grid(
        slide.shape,
        slide.mpp,
        settings.areas or (GridArea(REST, settings.pitch_um),),
        diameter_um=_diameter(settings),
        layout=settings.layout,
        inside=mask.contains if settings.in_tissue and mask is not None else None,
    )
    return plan, mask


def make_grid_steps(slide: Slide, settings: GridSettings) -> Generator[Progress, None, Any]:
    """Find the tissue and lay a grid on it (AnnData).

    Raises
    ------
    ScaleError
        The slide's µm/px isn't known.
    SpotsError
        No tissue was found, or the pitch makes no spots.
    """
    from napari_stexp.slide import find_tissue_steps
    from napari_stexp.spots import make_grid
    from napari_stexp.spots.grid_areas import assemble_plan

    yield Progress(0, 0, "finding the tissue" if settings.in_tissue else "making the grid")
    _need_scale(slide)
    assert slide.mpp is not None
    if settings.areas:
        plan, _ = yield from plan_grid_steps(slide, settings)
        return assemble_plan(plan, slide.mpp, _diameter(settings), settings.layout)
    mask = settings.mask
    if settings.in_tissue and mask is None:
        mask = yield from find_tissue_steps(slide)
    on_tissue = mask if settings.in_tissue else None
    return make_grid(
        slide.shape,
        slide.mpp,
        pitch_um=settings.pitch_um,
        diameter_um=settings.diameter_um,
        layout=settings.layout,
        mask=None if on_tissue is None else on_tissue.pixels,
        mask_downsample=1.0 if on_tissue is None else on_tissue.downsample,
    )


def _need_scale(slide: Slide) -> None:
    if slide.mpp is None:
        raise ScaleError(
            "a grid in µm needs the slide's scale",
            path=slide.path,
            hint="Set the slide's µm per pixel first (--mpp on the command line).",
        )


def _diameter(settings: GridSettings) -> float:
    pitches = [one.pitch_um for one in settings.areas if one.pitch_um is not None]
    return min([settings.diameter_um, *pitches])
