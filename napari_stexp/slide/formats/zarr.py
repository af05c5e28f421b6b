"""OME-Zarr (OME-NGFF v0.4 and v0.5): pyramids of RGB images in Zarr stores."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide.facts import SlideFacts, choose_scale, make_claim
from napari_stexp.slide.formats.opened import OpenedFile
from napari_stexp.slide.formats.zarr_store import (
    damage_as_slide_error,
    find_images,
    ngff,
    open_group,
)
from napari_stexp.slide.levels import Level, broken_tile, stored_downsample
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    import zarr

__all__ = ["ZarrLevel", "open_zarr", "zarr_fingerprint"]

#: µm per unit of length of an axis (OME-NGFF takes UDUNITS-2's names).
_UNITS = {
    "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0, "um": 1.0, "µm": 1.0,
    "nanometer": 1e-3, "nanometre": 1e-3, "nm": 1e-3, "angstrom": 1e-4, "picometer": 1e-6,
    "millimeter": 1e3, "millimetre": 1e3, "mm": 1e3, "centimeter": 1e4, "meter": 1e6,
    "inch": 25400.0,
}  # fmt: skip
_AXES = "tczyx"
_SMALLEST_TILE, _USUAL_TILE = 256, 512
#: A chunk is decoded as a whole: one with more pixels is refused.
_MOST_CHUNK_PX = 2**26
_MOST_SIDE = 2**31
_MOST_LEVELS = 40
_TRIES, _FIRST_WAIT_S = 3, 0.25
_NEVER_SHOWN = ("label", "macro", "thumbnail", "overview")
_SAMPLES = 16  # tiles of the coarsest level that tell two slides apart


@dataclass(frozen=True)
class _Layout:
    """Where the axes of a level's array are.

    Attributes
    ----------
    axes : str
        One letter each, in the array's order.
    """

    axes: str

    def region(self, array: zarr.Array, y: slice, x: slice) -> NDArray[np.uint8]:
        """Read a rectangle as (h, w, 3)."""
        whole = {"y": y, "x": x, "c": slice(None)}
        found = np.asarray(array[tuple(whole.get(axis, 0) for axis in self.axes)])
        kept = [axis for axis in self.axes if axis in whole]
        return np.ascontiguousarray(found.transpose([kept.index(axis) for axis in "yxc"]))

    def side(self, sizes: Sequence[int], axis: str) -> int:
        return int(sizes[self.axes.index(axis)]) if axis in self.axes else 1


class ZarrLevel:
    """One array of an OME-Zarr pyramid, cut into tiles that are whole chunks.

    Parameters
    ----------
    array : zarr.Array
    layout : _Layout
    level : Level
    path : Path or RemotePath
    closed : threading.Event
        Shared by all levels of the image.
    """

    def __init__(
        self, array: zarr.Array, layout: _Layout, level: Level, path: Location, closed: Event
    ) -> None:
        self._array = array
        self._layout = layout
        self._level = level
        self._path = path
        self._closed = closed

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""
        return self._level

    @property
    def path(self) -> Location:
        """The store."""
        return self._path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Read one tile, (th, tw, 3) uint8; chunks that are missing hold the fill value."""
        if self._closed.is_set():
            raise TileError("the slide is closed", path=self._path)
        (th, tw), (height, width) = self._level.tile, self._level.shape
        y = slice(row * th, min((row + 1) * th, height))
        x = slice(col * tw, min((col + 1) * tw, width))
        tile = self._read(y, x)
        if tile.shape == (th, tw, 3):
            return tile
        whole = np.zeros((th, tw, 3), np.uint8)
        whole[: tile.shape[0], : tile.shape[1]] = tile
        return whole

    def _read(self, y: slice, x: slice) -> NDArray[np.uint8]:
        """Read a rectangle; from afar again after a moment, when it fails."""
        remote = isinstance(self._path, RemotePath)
        for left in range(_TRIES - 1 if remote else 0, -1, -1):
            try:
                return self._layout.region(self._array, y, x)
            except Exception as error:  # codecs and servers' libraries raise what they like
                if not left:
                    raise broken_tile(
                        self._level, f"at {x.start}, {y.start}", self._path,
                        type(error).__name__ if remote else error, "a chunk",
                    ) from error  # fmt: skip
            time.sleep(_FIRST_WAIT_S * 2 ** (_TRIES - 1 - left))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Let go of the store; reads that are under way end normally."""
        self._closed.set()


def open_zarr(path: Location) -> OpenedFile:
    """Open an OME-Zarr image.

    Parameters
    ----------
    path : Path or RemotePath
        The image's group, or a store that has one: bioformats2raw's, or SpatialData's with a
        single image.

    Raises
    ------
    SlideError
        It is damaged, holds no image of three 8-bit channels, or several of which none is
        meant.
    """
    root = open_group(path)
    with damage_as_slide_error(path):
        images = find_images(root, path)
        name, others = _choose(images, path)
        levels, facts = _open_image(images[name], path)
    pictures = {title: _picture(images[other], path) for title, other in others.items()}
    return OpenedFile(levels, facts, associated=pictures)


def _choose(images: Mapping[str, zarr.Group], path: Location) -> tuple[str, dict[str, str]]:
    """Return the place of the image that is shown, and those of pictures of the glass."""
    others: dict[str, str] = {}
    for place, group in images.items():
        title = str(_multiscale(group, path).get("name") or place).lower()
        for word in _NEVER_SHOWN:
            if title.rpartition("/")[2].startswith(word) and len(images) > 1:
                others.setdefault(word, place)
    left = [place for place in images if place not in others.values()]
    if not left:
        raise SlideError("holds no image but pictures of the glass", path=path)
    if len(left) > 1 and any("/" in place for place in left):
        raise SlideError(
            "holds several images", path=path, expected="one", found=", ".join(left),
            hint=f"Open one of them, e.g. {path / left[0]}.",
        )  # fmt: skip
    return max(left, key=lambda place: _pixels(images[place], path)), others


def _pixels(group: zarr.Group, path: Location) -> int:
    sizes = _arrays(group, path)[0].shape
    return int(np.prod([int(size) for size in sizes], dtype=object))


def _multiscale(group: zarr.Group, path: Location) -> Mapping[str, Any]:
    found = ngff(group).get("multiscales")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise SlideError("is a damaged OME-Zarr", path=path, expected="a list of multiscales")
    return found[0]


def _arrays(group: zarr.Group, path: Location) -> list[zarr.Array]:
    """Return the arrays that the metadata list, finest first."""
    import zarr

    arrays = []
    for one in _multiscale(group, path)["datasets"][:_MOST_LEVELS]:
        array = group[str(one["path"])]
        if not isinstance(array, zarr.Array):
            raise SlideError(
                "is a damaged OME-Zarr", path=path, expected=f"an array {one['path']}",
                found="a group",
            )  # fmt: skip
        arrays.append(array)
    if not arrays:
        raise SlideError("is a damaged OME-Zarr", path=path, expected="levels", found="none")
    return arrays


def _open_image(group: zarr.Group, path: Location) -> tuple[tuple[ZarrLevel, ...], SlideFacts]:
    multiscale = _multiscale(group, path)
    arrays = _arrays(group, path)
    axes = _axes(multiscale, arrays[0], path)
    layout = _Layout("".join(axis for axis, _ in axes))
    _check_ranges(arrays[0], path)
    closed = Event()
    levels: list[ZarrLevel] = []
    base = layout.side(arrays[0].shape, "y"), layout.side(arrays[0].shape, "x")
    for array in arrays:
        _check_pixels(array, layout, path)
        shape = layout.side(array.shape, "y"), layout.side(array.shape, "x")
        if not levels or _is_coarser(shape, levels[-1].level.shape, base):
            level = Level(shape, stored_downsample(base, shape), _tile(array, layout, path))
            levels.append(ZarrLevel(array, layout, level, path, closed))
    claims = make_claim("OME-Zarr scale", *_scale(multiscale, axes))
    version = str(ngff(group).get("version") or multiscale.get("version") or "").strip()
    name = f"OME-Zarr {version}".strip()
    return tuple(levels), SlideFacts(name, mpp_xy=choose_scale(claims), claims=claims)


def _axes(
    multiscale: Mapping[str, Any], array: zarr.Array, path: Location
) -> list[tuple[str, str]]:
    """Return name and unit of each axis; before v0.4 there were neither units nor other orders."""
    listed = multiscale.get("axes") or list(_AXES[-array.ndim :])
    axes = []
    for axis in listed:
        named = isinstance(axis, dict)
        name, unit = (axis.get("name"), axis.get("unit")) if named else (axis, "")
        axes.append((str(name).lower(), str(unit or "").lower()))
    names = [name for name, _ in axes]
    if (
        len(names) != array.ndim
        or not set("yx") <= set(names) <= set(_AXES)
        or len(set(names)) != len(names)
    ):
        raise SlideError(
            "is no picture of a slide", path=path, expected="axes from t, c, z, y and x",
            found=f"{', '.join(names)} for {array.ndim} dimensions",
        )  # fmt: skip
    return axes


def _check_pixels(array: zarr.Array, layout: _Layout, path: Location) -> None:
    """Refuse everything but one plane of three 8-bit channels."""
    found = None
    channels = layout.side(array.shape, "c")
    planes = [f"{layout.side(array.shape, a)} along {a}" for a in "tz"
              if layout.side(array.shape, a) != 1]  # fmt: skip
    if array.dtype != np.uint8:
        found = f"{array.dtype} values"
    elif channels != 3:
        found = f"{channels} channels" if channels != 1 else "one channel (grey)"
    elif planes:
        found = f"planes: {', '.join(planes)}"
    if found is not None:
        raise SlideError(
            "is no H&E image", path=path, expected="8-bit RGB (three channels)", found=found
        )
    if not all(0 < layout.side(array.shape, axis) < _MOST_SIDE for axis in "yx"):
        raise SlideError("is a damaged OME-Zarr", path=path, expected="pixels", found=array.shape)


def _check_ranges(array: zarr.Array, path: Location) -> None:
    """Refuse a server that gives no parts of files where parts are needed: shards."""
    if isinstance(path, RemotePath) and array.shards is not None:
        from napari_stexp.slide.fetching import fetcher_for

        place = path
        for part in filter(None, str(array.path).split("/")):
            place = place / part
        fetcher_for(place / "zarr.json").fetch(0, 1)


def _is_coarser(shape: tuple[int, int], last: tuple[int, int], base: tuple[int, int]) -> bool:
    """Whether a level is smaller than the one before, and of the first one's aspect."""
    ratio = stored_downsample(base, shape)
    same = all(abs(b / ratio - s) <= 2 for b, s in zip(base, shape, strict=True))
    return shape[0] < last[0] and shape[1] < last[1] and same


