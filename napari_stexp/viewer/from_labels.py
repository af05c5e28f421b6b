"""Regions from a Labels layer, pixel by pixel, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.viewer.from_shapes import class_names, layer_to_level0, to_rgb
from napari_stexp.viewer.scanlines import fill_region, outline_mask

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels

__all__ = ["regions_from_labels", "regions_to_labels"]

_MOST_PIXELS = 500_000_000  # in memory; a finer picture is a mistake for regions


def regions_from_labels(layer: Labels, mpp: float | None) -> list[Region]:
    """Return each label of a Labels layer as a region, with its holes.

    Borders follow those of the pixels, in the layer's own place and scale. A region's class
    is what the layer's features say of the label (see `regions_from_shapes`), else
    ``'label 3'``; its colour is that of the layer.

    Parameters
    ----------
    layer : Labels
        Two-dimensional; of several levels the finest is used.
    mpp : float or None
        µm per level-0 pixel of the world; None where it is in pixels.

    Returns
    -------
    list of Region
        In level-0 px, by label.

    Raises
    ------
    AnnotationError
        The layer isn't a picture of labels, is too large, or empty.
    """
    from scipy.ndimage import find_objects

    data = layer.data[0] if layer.multiscale else layer.data
    if data.ndim != 2 or data.shape[0] * data.shape[1] > _MOST_PIXELS:
        raise AnnotationError(
            "these labels can't be turned into regions",
            expected=f"two dimensions and at most {_MOST_PIXELS:,} pixels",
            found=str(tuple(data.shape)),
        )
    pixels = np.asarray(data)
    values = np.unique(pixels[pixels > 0])
    ranks = np.searchsorted(values, pixels).astype(np.int32) + 1
    ranks[pixels <= 0] = 0
    names = _names_of(layer.features, values.tolist())
    regions = []
    for rank, box in enumerate(find_objects(ranks), start=1):
        shape = outline_mask(ranks[box] == rank)
        assert shape is not None  # every rank has pixels
        value = int(values[rank - 1])
        color = to_rgb(np.asarray(layer.get_color(value)))
        shape = _place(layer, shape, (box[0].start, box[1].start), mpp)
        regions.append(Region(shape, class_name=names[value], color=color))
    if not regions:
        raise AnnotationError("there are no labels in this layer", found=repr(layer.name))
    return regions


def _place(layer: Labels, shape: Any, corner: tuple[int, int], mpp: float | None) -> Any:
    """Move a part's outline to level-0 px; a pixel's centre is where its index is."""
    import shapely

    def to_level0(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return layer_to_level0(layer, xy[:, ::-1] + corner - 0.5, mpp)

    return shapely.transform(shape, to_level0)


def _names_of(features: pd.DataFrame, values: list[int]) -> dict[int, str]:
    """Return the class of each label: napari keeps a row per label, by number or 'index'."""
    names = class_names(features, len(features))
    numbers = features.get("index", features.index)
    known = {int(number): name for number, name in zip(numbers, names, strict=True)}
    return {value: known.get(value) or f"label {value}" for value in values}


def regions_to_labels(
    regions: Sequence[Region], shape: tuple[int, int], *, pixel: float = 1.0
) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Return regions as a picture of labels, one number per class.

    A pixel belongs to the region that holds its centre; where regions overlap, the
    smallest wins, as with spots.

    Parameters
    ----------
    regions : sequence of Region
        In level-0 px.
    shape : (int, int)
        Rows and columns of the picture.
    pixel : float
        Level-0 px per pixel of the picture.

    Returns
    -------
    labels : (rows, columns) int32 array
        0 where there is no region.
    classes : dict of int to str
        The class of each number, from 1, in order of first appearance.
    """
    import shapely

    numbers: dict[str, int] = {}
    for region in regions:
        numbers.setdefault(region.class_name or "", len(numbers) + 1)
    labels = np.zeros(shape, np.int32)
    for region in sorted(reversed(regions), key=lambda one: one.geometry.area, reverse=True):
        left, top, right, bottom = (value / pixel for value in region.geometry.bounds)
        columns = slice(max(int(left), 0), max(min(int(np.ceil(right)), shape[1]), 0))
        rows = slice(max(int(top), 0), max(min(int(np.ceil(bottom)), shape[0]), 0))
        part = labels[rows, columns]
        if part.size:
            corner = np.array([columns.start, rows.start])
            local = shapely.transform(region.geometry, lambda xy, at=corner: xy / pixel - at)
            part[fill_region(local, part.shape)] = numbers[region.class_name or ""]
    return labels, {number: name for name, number in numbers.items()}
