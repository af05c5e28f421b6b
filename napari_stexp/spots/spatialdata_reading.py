"""Spots from a SpatialData store: a table, and the shapes or points that it is about."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.checks import check_spots
from napari_stexp.spots.h5ad import tidy_table
from napari_stexp.spots.record import RECORD, set_diameter, spots_record
from napari_stexp.spots.spatialdata_shapes import read_places
from napari_stexp.spots.spatialdata_store import StoreContent, StoreSpots, look_at_store

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["read_spatialdata"]

_ATTRS = "spatialdata_attrs"


def read_spatialdata(
    path: str | Path,
    spots: str | None = None,
    *,
    frame: str | None = None,
    section: str | None = None,
) -> AnnData:
    """Read spots from a SpatialData store.

    Parameters
    ----------
    path : path-like
        The store, a folder.
    spots : str, optional
        The region that the table is about, or ``TABLE/REGION`` where several tables are
        about it; not needed when there is only one.
    frame : str, optional
        Whose pixels the slide's are: an image of the store, or a coordinate system. By
        default the store's one full-resolution RGB image, else ``global``, else its only
        coordinate system.
    section : str, optional
        Name of the section, where the table doesn't record one.

    Returns
    -------
    AnnData
        Counts from ``layers['counts']``, else ``X``; ``obsm['spatial']`` the circles'
        centres, the polygons' centroids, or the points, (x, y) in level-0 pixels; the
        spots' diameter is the circles', or that of circles of the polygons' area (median).
        ``uns['stexp_spots']['frame']`` says in what frame they are.

    Raises
    ------
    SpotsError
        Nothing with spots; a choice that has to be made, with what there is to choose; a
        row of the table without a shape; a raster of labels; damaged content.
    """
    path = Path(path)
    content = look_at_store(path)
    chosen = _choose(content.names, spots, path)
    name, matrix = choose_frame(content, chosen, frame)
    adata = _read_table(path, chosen.table)
    ids, places = _rows_of(adata, chosen, path)
    adata = adata[places].copy()
    keys = adata.uns.pop(_ATTRS)
    adata.obs = adata.obs.drop(columns=[keys["region_key"], keys["instance_key"]])
    shapes = read_places(path / chosen.kind / chosen.region, chosen.kind)
    index = _find(ids, shapes.index)
    if (index < 0).any():
        raise SpotsError(
            f"{int((index < 0).sum())} of {len(index)} rows of table {chosen.table!r} are about "
            f"nothing in {chosen.region!r}",
            path=path,
            expected=f"names such as {shapes.index[0]}",
            found=ids[int(np.argmax(index < 0))],
        )
    xy = np.column_stack([shapes.xy[index], np.ones(len(index))])
    adata.obsm["spatial"] = np.ascontiguousarray((xy @ matrix.T)[:, :2])
    record = {"source": str(path), "frame": name}
    adata.uns[RECORD] = dict(spots_record(adata)) | record
    if section is not None:
        adata.uns[RECORD].setdefault("section", section)
    adata.obs_names = adata.obs_names.astype(str)
    check_spots(adata)
    tidy_table(adata, path)
    if shapes.radius is not None:
        radius = float(np.median(shapes.radius[index]))
        set_diameter(adata, 2 * radius * float(np.sqrt(abs(np.linalg.det(matrix[:2, :2])))))
    return adata


def choose_frame(
    content: StoreContent, spots: StoreSpots, frame: str | None
) -> tuple[str, NDArray[np.float64]]:
    """Return the name and the matrix of what takes spots to level-0 pixels.

    Raises
    ------
    SpotsError
        Several may, or there is none of this name.
    """
    frames = content.pixel_frames(spots)
    if frame is None and len(frames) == 1:
        return next(iter(frames.items()))
    known: Mapping[str, NDArray[np.float64]] = content.all_frames(spots)
    if frame is None or frame not in known:
        raise SpotsError(
            "whose pixels are the slide's?" if frame is None else f"no frame {frame!r} here",
            path=content.path,
            expected="one of " + ", ".join(known),
            hint="Name an image or a coordinate system: --frame (frame=… in Python).",
        )
    return frame, known[frame]


def _choose(names: Mapping[str, StoreSpots], name: str | None, path: Path) -> StoreSpots:
    if name is None and len(names) == 1:
        return next(iter(names.values()))
    for known, spots in names.items():
        if name in (known, f"{spots.table}/{spots.region}"):
            return spots
    raise SpotsError(
        "which spots?" if name is None else f"no spots {name!r} here",
        path=path,
        expected="one of " + ", ".join(names),
        hint="Name them: --section (section=… in Python).",
    )


def _read_table(path: Path, table: str) -> AnnData:
    import anndata

    folder = path / "tables" / table
    if not folder.is_dir():
        folder = path / "table" / table
    try:
        with warnings.catch_warnings():  # old encodings, and what zarr will change
            warnings.simplefilter("ignore")
            return anndata.read_zarr(folder)
    except MemoryError:
        raise
    except Exception as error:  # zarr and anndata raise a dozen kinds for damaged stores
        text = str(error).splitlines()[0] if str(error) else ""
        raise SpotsError(
            "the table can't be read",
            path=folder,
            expected="an AnnData table (Zarr)",
            found=f"{type(error).__name__}: {text}",
            hint="The store may be damaged or incomplete.",
        ) from error


def _find(ids: list[Any], index: Any) -> NDArray[np.intp]:
    """Return where each name is in an index; numbers and their text are the same name."""
    found = index.get_indexer(ids)
    if len(ids) and (found < 0).all():
        found = index.astype(str).get_indexer([str(one) for one in ids])
    return np.asarray(found)


def _rows_of(adata: AnnData, spots: StoreSpots, path: Path) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the names of the shapes that a region's rows are about, and these rows."""
    attributes = adata.uns.get(_ATTRS, {})
    region_key, instance_key = attributes.get("region_key"), attributes.get("instance_key")
    missing = [key for key in (region_key, instance_key) if key not in adata.obs]
    if missing:
        raise SpotsError(
            f"table {spots.table!r} lacks the column that says what its rows are about",
            path=path,
            expected=", ".join(map(str, missing)),
            found=", ".join(map(str, adata.obs.columns[:10])),
        )
    rows = np.flatnonzero((adata.obs[region_key].astype(str) == spots.region).to_numpy())
    return adata.obs[instance_key].iloc[rows].tolist(), rows