def _tile(array: zarr.Array, layout: _Layout, path: Location) -> tuple[int, int]:
    """Return what to read at once: a chunk, or several where they are small."""
    own = layout.side(array.chunks, "y"), layout.side(array.chunks, "x")
    whole = int(np.prod([int(side) for side in array.chunks], dtype=object))
    if whole > 3 * _MOST_CHUNK_PX or min(own) < 1:
        raise SlideError(
            "has chunks that are too large", path=path,
            expected=f"at most {_MOST_CHUNK_PX / 1e6:.0f} megapixels", found=array.chunks,
            hint="Write it again in chunks of 256 to 1024 px.",
        )  # fmt: skip
    height, width = (side * -(-_SMALLEST_TILE // side) for side in own)
    return height, width


def _scale(
    multiscale: Mapping[str, Any], axes: Sequence[tuple[str, str]]
) -> tuple[float | None, float | None]:
    """Return µm per level-0 pixel in x and y, as far as scales and units say them."""
    factors = [1.0] * len(axes)
    for transforms in (
        multiscale["datasets"][0].get("coordinateTransformations"),
        multiscale.get("coordinateTransformations"),
    ):
        for one in transforms or ():
            if one.get("type") == "scale" and len(one.get("scale", ())) == len(axes):
                factors = [f * float(s) for f, s in zip(factors, one["scale"], strict=True)]
    found: dict[str, float | None] = {}
    for (name, unit), factor in zip(axes, factors, strict=True):
        found[name] = factor * _UNITS[unit] if unit in _UNITS else None
    return found["x"], found["y"]


def _picture(group: zarr.Group, path: Location) -> Callable[[], NDArray[np.uint8]]:
    def read() -> NDArray[np.uint8]:
        with damage_as_slide_error(path):
            levels, _ = _open_image(group, path)
            height, width = levels[0].level.shape
            if height * width > _MOST_CHUNK_PX:
                raise SlideError("is too large for a picture of the glass", path=path)
            return levels[0]._read(slice(0, height), slice(0, width))

    return read


def zarr_fingerprint(path: Location) -> str:
    """SHA-256 over levels, scale and the pixels of the coarsest level, 64 hexadecimal digits."""
    opened = open_zarr(path)
    coarsest = opened.levels[-1]
    shapes = [(*level.level.shape, *level.level.tile) for level in opened.levels]
    digest = hashlib.sha256(json.dumps([shapes, opened.facts.mpp_xy]).encode())
    rows, cols = coarsest.level.grid
    step = max(1, rows * cols // _SAMPLES)
    for index in range(0, rows * cols, step):
        digest.update(coarsest.read(index // cols, index % cols).tobytes())
    opened.close()
    return digest.hexdigest()
