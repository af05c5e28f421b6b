"""Cells as Space Ranger 4 segments them: outlines in GeoJSON, full-resolution pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import refuse_duplicates
from napari_stexp.spots.tables import read_text

__all__ = ["Cells", "read_cells"]


@dataclass(frozen=True)
class Cells:
    """Segmented cells.

    Attributes
    ----------
    barcodes : list of str, N
        ``cellid_000000001-1`` as in the counts, in the file's order.
    xy : (N, 2) float64 array
        Centroids, level-0 px.
    area : (N,) float64 array
        Level-0 px².
    clusters : list of str
        Name of the class of each cell, empty where the file has none.
    """

    barcodes: list[str]
    xy: NDArray[np.float64]
    area: NDArray[np.float64]
    clusters: list[str]

    @property
    def diameter(self) -> NDArray[np.float64]:
        """Of the disc that has a cell's area, level-0 px."""
        return 2 * np.sqrt(self.area / np.pi)


def read_cells(path: Path) -> Cells:
    """Read the outlines of cells, and find their centroids and areas (holes left out).

    Parameters
    ----------
    path : Path
        ``[graphclust_annotated_]cell_segmentations.geojson``: a FeatureCollection of
        Polygons or MultiPolygons with the property ``cell_id``.

    Raises
    ------
    SpotsError
        Damaged or of another form; a cell twice; an outline without an area.
    """
    import orjson

    try:
        features = orjson.loads(read_text(path))["features"]
        ids = [int(feature["properties"]["cell_id"]) for feature in features]
        outlines = _make_polygons(features)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise SpotsError(
            "the cells' outlines can't be read",
            path=path,
            expected="GeoJSON as Space Ranger writes it: polygons with a cell_id",
            found=f"{type(error).__name__}: {error}",
            hint="It may be damaged or cut off.",
        ) from error
    if not ids:
        raise SpotsError("the file has no cells", path=path, expected="at least one")
    import shapely

    barcodes = [f"cellid_{number:09d}-1" for number in ids]
    refuse_duplicates(barcodes, "cells", path)
    centres, area = shapely.get_coordinates(shapely.centroid(outlines)), shapely.area(outlines)
    bad = ~(np.isfinite(area) & (area > 0))
    if len(centres) != len(ids) or bad.any():
        first = barcodes[int(np.argmax(bad))]
        raise SpotsError(
            f"{int(bad.sum())} of {len(ids)} cells have no area", path=path, found=f"cell {first}"
        )
    return Cells(barcodes, centres, area, [_cluster(feature) for feature in features])


def _make_polygons(features: list[dict[str, Any]]) -> NDArray[np.object_]:
    """Return the outlines as shapely's MultiPolygons."""
    import shapely

    shapes = [_parts(feature["geometry"]) for feature in features]
    parts = list(chain.from_iterable(shapes))
    rings = list(chain.from_iterable(parts))
    points = np.array(list(chain.from_iterable(rings)), dtype=np.float64).reshape(-1, 2)
    offsets = tuple(
        np.concatenate([[0], np.cumsum([len(one) for one in level], dtype=np.int64)])
        for level in (rings, parts, shapes)
    )
    made: NDArray[np.object_] = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON, points, offsets
    )
    return made


def _parts(geometry: dict[str, Any]) -> list[Any]:
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"]]
    if geometry["type"] == "MultiPolygon":
        return list(geometry["coordinates"])
    raise ValueError(f"a {geometry['type']}")


def _cluster(feature: dict[str, Any]) -> str:
    named = feature["properties"].get("classification")
    return str(named.get("name", "")) if isinstance(named, dict) else ""
