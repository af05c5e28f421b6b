"""What the readers of XML annotations share: outlines, ids, and the refusal of a region."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation.polygons import parse_all_polygons
from napari_stexp.errors import AnnotationError

__all__ = [
    "Outline",
    "box_of",
    "color_of_hex",
    "ellipse_of",
    "log_left_out",
    "outline_areas",
    "refuse_region",
    "stable_ids",
]

logger = logging.getLogger(__name__)

_CORNERS = 90  # of an ellipse: its area is within 0.1 %


@dataclass(frozen=True)
class Outline:
    """An outline as a file has it.

    Attributes
    ----------
    attributes : mapping of str to str
        What the file says about it.
    shell : (n, 2) array or None
        (x, y) in level-0 pixels; None for an arrow, a point, a line.
    said : mapping of str to str
        Attributes that the user defined.
    """

    attributes: Mapping[str, str]
    shell: NDArray[np.float64] | None
    said: Mapping[str, str] = field(default_factory=dict)


def box_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the four corners of the box around points (n, 2)."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def ellipse_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ellipse in the box around points (n, 2), as a polygon (m, 2)."""
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    return center + np.ptp(points, axis=0) / 2 * np.column_stack([np.cos(angle), np.sin(angle)])


def color_of_hex(text: str | None) -> tuple[int, int, int] | None:
    """Return (r, g, b) of ``#rrggbb`` (or ``#aarrggbb``), None for anything else."""
    digits = (text or "").strip().removeprefix("#")
    if len(digits) not in (6, 8):
        return None
    try:
        value = int(digits, 16)
    except ValueError:
        return None
    return (value >> 16) & 255, (value >> 8) & 255, value & 255


def stable_ids(areas: Sequence[Any], start: int = 0) -> list[str]:
    """Return UUIDs that are the same whenever the same file is read.

    They are made of each area's number, counted from ``start``, and its outline.
    """
    import shapely

    return [
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number}:{content}"))
        for number, content in enumerate(shapely.to_wkb(areas, hex=True), start)
    ]


def refuse_region(which: object, why: object, path: Path) -> AnnotationError:
    """Return the error for a region that can't be understood."""
    return AnnotationError(f"region {which} can't be understood", path=path, found=str(why))


def outline_areas(outlines: Sequence[Outline], path: Path) -> list[Any]:
    """Return the valid area in each outline, all of which have one.

    Raises
    ------
    AnnotationError
        One has none; it is named as the file names it.
    """
    shells = [[] if outline.shell is None else outline.shell.tolist() for outline in outlines]
    areas = parse_all_polygons([{"type": "Polygon", "coordinates": [shell]} for shell in shells])
    for number, (outline, area) in enumerate(zip(outlines, areas, strict=True)):
        if isinstance(area, ValueError | TypeError):
            names = (outline.attributes.get(key) for key in ("Id", "Name", "which"))
            raise refuse_region(next(filter(None, names), number + 1), area, path) from area
    return areas


def log_left_out(count: int, path: Path) -> None:
    """Say how many objects have no area."""
    if count:
        logger.info("%s: %d objects are no regions", path.name, count)
