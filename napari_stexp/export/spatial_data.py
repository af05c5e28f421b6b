"""Slide, spots, prediction and regions as one SpatialData Zarr store.

SpatialData: Marconato et al., Nature Methods 2024, https://spatialdata.scverse.org. The
package is an extra: ``pip install "napari-stexp[spatialdata]"``.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import OutputError, StexpError
from napari_stexp.spots import estimate_mpp, spot_diameter_px, spot_pitch_px

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.annotation import Region

__all__ = ["write_spatialdata"]

#: Columns of a table's ``obs`` that say which shape a row is about.
_ELEMENT, _SPOT = "element", "spot_id"
_CHUNK = 1024


def write_spatialdata(
    path: str | Path,
    *,
    slide: Any = None,
    spots: AnnData | None = None,
    prediction: AnnData | None = None,
    regions: Sequence[Region] | None = None,
) -> Path:
    """Write what is open as a SpatialData store, whole or not at all.

    - ``images['slide']``: (c, y, x) uint8, all levels of the slide, copied piece by piece;
    - ``shapes['spots']``: circles with their radius; ``shapes['predicted_spots']`` where
      the prediction is for other spots than those measured;
    - ``tables['counts']`` and ``tables['prediction']``: the spots' AnnData, linked to
      the circles by ``obs['element']`` and ``obs['spot_id']``;
    - ``shapes['regions']``: polygons with class, name and whether they are locked.

    All of them are in the coordinate systems ``global`` (level-0 pixels) and, where the
    scale is known, ``um`` (µm), origin at the top left.

    Parameters
    ----------
    path : path-like
        A new folder, such as ``section.zarr``.
    slide : Slide, optional
    spots, prediction : AnnData, optional
        Positions in level-0 pixels.
    regions : sequence of Region, optional

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        The extra is missing, there is nothing to write, the folder exists, or it can't
        be written.
    """
    path = Path(path)
    _require_spatialdata(path)
    if path.exists():
        raise OutputError("there is something of this name already", path=path)
    mpp = _scale_of(slide, spots, prediction)
    elements: dict[str, Any] = {}
    if slide is not None:
        elements["slide"] = _image_of(slide, mpp)
    elements |= _spots_of(spots, prediction, mpp)
    if regions:
        elements["regions"] = _shapes_of(regions, mpp)
    if not elements:
        raise OutputError("there is nothing to write", path=path)
    _write(elements, path)
    return path


def _require_spatialdata(path: Path) -> None:
    try:
        with warnings.catch_warnings():  # its own dependencies' deprecations
            warnings.simplefilter("ignore")
            import spatialdata  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "SpatialData stores need the package spatialdata",
            path=path,
            found=str(error),
            hint='Install it with: pip install "napari-stexp[spatialdata]"',
        ) from error


def _scale_of(
    slide: Any, spots: AnnData | None, prediction: AnnData | None
) -> tuple[float, float] | None:
    """Return µm per level-0 pixel in x and y, as the slide or else the spots say."""
    if slide is not None and slide.mpp is not None:
        both = getattr(slide, "mpp_xy", None)
        return both if both is not None else (slide.mpp, slide.mpp)
    for adata in (spots, prediction):
        mpp = estimate_mpp(adata) if adata is not None else None
        if mpp is not None:
            return mpp, mpp
    return None


def _frames(mpp: tuple[float, float] | None) -> dict[str, Any]:
    """Return the transformations from level-0 pixels to the coordinate systems."""
    from spatialdata.transformations import Identity, Scale

    frames: dict[str, Any] = {"global": Identity()}
    if mpp is not None:
        frames["um"] = Scale(list(mpp), axes=("x", "y"))
    return frames


def _image_of(slide: Any, mpp: tuple[float, float] | None) -> Any:
    """Return the slide's own levels, lazily: nothing is read before it is written."""
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import set_transformation
    from xarray import DataArray, Dataset, DataTree

    levels = [
        array.transpose(2, 0, 1).rechunk((3, _CHUNK, _CHUNK)) for array in slide.dask_levels()
    ]
    if len(levels) == 1:
        return Image2DModel.parse(
            levels[0], dims=("c", "y", "x"), c_coords=["r", "g", "b"], transformations=_frames(mpp)
        )
    scales = {}
    for number, level in enumerate(levels):
        coords: dict[str, Any] = {"c": ["r", "g", "b"]}
        for axis, full, size in zip("yx", levels[0].shape[1:], level.shape[1:], strict=True):
            coords[axis] = (np.arange(size) + 0.5) * (full / size)
        array = DataArray(level, name="image", dims=("c", "y", "x"), coords=coords)
        scales[f"scale{number}"] = Dataset({"image": array})
    tree = DataTree.from_dict(scales)
    set_transformation(tree, _frames(mpp), set_all=True)
    Image2DModel().validate(tree)
    return tree


