"""Zarr stores: a folder, a zip file, or what lies behind an address; and the image in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    import zarr

__all__ = ["damage_as_slide_error", "find_images", "holds_images", "ngff", "open_group"]

_MOST_SERIES = 100
_MOST_JSON = 2**22  # bytes
#: Groups in which SpatialData and others keep images.
_IMAGES = "images"


def holds_images(path: Path) -> bool:
    """Whether a folder is a Zarr group with a slide in it, by its metadata files alone."""
    for name, key in ((".zattrs", None), ("zarr.json", "attributes")):
        file = path / name
        try:
            if not file.is_file() or file.stat().st_size > _MOST_JSON:
                continue
            found = json.loads(file.read_bytes())
            attributes = (found.get(key) or {}) if key else found
            attributes = attributes.get("ome", attributes)
            if attributes.keys() & {"multiscales", "bioformats2raw.layout"}:
                return True
        except (OSError, ValueError, AttributeError):
            continue
    return False


@contextmanager
def damage_as_slide_error(path: Location) -> Iterator[None]:
    """Turn whatever zarr and JSON raise about damaged metadata into a `SlideError`."""
    try:
        yield
    except SlideError:
        raise
    except Exception as error:
        found = type(error).__name__ if isinstance(path, RemotePath) else error
        raise SlideError(
            "is a damaged OME-Zarr", path=path, expected="readable metadata", found=found
        ) from error


def open_group(path: Location) -> zarr.Group:
    """Open a store's root group for reading.

    Raises
    ------
    SlideError
        It is no group, or can't be read.
    """
    import zarr

    with damage_as_slide_error(path):
        found = zarr.open(store=_store(path), mode="r")
        if not isinstance(found, zarr.Group):
            raise SlideError(
                "is a single array", path=path, expected="an OME-Zarr image",
                hint="Open the folder that it lies in.",
            )  # fmt: skip
        return found


def _store(path: Location) -> Any:
    from zarr.storage import FsspecStore, LocalStore, ZipStore

    if isinstance(path, RemotePath):
        return FsspecStore.from_url(
            path.secret_url.rstrip("/"), storage_options=_options(path), read_only=True
        )
    return LocalStore(path, read_only=True) if path.is_dir() else ZipStore(path, mode="r")


def _options(path: RemotePath) -> dict[str, Any]:
    from napari_stexp.slide.fetching import http_options

    return http_options() if path.scheme in ("http", "https") else {}


def ngff(group: zarr.Group) -> Mapping[str, Any]:
    """Return OME-NGFF's metadata: under ``ome`` since version 0.5, at the top before."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def find_images(root: zarr.Group, path: Location) -> dict[str, zarr.Group]:
    """Return the images of a store by their place in it, '' for the root itself.

    Raises
    ------
    SlideError
        There is none, or what was opened is a mask of labels or a plate.
    """
    import zarr

    facts = ngff(root)
    if "image-label" in facts:
        raise SlideError("is a mask of labels", path=path, expected="an image")
    if "plate" in facts or "well" in facts:
        raise SlideError(
            "is a plate of many images", path=path, hint="Open one field of it (…/A/1/0)."
        )
    if "multiscales" in facts:
        return {"": root}
    found: dict[str, zarr.Group] = {}
    for name in _names(root, facts):
        group = root.get(name)
        if isinstance(group, zarr.Group) and "multiscales" in ngff(group):
            found[name] = group
    if not found:
        raise SlideError(
            "holds no image", path=path, expected="OME-Zarr with multiscales (v0.4 or v0.5)"
        )
    return found


def _names(root: zarr.Group, facts: Mapping[str, Any]) -> list[str]:
    """Return where images may be: bioformats2raw's series, or SpatialData's elements."""
    import zarr

    if "bioformats2raw.layout" in facts:
        group = root.get("OME")
        listed = ngff(group).get("series") if isinstance(group, zarr.Group) else None
        if isinstance(listed, list):
            return [str(name) for name in listed[:_MOST_SERIES]]
        names = []
        for number in range(_MOST_SERIES):
            if str(number) not in root:
                break
            names.append(str(number))
        return names
    images = root.get(_IMAGES)
    if not isinstance(images, zarr.Group):
        return []
    return [f"{_IMAGES}/{name}" for name in sorted(images.group_keys())[:_MOST_SERIES]]
