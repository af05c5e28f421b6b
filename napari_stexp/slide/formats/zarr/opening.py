"""Opening an OME-Zarr image, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.facts import SlideFacts, choose_scale, make_claim
from napari_stexp.slide.formats.opened import OpenedFile
from napari_stexp.slide.formats.zarr.level import Layout, ZarrLevel
from napari_stexp.slide.formats.zarr.metadata import (
    list_arrays,
    read_axes,
    read_multiscale,
    read_scale,
)
from napari_stexp.slide.formats.zarr.store import (
    damage_as_slide_error,
    find_images,
    ngff,
    open_group,
)
from napari_stexp.slide.levels import Level, stored_downsample
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    import zarr

__all__ = ["open_zarr", "zarr_fingerprint"]

_SMALLEST_TILE = 256
#: A chunk is decoded as a whole: one with more pixels is refused.
_MOST_CHUNK_PX = 2**26
_MOST_SIDE = 2**31
_NEVER_SHOWN = ("label", "macro", "thumbnail", "overview")
_SAMPLES = 16  # tiles of the coarsest level that tell two slides apart


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
        title = str(read_multiscale(group, path).get("name") or place).lower()
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
    sizes = list_arrays(group, path)[0].shape
    return int(np.prod([int(size) for size in sizes], dtype=object))


def _open_image(group: zarr.Group, path: Location) -> tuple[tuple[ZarrLevel, ...], SlideFacts]:
    multiscale = read_multiscale(group, path)
    arrays = list_arrays(group, path)
    axes = read_axes(multiscale, arrays[0], path)
    layout = Layout("".join(axis for axis, _ in axes))
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
    claims = make_claim("OME-Zarr scale", *read_scale(multiscale, axes))
    version = str(ngff(group).get("version") or multiscale.get("version") or "").strip()
    name = f"OME-Zarr {version}".strip()
    return tuple(levels), SlideFacts(name, mpp_xy=choose_scale(claims), claims=claims)


def _check_pixels(array: zarr.Array, layout: Layout, path: Location) -> None:
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


def _tile(array: zarr.Array, layout: Layout, path: Location) -> tuple[int, int]:
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


def _picture(group: zarr.Group, path: Location) -> Callable[[], NDArray[np.uint8]]:
    def read() -> NDArray[np.uint8]:
        with damage_as_slide_error(path):
            levels, _ = _open_image(group, path)
            height, width = levels[0].level.shape
            if height * width > _MOST_CHUNK_PX:
                raise SlideError("is too large for a picture of the glass", path=path)
            return levels[0].region(slice(0, height), slice(0, width))

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
