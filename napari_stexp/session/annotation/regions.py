"""The pathologist's regions while they are drawn: what can be done to them and their classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.annotation import Region, classes_of
from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.palette import (
    add_class,
    find_class,
    recolor_class,
    rename_class,
)
from napari_stexp.session.annotation.region_history import RegionHistory

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

__all__ = ["Regions"]

_ACTIVE: Any = object()  # "the active class", where None means none


class Regions(RegionHistory):
    """Regions on one slide; every edit is one step that can be undone.

    Coordinates are level-0 pixels, (x, y). Signals are emitted after all of the state has
    changed.

    Parameters
    ----------
    clock : callable
        Returns the time, with a time zone.
    """

    def add(
        self, geometry: Polygon | MultiPolygon, class_name: Any = _ACTIVE, name: str | None = None
    ) -> Region:
        """Add a region of the active class, or of another (None: of none)."""
        chosen = self._active if class_name is _ACTIVE else class_name
        color = None if chosen is None else find_class(self.classes, chosen).color
        region = Region(geometry, class_name=chosen, name=name, color=color)
        self._edit(f"Draw {chosen or 'a region'}", (*self.items, region))
        self.select([region.id])
        return region

    def extend(self, regions: Sequence[Region]) -> None:
        """Add regions that were drawn elsewhere, in one step; their classes join the palette."""
        new = tuple(regions)
        text = "Add a region" if len(new) == 1 else f"Add {len(new)} regions"
        self._edit(text, (*self.items, *new), classes_of(new, self.classes))
        self.select([region.id for region in new])

    def paint(self, geometry: Polygon | MultiPolygon) -> None:
        """Unite an area with the region of the active class that it touches, else add one.

        A selected region goes before the others, the largest before smaller ones.
        """
        touched = [
            r for r in self.items
            if r.class_name == self._active and not r.locked and r.geometry.intersects(geometry)
        ]  # fmt: skip
        if not touched:
            self.add(geometry)
            return
        chosen = max(touched, key=lambda r: (r.id in self._selected, r.geometry.area))
        grown = replace(chosen, geometry=chosen.geometry.union(geometry))
        self._edit(f"Brush {self._active or 'a region'}", self._with(grown))
        self.select([chosen.id])

    def erase(self, geometry: Polygon | MultiPolygon) -> None:
        """Take an area away from the selected regions, else from all; what is empty goes."""
        chosen = self._selected or {region.id for region in self.items}
        left: list[Region] = []
        for region in self.items:
            if region.id in chosen and not region.locked and region.geometry.intersects(geometry):
                rest = _areas_of(region.geometry.difference(geometry))
                if rest is not None:
                    left.append(replace(region, geometry=rest))
            else:
                left.append(region)
        self._edit("Erase", tuple(left))

    def reshape(self, id: str, geometry: Polygon | MultiPolygon) -> None:
        """Give a region another outline."""
        self._edit("Reshape", self._with(replace(self._editable(id), geometry=geometry)))

    def remove(self, ids: Iterable[str]) -> None:
        """Delete regions.

        Raises
        ------
        AnnotationError
            One of them is locked; none is deleted.
        """
        gone = {self._editable(id).id for id in ids}
        text = "Delete a region" if len(gone) == 1 else f"Delete {len(gone)} regions"
        self._edit(text, tuple(r for r in self.items if r.id not in gone))

    def classify(self, ids: Iterable[str], class_name: str | None) -> None:
        """Give regions another class."""
        color = None if class_name is None else find_class(self.classes, class_name).color
        changed = [replace(self._editable(id), class_name=class_name, color=color) for id in ids]
        self._edit(f"Classify as {class_name or 'nothing'}", self._with(*changed))

    def rename(self, id: str, name: str | None) -> None:
        """Give a region a name of its own."""
        self._edit("Rename", self._with(replace(self._editable(id), name=name or None)))

    def set_locked(self, ids: Iterable[str], locked: bool) -> None:
        """Protect regions from edits, or allow them again."""
        changed = [replace(self.find(id), locked=locked) for id in ids]
        self._edit("Lock" if locked else "Unlock", self._with(*changed))

    def _editable(self, id: str) -> Region:
        region = self.find(id)
        if region.locked:
            raise AnnotationError(
                "this region is locked",
                found=region.name or region.class_name or "a region",
                hint="Unlock it first.",
            )
        return region

    def _with(self, *changed: Region) -> tuple[Region, ...]:
        by_id = {region.id: region for region in changed}
        return tuple(by_id.get(region.id, region) for region in self.items)

    # ---- classes -------------------------------------------------------------------------

    def add_class(self, name: str, color: tuple[int, int, int] | None = None) -> None:
        """Add a class to the palette, and make it the active one."""
        self._edit(f"Add {name}", classes=add_class(self.classes, name, color))
        self.active_class = name.strip()

    def recolor_class(self, name: str, color: tuple[int, int, int]) -> None:
        """Give a class and its regions another colour."""
        classes, items = recolor_class(self.classes, self.items, name, color)
        self._edit(f"Recolour {name}", items, classes)

    def rename_class(self, old: str, new: str) -> None:
        """Give a class and its regions another name; one that is taken joins the two."""
        classes, items = rename_class(self.classes, self.items, old, new)
        was_active = self._active == old
        self._edit(f"Rename {old}", items, classes)
        if was_active:
            self.active_class = new.strip()

    def remove_class(self, name: str) -> None:
        """Take a class out of the palette.

        Raises
        ------
        AnnotationError
            Regions have it.
        """
        n = sum(region.class_name == name for region in self.items)
        if n:
            raise AnnotationError(
                f"{n} regions have this class", found=name, hint="Give them another one first."
            )
        find_class(self.classes, name)
        rest = tuple(one for one in self.classes if one.name != name)
        self._edit(f"Remove {name}", classes=rest)


def _areas_of(shape: Any) -> Polygon | MultiPolygon | None:
    """Return the polygons of a difference; None if nothing is left but lines."""
    import shapely

    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return None if shape.is_empty or not shape.area else shape
    parts = [part for part in getattr(shape, "geoms", ()) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts) if parts else None
