"""Places in SpatialData elements: centres of circles and polygons, and points."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError

__all__ = ["Places", "read_places"]


class Places(NamedTuple):
    """Where the instances of an element are.

    Attributes
    ----------
    index : pandas.Index, N
        Their names.
    xy : (N, 2) float64
        In the element's own coordinates.
    radius : (N,) float64 or None
        The circles', or that of circles of the polygons' area.
    """

    index: Any
    xy: NDArray[np.float64]
    radius: NDArray[np.float64] | None


def read_places(element: Path, kind: str) -> Places:
    """Read an element's places.

    Parameters
    ----------
    element : Path
        Its folder in the store.
    kind : {'shapes', 'points', 'labels'}

    Raises
    ------
    SpotsError
        It can't be read; a raster of labels.
    """
    if kind == "labels":
        raise SpotsError(
            "spots that are a raster of labels aren't read",
            path=element,
            expected="circles, polygons or points",
            hint="Convert them with spatialdata.to_circles or to_polygons.",
        )
    try:
        if kind == "points":
            return _read_points(element / "points.parquet")
        if (element / "shapes.parquet").is_file():
            return _read_parquet(element / "shapes.parquet")
        return _read_ragged(element)
    except (SpotsError, MemoryError):
        raise
    except Exception as error:  # pyarrow, shapely and zarr have kinds of their own
        text = str(error).splitlines()[0] if str(error) else ""
        raise SpotsError(
            "the element can't be read",
            path=element,
            expected="shapes or points of SpatialData",
            found=f"{type(error).__name__}: {text}",
            hint="The store may be damaged or incomplete.",
        ) from error


def _read_points(path: Path) -> Places:
    import pandas as pd

    table = pd.read_parquet(path)
    return Places(table.index, table[["x", "y"]].to_numpy(dtype=np.float64), None)


def _read_parquet(path: Path) -> Places:
    """Read GeoParquet, whose geometries are WKB, or points or polygons as lists (GeoArrow)."""
    import pandas as pd

    table = pd.read_parquet(path)
    radius = table["radius"].to_numpy(dtype=np.float64) if "radius" in table else None
    cells = table["geometry"].to_numpy()
    if len(cells) and not isinstance(cells[0], bytes):
        raise SpotsError(
            "the geometries are in an encoding that isn't read",
            path=path,
            expected="WKB",
            found=type(cells[0]).__name__,
            hint="Write the store with spatialdata's default geometry encoding.",
        )
    import shapely

    return _measure(table.index, shapely.from_wkb(cells), radius)


def _read_ragged(element: Path) -> Places:
    """Read shapes of the first format, which are Zarr arrays."""
    import pandas as pd
    import shapely
    import zarr

    group = zarr.open_group(str(element), mode="r")
    index = pd.Index(np.asarray(group["Index"]))
    coords = np.asarray(group["coords"])
    offsets = sorted(
        (name for name in group.array_keys() if name.startswith("offset")),
        key=lambda name: int(re.sub(r"\D", "", name)),
    )
    if not offsets:
        return Places(index, coords[:, :2], np.asarray(group["radius"], dtype=np.float64))
    kinds = {2: shapely.GeometryType.POLYGON, 3: shapely.GeometryType.MULTIPOLYGON}
    ragged = tuple(np.asarray(group[name]).ravel() for name in offsets)
    return _measure(index, shapely.from_ragged_array(kinds[len(offsets)], coords, ragged), None)


def _measure(index: Any, geometries: Any, radius: NDArray[np.float64] | None) -> Places:
    import shapely

    centres = shapely.centroid(geometries)
    xy = np.column_stack([shapely.get_x(centres), shapely.get_y(centres)])
    if radius is None:
        area = shapely.area(geometries)
        radius = np.sqrt(area / np.pi) if (area > 0).any() else None
    return Places(index, xy, radius)
