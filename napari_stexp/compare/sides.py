"""The two groups of spots that are compared: of two classes, or in and out of a shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.compare.border import (
    check_margin,
    check_points,
    find_near_other,
    find_near_outlines,
    outline_class,
)
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import is_labelled

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from napari_stexp.annotation import Region

__all__ = [
    "ALL_OTHER_CLASSES",
    "ALL_OTHER_SPOTS",
    "Sides",
    "choose_sides",
    "clean_labels",
    "sides_of_shape",
]

ALL_OTHER_CLASSES = "all other classes"
ALL_OTHER_SPOTS = "all other spots"


@dataclass(frozen=True)
class Sides:
    """Two groups of the same section's spots that have no spot in common.

    Attributes
    ----------
    inside, outside : (N,) bool
        Spots of either side; those in neither are not compared.
    name_inside, name_outside : str
        What the sides are called, such as ``'Tumor'`` and ``'all other classes'``.
    margin_um : float
        Spots this near the border, in µm, are in neither side.
    n_left_out : int
        How many spots that is.
    """

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    name_inside: str
    name_outside: str
    margin_um: float = 0.0
    n_left_out: int = 0

    def __post_init__(self) -> None:
        """Refuse sides that overlap, or are of other spots."""
        inside, outside = (np.asarray(side) for side in (self.inside, self.outside))
        if inside.dtype != bool or outside.dtype != bool or inside.ndim != 1:
            raise EvaluationError("a side is one yes or no per spot", found=inside.dtype)
        if inside.shape != outside.shape:
            raise EvaluationError(
                "the two sides are of other spots", expected=len(inside), found=len(outside)
            )
        if (inside & outside).any():
            raise EvaluationError(
                "a spot can't be on both sides", found=f"{int((inside & outside).sum())} are"
            )


def choose_sides(
    labels: ArrayLike,
    one: str,
    other: str | None = None,
    *,
    xy: ArrayLike | None = None,
    mpp: float | None = None,
    regions: Sequence[Region] | None = None,
    margin_um: float = 0.0,
) -> Sides:
    """Take one class of spots, and another or all others beside it.

    With a margin, spots of both sides are left out whose centre is at most so far from the
    border of class ``one``:

    - With ``regions``, that is the outline of the area in which `label_spots` gives the
      class: of its regions together, less smaller regions of other classes on top of them.
    - Without (labels of a table have no outline), the border is halfway between a spot of
      the class and a spot of another: a spot's distance is half of that to the nearest spot
      on the other side of it. Spots without a label are no other side, unless ``other`` is
      ``''``.

    Parameters
    ----------
    labels : (N,) object
        Class of each spot; ``''`` or missing for none.
    one : str
        The class inside.
    other : str, optional
        The class outside. None: every other spot with a label (`is_labelled`: not
        'undetermined'); ``''``: every other spot, with or without.
    xy : (N, 2), optional
        Centres of the spots, (x, y) in level-0 pixels; needed for a margin.
    mpp : float, optional
        µm per level-0 pixel; needed for a margin.
    regions : sequence of Region, optional
        What the labels were made from, in the same frame.
    margin_um : float
        In µm.

    Raises
    ------
    EvaluationError
        No spot has the class, the classes are the same, or ``xy`` doesn't fit.
    ScaleError
        A margin without µm per pixel.
    """
    names = clean_labels(labels)
    labelled = is_labelled(names)
    inside = names == one
    _check_class(one, names, inside)
    if other is None:
        outside, name = labelled & ~inside, ALL_OTHER_CLASSES
    elif other == "":
        outside, name = ~inside, ALL_OTHER_SPOTS
    else:
        outside, name = names == other, other
        _check_class(other, names, outside)
        if other == one:
            raise EvaluationError("a class can't be compared with itself", found=one)
    near = np.zeros(len(names), dtype=bool)
    if check_margin(margin_um, mpp):
        points = check_points(xy, len(names))
        radius = margin_um / float(mpp or 1)
        if regions is not None:
            near = find_near_outlines(outline_class(regions, one), points, radius)
        else:
            near = find_near_other(inside, (labelled | outside) & ~inside, points, radius)
    return _leave_out(inside, outside, near, (one, name), margin_um)


def sides_of_shape(
    geometry: BaseGeometry,
    xy: ArrayLike,
    *,
    mpp: float | None = None,
    margin_um: float = 0.0,
    name: str = "drawn region",
) -> Sides:
    """Take the spots in a shape, and all others.

    Parameters
    ----------
    geometry : shapely Polygon or MultiPolygon
        (x, y) in level-0 pixels. A centre exactly on its border is not in it.
    xy : (N, 2)
        Centres of the spots, in the same frame.
    mpp : float, optional
        µm per level-0 pixel; needed for a margin.
    margin_um : float
        Spots whose centre is at most so far from the shape's border, holes included, are
        left out; in µm.
    name : str
        What the inside is called.

    Raises
    ------
    EvaluationError
        The shape has no area, or ``xy`` doesn't fit.
    ScaleError
        A margin without µm per pixel.
    """
    import shapely

    kind = getattr(geometry, "geom_type", type(geometry).__name__)
    if kind not in ("Polygon", "MultiPolygon") or geometry.is_empty:
        raise EvaluationError(
            "spots can't lie in this shape", expected="Polygon or MultiPolygon", found=kind
        )
    area = geometry if geometry.is_valid else shapely.make_valid(geometry)
    points = check_points(xy)
    shapely.prepare(area)
    inside = np.asarray(shapely.contains_xy(area, points[:, 0], points[:, 1]), dtype=bool)
    near = np.zeros(len(points), dtype=bool)
    if check_margin(margin_um, mpp):
        near = find_near_outlines(np.array([area.boundary]), points, margin_um / float(mpp or 1))
    return _leave_out(inside, ~inside, near, (name, ALL_OTHER_SPOTS), margin_um)


def _leave_out(
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    near: NDArray[np.bool_],
    names: tuple[str, str],
    margin_um: float,
) -> Sides:
    n_left_out = int(((inside | outside) & near).sum())
    return Sides(inside & ~near, outside & ~near, *names, float(margin_um), n_left_out)


def clean_labels(labels: ArrayLike) -> NDArray[np.object_]:
    """Return labels as text, '' for missing ones."""
    import pandas as pd

    series = pd.Series(labels).astype(object)
    return series.where(series.notna(), "").astype(str).to_numpy(dtype=object)


def _check_class(wanted: str, names: NDArray[np.object_], found: NDArray[np.bool_]) -> None:
    if not found.any():
        known = sorted({str(name) for name in names} - {""})
        raise EvaluationError(
            f"no spot is labelled {wanted!r}",
            expected=", ".join(known[:12]) or "labelled spots",
            found=f"{len(names)} spots, {len(known)} classes",
        )
