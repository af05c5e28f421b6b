"""What OME-NGFF's metadata say of an image: its arrays, their axes, the size of a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.zarr.store import ngff
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import zarr

__all__ = ["list_arrays", "read_axes", "read_multiscale", "read_scale"]

#: µm per unit of length of an axis (OME-NGFF takes UDUNITS-2's names).
_UNITS = {
    "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0, "um": 1.0, "µm": 1.0,
    "nanometer": 1e-3, "nanometre": 1e-3, "nm": 1e-3, "angstrom": 1e-4, "picometer": 1e-6,
    "millimeter": 1e3, "millimetre": 1e3, "mm": 1e3, "centimeter": 1e4, "meter": 1e6,
    "inch": 25400.0,
}  # fmt: skip
_AXES = "tczyx"
_MOST_LEVELS = 40


def read_multiscale(group: zarr.Group, path: Location) -> Mapping[str, Any]:
    """Return what a group says of its pyramid.

    Raises
    ------
    SlideError
        Nothing that can be used.
    """
    found = ngff(group).get("multiscales")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise SlideError("is a damaged OME-Zarr", path=path, expected="a list of multiscales")
    return found[0]


def list_arrays(group: zarr.Group, path: Location) -> list[zarr.Array]:
    """Return the arrays that the metadata list, finest first.

    Raises
    ------
    SlideError
        There is none, or a group in place of one.
    """
    import zarr

    arrays = []
    for one in read_multiscale(group, path)["datasets"][:_MOST_LEVELS]:
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


def read_axes(
    multiscale: Mapping[str, Any], array: zarr.Array, path: Location
) -> list[tuple[str, str]]:
    """Return name and unit of each axis; before v0.4 there were neither units nor other orders.

    Raises
    ------
    SlideError
        They aren't those of a picture, or of this array.
    """
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


def read_scale(
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
