"""Regions from shapes that were drawn with napari itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.viewer.frame import layer_frame
from napari_stexp.viewer.gestures import close_outline
from napari_stexp.viewer.layer_data import REGIONS

if TYPE_CHECKING:
    from napari.layers import Layer, Shapes

__all__ = ["class_names", "layer_to_level0", "regions_from_shapes", "scale_of", "to_rgb"]

# Columns of a layer's features that name a class, in order of preference.
_CLASS_COLUMNS = ("class", "classification", "class_name", "label", "name")
_ELLIPSE_VERTICES = 96


def regions_from_shapes(layer: Shapes, mpp: float | None) -> list[Region]:
    """Return the polygons, rectangles and ellipses of a Shapes layer as regions.

    Lines, and paths that don't end where they begin, enclose nothing and are left out. A
    region's class is what the layer's features say in a column ``class``,
    ``classification``, ``label`` or ``name``; its colour is that of the filling, else of
    the edge.

    Parameters
    ----------
    layer : Shapes
        In the world of the slide.
    mpp : float or None
        µm per level-0 pixel of the world; None where it is in pixels.

    Returns
    -------
    list of Region
        In level-0 px, with the layer's transform applied.

    Raises
    ------
    AnnotationError
        The layer encloses no area.
    """
    if REGIONS in layer.metadata:
        return list(layer.metadata[REGIONS])
    classes = class_names(layer.features, len(layer.data))
    found = []
    for index, (vertices, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
        outline = _outline_of(np.asarray(vertices)[:, -2:], kind)
        shape = None if outline is None else close_outline(layer_to_level0(layer, outline, mpp))
        if shape is not None:
            color = to_rgb(layer.face_color[index]) or to_rgb(layer.edge_color[index])
            found.append(Region(shape, class_name=classes[index], color=color))
    if not found:
        raise AnnotationError(
            "no shape of this layer encloses an area",
            expected="polygons, rectangles, ellipses or closed paths",
            found=f"{len(layer.data)} shapes in {layer.name!r}",
        )
    return found


def _outline_of(vertices: NDArray[np.float64], kind: str) -> NDArray[np.float64] | None:
    """Return a shape's outline (n, 2), in the layer's data; None if it is an open line."""
    if kind == "ellipse":
        middle = vertices.mean(axis=0)
        across, along = (vertices[1] - vertices[0]) / 2, (vertices[3] - vertices[0]) / 2
        angle = np.linspace(0, 2 * np.pi, _ELLIPSE_VERTICES, endpoint=False)[:, None]
        return np.asarray(middle + np.cos(angle) * across + np.sin(angle) * along)
    if kind == "path" and not np.allclose(vertices[0], vertices[-1]):
        return None
    return None if kind == "line" else vertices


def class_names(features: Any, n: int) -> list[str | None]:
    """Return what a table of features says of each of its n rows' classes."""
    by_name = {str(column).lower(): column for column in features.columns}
    for name in _CLASS_COLUMNS:
        if name in by_name and len(features) == n:
            column = features[by_name[name]].astype(object)
            texts = ["" if missing else str(value).strip()
                     for value, missing in zip(column, column.isna(), strict=True)]  # fmt: skip
            return [text or None for text in texts]
    return [None] * n


def to_rgb(rgba: Any) -> tuple[int, int, int] | None:
    """Return a colour as 0 to 255; None if it is clear."""
    if rgba is None or rgba[3] == 0:
        return None
    red, green, blue = (round(float(value) * 255) for value in rgba[:3])
    return red, green, blue


def layer_to_level0(
    layer: Layer, positions: NDArray[np.float64], mpp: float | None
) -> NDArray[np.float64]:
    """Turn (n, 2) positions (y, x) in a layer's data into (x, y) in level-0 px.

    Parameters
    ----------
    layer : napari layer
        Its scale, place, rotation and shear are taken into account, and its unit where
        that is a length.
    positions : (n, 2) array
        In the layer's last two dimensions.
    mpp : float or None
        As in `regions_from_shapes`.
    """
    rest = [0.0] * (layer.ndim - 2)
    corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    origin, down, across = (
        np.asarray(layer.data_to_world([*rest, *corner]))[-2:] for corner in corners
    )
    world = origin + positions @ np.stack([down - origin, across - origin])
    world = world * _micrometres(layer) if mpp is not None else world
    return np.ascontiguousarray((world / layer_frame(mpp)["scale"])[:, ::-1])


def scale_of(layer: Layer) -> float | None:
    """Return the µm per pixel that a layer itself states, None where it states no length."""
    if not layer.units[-1].is_compatible_with("um"):
        return None
    return float(layer.scale[-1]) * _micrometres(layer)


def _micrometres(layer: Layer) -> float:
    """Return the size of the layer's world unit in µm; 1 where it is no length."""
    unit = layer.units[-1]
    if not unit.is_compatible_with("um"):
        return 1.0
    return float((1 * unit).to("um").magnitude)
