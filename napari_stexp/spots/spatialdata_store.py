"""What a SpatialData store holds, from its metadata alone.

Marconato et al., Nature Methods 2024, https://spatialdata.scverse.org. The stores are Zarr
(2 or 3), shapes are GeoParquet in them and tables AnnData; all of it is read without the
package spatialdata, whose import alone takes seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.spatialdata_frames import frames_of, same_frame

__all__ = ["StoreContent", "StoreImage", "StoreSpots", "is_spatialdata", "look_at_store"]

_KINDS = ("shapes", "points", "labels")
_NO_SLIDES = ("hires", "lowres", "thumb", "cytassist", "fiducial")


@dataclass(frozen=True)
class StoreImage:
    """An image with three colours.

    Attributes
    ----------
    name : str
    path : Path
        Its folder in the store, an OME-Zarr image.
    levels : int
    shape : (int, int)
        Height and width of the finest level.
    frames : dict of str to (3, 3) array
        From its pixels to its coordinate systems.
    """

    name: str
    path: Path
    levels: int
    shape: tuple[int, int]
    frames: Mapping[str, NDArray[np.float64]] = field(compare=False)


@dataclass(frozen=True)
class StoreSpots:
    """Rows of a table, and the element that says where they are.

    Attributes
    ----------
    table, region : str
        Names of the table and of the element.
    kind : {'shapes', 'points', 'labels'}
    frames : dict of str to (3, 3) array
        From the element's own coordinates to its coordinate systems.
    is_prediction : bool
        The table is one that napari-stexp predicted.
    """

    table: str
    region: str
    kind: str
    frames: Mapping[str, NDArray[np.float64]] = field(compare=False)
    is_prediction: bool = False


@dataclass(frozen=True)
class StoreContent:
    """What of a store may be spots, and what may be their slide.

    Attributes
    ----------
    path : Path
    spots : tuple of StoreSpots
    images : tuple of StoreImage
        Those with three colours.
    """

    path: Path
    spots: tuple[StoreSpots, ...]
    images: tuple[StoreImage, ...]

    @property
    def names(self) -> dict[str, StoreSpots]:
        """The spots by the name that chooses them: the region's, with its table's if need be."""
        regions = [one.region for one in self.spots]
        return {
            one.region if regions.count(one.region) == 1 else f"{one.table}/{one.region}": one
            for one in self.spots
        }

    @property
    def slide(self) -> StoreImage | None:
        """The one image that may be the full-resolution slide, None where none or several."""
        own = [one for one in self.images if not _is_reduced(one)]
        return own[0] if len(own) == 1 else None

    def pixel_frames(self, spots: StoreSpots) -> dict[str, NDArray[np.float64]]:
        """Return what may take these spots to level-0 pixels; one entry where it is sure.

        Of `all_frames` those of the store's slide, where it has one in a coordinate system of
        these spots; without images of full resolution ``global``; else all, unless they agree.
        """
        choices, slide = self.all_frames(spots), self.slide
        if slide is not None and slide.name in choices:
            return {slide.name: choices[slide.name]}
        full = [one for one in self.images if not _is_reduced(one)]
        if "global" in choices and not any(one.name in choices for one in full):
            return {"global": choices["global"]}
        first = next(iter(choices.values()), None)
        if first is not None and all(same_frame(first, one) for one in choices.values()):
            return {next(iter(choices)): first}
        return choices

    def all_frames(self, spots: StoreSpots) -> dict[str, NDArray[np.float64]]:
        """Return the pixels of all images that share a coordinate system with spots, and these.

        Parameters
        ----------
        spots : StoreSpots

        Returns
        -------
        dict of str to (3, 3) array
            By the image's or the coordinate system's name; from the element's own (x, y).
        """
        found = {}
        for image in self.images:
            for name in sorted(image.frames.keys() & spots.frames.keys()):
                if abs(np.linalg.det(image.frames[name])) > 0:
                    found[image.name] = np.linalg.inv(image.frames[name]) @ spots.frames[name]
                    break
        return found | dict(spots.frames)


def _is_reduced(image: StoreImage) -> bool:
    return any(word in image.name.lower() for word in _NO_SLIDES)


def is_spatialdata(path: Path) -> bool:
    """Whether a folder is a SpatialData store: its metadata say so, or it has such tables."""
    if not path.is_dir() or not any((path / name).is_file() for name in _METADATA):
        return False
    try:
        attributes = _attributes(path)
    except SpotsError:
        return False
    return "spatialdata_attrs" in attributes or any(
        (path / name).is_dir() for name in ("tables", "table", "shapes")
    )


def look_at_store(path: str | Path) -> StoreContent:
    """List tables, where their rows are, and images of a store.

    Parameters
    ----------
    path : path-like
        The store's folder.

    Returns
    -------
    StoreContent
        Spots without tables that were predicted, unless there are no others.

    Raises
    ------
    SpotsError
        Damaged metadata; a table of a region that isn't there; nothing with spots.
    """
    path = Path(path)
    found = [spots for folder in _tables(path) for spots in _look_at_table(path, folder)]
    measured = [one for one in found if not one.is_prediction]
    if not found:
        raise SpotsError(
            "the SpatialData store has no table of spots",
            path=path,
            expected="a table that annotates shapes or points",
            found=", ".join(sorted(one.name for one in path.iterdir() if one.is_dir()))
            or "nothing",
        )
    images = [_look_at_image(one) for one in _children(path / "images")]
    return StoreContent(
        path, tuple(measured or found), tuple(image for image in images if image is not None)
    )


_METADATA = ("zarr.json", ".zattrs", ".zgroup")


def _attributes(folder: Path) -> Mapping[str, Any]:
    """Return a Zarr group's attributes, of either version of the format."""
    for name in _METADATA[:2]:
        file = folder / name
        if file.is_file():
            try:
                words = json.loads(file.read_text(encoding="utf-8"))
                found = words.get("attributes", {}) if name == "zarr.json" else words
                if isinstance(found, Mapping):
                    return found
            except (OSError, ValueError, AttributeError) as error:
                raise SpotsError(
                    "metadata of the SpatialData store can't be read",
                    path=file,
                    expected="a JSON object",
                    found=error,
                ) from error
    return {}