def _spots_of(
    spots: AnnData | None, prediction: AnnData | None, mpp: tuple[float, float] | None
) -> dict[str, Any]:
    """Return circles, and the tables that are linked to them."""
    elements: dict[str, Any] = {}
    if spots is not None:
        elements["spots"] = _circles_of(spots, spots, mpp)
        elements["counts"] = _table_of(spots, "spots")
    if prediction is not None:
        same = spots is not None and _same_spots(spots, prediction)
        name = "spots" if same or spots is None else "predicted_spots"
        if name not in elements:
            elements[name] = _circles_of(prediction, spots, mpp)
        elements["prediction"] = _table_of(prediction, name)
    return elements


def _same_spots(one: AnnData, other: AnnData) -> bool:
    return bool(
        set(other.obs_names) <= set(one.obs_names)
        and np.allclose(one[other.obs_names].obsm["spatial"], other.obsm["spatial"])
    )


def _circles_of(adata: AnnData, also: AnnData | None, mpp: tuple[float, float] | None) -> Any:
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel

    diameter = spot_diameter_px(adata) or (spot_diameter_px(also) if also is not None else None)
    pitch = spot_pitch_px(adata)
    if diameter is None and pitch is None:
        raise OutputError("nothing says how large the spots are", expected="a diameter")
    radius = (diameter or (pitch or 0) / 2) / 2
    points = shapely.points(np.asarray(adata.obsm["spatial"], dtype=np.float64))
    frame = geopandas.GeoDataFrame(
        {"radius": np.full(adata.n_obs, radius)}, geometry=points, index=list(adata.obs_names)
    )
    return ShapesModel.parse(frame, transformations=_frames(mpp))


def _table_of(adata: AnnData, element: str) -> Any:
    import pandas as pd
    from spatialdata.models import TableModel

    table = adata.copy()
    table.uns.pop("spatialdata_attrs", None)
    table.obs[_ELEMENT] = pd.Categorical([element] * table.n_obs)
    table.obs[_SPOT] = table.obs_names.astype(str).to_numpy(object)
    return TableModel.parse(table, region=element, region_key=_ELEMENT, instance_key=_SPOT)


def _shapes_of(regions: Sequence[Region], mpp: tuple[float, float] | None) -> Any:
    import geopandas
    from spatialdata.models import ShapesModel

    frame = geopandas.GeoDataFrame(
        {
            "class": [region.class_name or "" for region in regions],
            "name": [region.name or "" for region in regions],
            "locked": [region.locked for region in regions],
        },
        geometry=[region.geometry for region in regions],
        index=[region.id for region in regions],
    )
    return ShapesModel.parse(frame, transformations=_frames(mpp))


def _write(elements: dict[str, Any], path: Path) -> None:
    """Write into a temporary folder beside the final one, then give it its name."""
    from spatialdata import SpatialData

    folder: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem[:40]}-"))
        store = folder / path.name
        with warnings.catch_warnings():  # what zarr and ome-zarr will change is no concern here
            warnings.simplefilter("ignore")
            SpatialData.init_from_elements(elements).write(store)
        store.rename(path)
    except StexpError:
        raise
    except OSError as error:
        raise OutputError(
            "writing failed; nothing was left behind", path=path, found=error.strerror or error
        ) from error
    except Exception as error:  # anndata, zarr and geopandas raise kinds of their own
        raise OutputError(
            "something can't be stored in SpatialData", path=path, found=error
        ) from error
    finally:
        if folder is not None:
            with suppress(OSError):
                shutil.rmtree(folder)
