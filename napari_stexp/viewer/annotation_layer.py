"""The Shapes layer of the pathologist's regions: outlines in the colour of their class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.frame import layer_frame, to_yx
from napari_stexp.viewer.layer_data import REGIONS
from napari_stexp.viewer.region_style import HALO, HALO_WIDTH, style_regions

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = [
    "fit_outlines",
    "make_annotation_layer",
    "redraw_outlines",
    "region_rings",
    "restyle_outlines",
]

# Width of an outline in parts of the longer side of what is annotated: about two screen
# pixels when all of it is in view.
_LINE_PART = 1 / 400
_LINE_SCREEN_PX = 2.5
_LINE_TOLERANCE = 1.3  # outlines are redrawn when their width is off by this factor


def region_rings(region: Any) -> Iterator[NDArray[np.float64]]:
    """Yield a region's outlines and the borders of its holes, closed, level-0 px, (y, x).

    Only lines are drawn: a filled region would tint the spots inside, and napari's Shapes
    know no holes.
    """
    parts = getattr(region.geometry, "geoms", [region.geometry])
    for polygon in parts:
        for ring in (polygon.exterior, *polygon.interiors):
            yield to_yx(np.asarray(ring.coords)[:, :2])


def make_annotation_layer(
    regions: Sequence[Any],
    mpp: float | None,
    classes: Iterable[Any] = (),
    selected: frozenset[str] = frozenset(),
) -> Shapes:
    """Return a Shapes layer with one closed line per ring of each region, on a white one.

    The white line below, the first half of the shapes, lets colours near those of the stain be
    seen on it, and under spots. Lines take a fifteenth of the time that polygons take, which
    napari cuts into triangles for a filling that isn't drawn.

    Parameters
    ----------
    regions : sequence of Region
        In level-0 px.
    mpp : float or None
        µm per level-0 pixel.
    classes : iterable of RegionClass
        The palette.
    selected : set of str
        Ids of regions with a wider line.
    """
    from napari.layers import Shapes

    lines = _Lines(regions)
    styles = style_regions(regions, classes, selected)
    layer = Shapes(
        lines.rings,
        shape_type="path",
        edge_color=_edges(styles.color[lines.of_region]),
        face_color="transparent",
        edge_width=list(_widths(styles.width[lines.of_region]) * lines.width),
        features=lines.features(),
        text={"string": "{class}", "visible": False, "color": "black", "size": 10},
        name="Annotation",
        metadata={REGIONS: list(regions), _OF_REGION: lines.of_region, _WIDTH: lines.width},
        **layer_frame(mpp),
    )
    layer.editable = False  # a line moved here would part from its region
    return layer


class _Lines:
    """The rings of some regions, and which region each belongs to."""

    def __init__(self, regions: Sequence[Any]) -> None:
        pairs = [(ring, n) for n, region in enumerate(regions) for ring in region_rings(region)]
        self.regions = regions
        self.rings = [ring for ring, _ in pairs] * 2  # see _edges
        self.of_region = np.array([n for _, n in pairs], dtype=np.intp)
        self.width = float(np.ptp(np.concatenate(self.rings), axis=0).max()) * _LINE_PART

    def features(self) -> Any:
        """Return class, name and id for each ring."""
        import pandas as pd

        rows = [(r.class_name or "", r.name or "", r.id) for r in self.regions]
        table = pd.DataFrame(rows, columns=["class", "name", "id"])
        return table.iloc[np.tile(self.of_region, 2)].reset_index(drop=True)


def redraw_outlines(
    layer: Shapes,
    regions: Sequence[Any],
    classes: Iterable[Any] = (),
    selected: frozenset[str] = frozenset(),
) -> None:
    """Draw other regions, at least one, in the same layer; parameters as above."""
    lines = _Lines(regions)
    styles = style_regions(regions, classes, selected)
    layer.metadata[REGIONS] = list(regions)
    layer.metadata[_OF_REGION] = lines.of_region
    layer.data = (lines.rings, ["path"] * len(lines.rings))
    layer.edge_color = _edges(styles.color[lines.of_region])
    layer.features = lines.features()
    _set_widths(layer, _widths(styles.width[lines.of_region]) * layer.metadata[_WIDTH])


# Keys of the layer's metadata beside its regions.
_OF_REGION = "stexp_region_of_ring"
_WIDTH = "stexp_line_width"  # level-0 px, of a region that is neither selected nor locked


def _edges(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return RGBA of the white lines below, and of the lines (n, 3) themselves."""
    lines = np.column_stack([color, np.ones(len(color), np.float32)])
    return np.concatenate([np.broadcast_to(np.float32(HALO), lines.shape), lines])


def _widths(width: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the widths of the white lines below, and of the lines (n,) themselves."""
    return np.concatenate([width + HALO_WIDTH, width]).astype(np.float64)


def restyle_outlines(
    layer: Shapes, classes: Iterable[Any] = (), selected: frozenset[str] = frozenset()
) -> None:
    """Follow the palette and the selection without drawing the lines anew."""
    held = layer.metadata
    styles = style_regions(held[REGIONS], classes, selected)
    colors = _edges(styles.color[held[_OF_REGION]])
    if not np.allclose(layer.edge_color, colors):
        layer.edge_color = colors
    _set_widths(layer, _widths(styles.width[held[_OF_REGION]]) * held[_WIDTH])


def _set_widths(layer: Shapes, widths: NDArray[np.float64]) -> None:
    if not np.allclose(layer.edge_width, widths):
        layer.edge_width = list(widths)
        layer.events.edge_width()  # which napari's setter leaves out: lines stayed as they were


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
    present = layer.metadata[_WIDTH]
    if max(wanted / present, present / wanted) > _LINE_TOLERANCE:
        layer.metadata[_WIDTH] = wanted
        _set_widths(layer, np.asarray(layer.edge_width) * (wanted / present))
