"""The Shapes layer of the pathologist's regions: outlines in the colour of their class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.frame import layer_frame, to_yx
from napari_stexp.viewer.layer_data import REGIONS

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = ["class_colours", "fit_outlines", "make_annotation_layer", "region_rings"]

# Width of an outline in parts of the longer side of what is annotated: about two screen
# pixels when all of it is in view.
_LINE_PART = 1 / 400
_LINE_SCREEN_PX = 2.5
_LINE_TOLERANCE = 1.3  # outlines are redrawn when their width is off by this factor

# Okabe & Ito's palette for colour-blind eyes (2008), without its yellow and black, which
# vanish on a slide's background or among nuclei.
_PALETTE = (
    (0.00, 0.45, 0.70),
    (0.84, 0.37, 0.00),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.34, 0.71, 0.91),
    (0.90, 0.62, 0.00),
)


def class_colours(regions: Sequence[Any]) -> dict[str, tuple[float, float, float]]:
    """Return RGB, 0 to 1, of each class: the file's own colour, else one of a fixed palette."""
    colours: dict[str, tuple[float, float, float]] = {}
    for region in regions:
        name = region.class_name or ""
        if region.color is not None and name not in colours:
            red, green, blue = (value / 255 for value in region.color)
            colours[name] = (red, green, blue)
    names = sorted({region.class_name or "" for region in regions} - set(colours))
    for number, name in enumerate(names):
        colours[name] = _PALETTE[number % len(_PALETTE)]
    return colours


def region_rings(region: Any) -> Iterator[NDArray[np.float64]]:
    """Yield a region's outlines and the borders of its holes, (n, 2) level-0 px, (y, x).

    Only lines are drawn: a filled region would tint the spots inside, and napari's Shapes
    know no holes.
    """
    parts = getattr(region.geometry, "geoms", [region.geometry])
    for polygon in parts:
        for ring in (polygon.exterior, *polygon.interiors):
            yield to_yx(np.asarray(ring.coords)[:-1, :2])


def make_annotation_layer(regions: Sequence[Any], mpp: float | None) -> Shapes:
    """Return a Shapes layer with one outline per ring of each region.

    Parameters
    ----------
    regions : sequence of Region
        In level-0 px.
    mpp : float or None
        µm per level-0 pixel.
    """
    import pandas as pd
    from napari.layers import Shapes

    colours = class_colours(regions)
    rings, edges, rows = [], [], []
    for region in regions:
        for ring in region_rings(region):
            rings.append(ring)
            edges.append((*colours[region.class_name or ""], 1.0))
            rows.append((region.class_name or "", region.name or "", region.id))
    every = np.concatenate(rings)
    return Shapes(
        rings,
        shape_type="polygon",
        edge_color=np.asarray(edges, dtype=np.float32),
        face_color="transparent",
        edge_width=float(np.ptp(every, axis=0).max()) * _LINE_PART,
        features=pd.DataFrame(rows, columns=["class", "name", "id"]),
        text={"string": "{class}", "visible": False, "color": "black", "size": 10},
        name="Annotation",
        metadata={REGIONS: list(regions)},
        **layer_frame(mpp),
    )


def fit_outlines(layer: Shapes, zoom: float) -> None:
    """Keep outlines equally wide on screen, so that they hide no cell close up.

    Parameters
    ----------
    layer : Shapes
        Whose lines are napari's: as wide as so many pixels of the data.
    zoom : float
        Screen pixels per world unit.
    """
    if not len(layer.data) or zoom <= 0:
        return
    wanted = _LINE_SCREEN_PX / (zoom * float(layer.scale[-1]))
    present = float(layer.edge_width[0])
    if max(wanted / present, present / wanted) > _LINE_TOLERANCE:
        layer.edge_width = wanted
