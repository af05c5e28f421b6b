"""Which spots are compared: those of a class, of a region, or chosen ones, and which beside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.label_source import LabelSource
from napari_stexp.session.annotation.labelling import REGIONS

if TYPE_CHECKING:
    from napari_stexp.compare import Sides
    from napari_stexp.session.state import Session

__all__ = ["SELECTED_REGIONS", "SELECTED_SPOTS", "find_sides", "labels_in_use"]

#: In place of a class: the regions, or the spots, that are selected.
SELECTED_REGIONS = "selected regions"
SELECTED_SPOTS = "selected spots"


def find_sides(
    session: Session, one: str, other: str | None = None, margin_um: float = 0.0
) -> Sides:
    """Take the spots of one side, and of the other.

    Parameters
    ----------
    session : Session
        Its labels in use, regions and spots.
    one : str
        A class of the labels in use, `SELECTED_REGIONS` or `SELECTED_SPOTS`.
    other : str, optional
        A class; None for every other spot that has a class (for selected spots or regions:
        every other spot); '' for every other spot.
    margin_um : float
        Spots this near the border are in neither side, µm.

    Raises
    ------
    AnnotationError
        Nothing is selected, or there are no labels.
    EvaluationError, ScaleError
        As `napari_stexp.compare.choose_sides`.
    """
    if session.spots is None:
        raise AnnotationError("there are no spots to compare", hint="Load the spots first.")
    if one in (SELECTED_REGIONS, SELECTED_SPOTS):
        return _sides_of_selection(session, one, other, margin_um)
    from napari_stexp.compare import choose_sides

    source = labels_in_use(session)
    return choose_sides(
        source.values,
        one,
        other,
        xy=session.spots.obsm["spatial"],
        mpp=session.world_mpp,
        regions=session.regions.items if source.key == REGIONS else None,
        margin_um=margin_um,
    )


def _sides_of_selection(session: Session, one: str, other: str | None, margin_um: float) -> Sides:
    from napari_stexp.compare import Sides, sides_of_shape

    if one == SELECTED_REGIONS:
        import shapely

        chosen = [session.regions.find(id) for id in session.regions.selected]
        if not chosen:
            raise AnnotationError("no region is selected", hint="Click a region, or draw one.")
        names = {region.name or region.class_name or "drawn region" for region in chosen}
        sides = sides_of_shape(
            shapely.union_all([region.geometry for region in chosen]),
            session.spots.obsm["spatial"],
            mpp=session.world_mpp,
            margin_um=margin_um,
            name=names.pop() if len(names) == 1 else SELECTED_REGIONS,
        )
    else:
        if session.selection is None:
            raise AnnotationError("no spots are selected", hint="Draw around some spots.")
        sides = Sides(session.selection, ~session.selection, SELECTED_SPOTS, "all other spots")
    if not other:
        return sides
    outside = sides.outside & (labels_in_use(session).values == other)
    return replace(sides, outside=outside, name_outside=other)


def labels_in_use(session: Session) -> LabelSource:
    """Return the labels in use, or raise `AnnotationError` where there are none."""
    source = session.labelling.source
    if source is None:
        raise AnnotationError(
            "there are no labels to compare",
            hint="Outline regions, or load labels, in the panel Annotations.",
        )
    return source
