"""The classes that regions are given, and which one comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_stexp.annotation import Region, RegionClass, spare_color
from napari_stexp.errors import AnnotationError

__all__ = ["N_HOT_KEYS", "add_class", "find_class", "recolor_class", "rename_class"]

#: The first classes are chosen with the keys 1 to 9.
N_HOT_KEYS = 9

Classes = tuple[RegionClass, ...]


def find_class(classes: Classes, name: str) -> RegionClass:
    """Return the class of this name.

    Raises
    ------
    AnnotationError
        There is none.
    """
    for one in classes:
        if one.name == name:
            return one
    raise AnnotationError(
        "there is no such class", expected=", ".join(one.name for one in classes), found=name
    )


def add_class(classes: Classes, name: str, color: tuple[int, int, int] | None = None) -> Classes:
    """Return the classes with one more; without a colour it gets a spare one.

    Raises
    ------
    AnnotationError
        The name is empty, or taken.
    """
    name = name.strip()
    if any(one.name == name for one in classes):
        raise AnnotationError("there is a class of this name already", found=name)
    return (*classes, RegionClass(name, color or spare_color(one.color for one in classes)))


def recolor_class(
    classes: Classes, regions: Sequence[Region], name: str, color: tuple[int, int, int]
) -> tuple[Classes, tuple[Region, ...]]:
    """Return classes and regions with another colour for one class."""
    new = RegionClass(find_class(classes, name).name, color)
    return (
        tuple(new if one.name == name else one for one in classes),
        tuple(replace(r, color=color) if r.class_name == name else r for r in regions),
    )


def rename_class(
    classes: Classes, regions: Sequence[Region], old: str, new: str
) -> tuple[Classes, tuple[Region, ...]]:
    """Return classes and regions with another name for one class.

    A name that is taken joins the two: its regions get that class and its colour.
    """
    new = new.strip()
    renamed = RegionClass(new, find_class(classes, old).color)
    taken = next((one for one in classes if one.name == new and new != old), None)
    if taken is not None:
        renamed, classes = taken, tuple(one for one in classes if one.name != old)
    return (
        tuple(renamed if one.name == old else one for one in classes),
        tuple(
            replace(r, class_name=renamed.name, color=renamed.color) if r.class_name == old else r
            for r in regions
        ),
    )