def _children(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        one
        for one in folder.iterdir()
        if one.is_dir() and any((one / name).is_file() for name in _METADATA)
    )


def _tables(path: Path) -> list[Path]:
    """Return the tables' folders; the first stores had one in ``table/table``."""
    return [*_children(path / "tables"), *_children(path / "table")]


def _look_at_table(path: Path, folder: Path) -> list[StoreSpots]:
    attributes = _attributes(folder)
    regions = attributes.get("region")
    if not regions or not attributes.get("instance_key"):
        return []  # annotates nothing that has a place
    prediction = (folder / "uns" / "stexp").is_dir()
    spots = []
    for region in [regions] if isinstance(regions, str) else regions:
        kind = next((k for k in _KINDS if (path / k / str(region)).is_dir()), None)
        if kind is None:
            raise SpotsError(
                f"table {folder.name!r} is about {region!r}, which isn't in the store",
                path=path,
                expected="shapes or points of this name",
            )
        element = path / kind / str(region)
        transformations = _transformations(_attributes(element))
        frames = frames_of(transformations, element)
        spots.append(StoreSpots(folder.name, str(region), kind, frames, prediction))
    return spots


def _transformations(attributes: Mapping[str, Any]) -> list[Any]:
    image = attributes.get("ome", attributes)
    multiscales = image.get("multiscales")
    if multiscales:
        image = multiscales[0]
    return list(image.get("coordinateTransformations", ()))


def _look_at_image(folder: Path) -> StoreImage | None:
    """Return an image of three or four colours, None for another."""
    attributes = _attributes(folder)
    try:
        (multiscale,) = attributes.get("ome", attributes)["multiscales"]
        axes = [axis["name"] for axis in multiscale["axes"]]
        array = folder / multiscale["datasets"][0]["path"]
        file = next(array / n for n in ("zarr.json", ".zarray") if (array / n).is_file())
        shape = dict(zip(axes, json.loads(file.read_text())["shape"], strict=True))
        if shape.get("c") not in (3, 4) or shape.get("z", 1) > 1:
            return None
        return StoreImage(
            folder.name,
            folder,
            len(multiscale["datasets"]),
            (shape["y"], shape["x"]),
            frames_of(_transformations(attributes), folder),
        )
    except (KeyError, ValueError, TypeError, StopIteration, OSError):
        return None  # not one that can be shown; spots may do without
