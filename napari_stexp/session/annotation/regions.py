"""The pathologist's regions while they are drawn: edits, undo and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_stexp.annotation import DEFAULT_CLASSES, Region, RegionClass, classes_of
from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.history import History, Snapshot
from napari_stexp.session.annotation.palette import (
    add_class,
    find_class,
    recolor_class,
    rename_class,
)
from napari_stexp.session.annotation.region_tools import RegionTools

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

__all__ = ["Regions"]

_ACTIVE: Any = object()  # "the active class", where None means none


class Regions(RegionTools):
    """Regions on one slide; every edit is one step that can be undone.

    Coordinates are level-0 pixels, (x, y). Signals are emitted after all of the state has
    changed.

    Parameters
    ----------
    clock : callable
        Returns the time, with a time zone.
    """

    changed = Signal(object)  # tuple of Region
    classes_changed = Signal(object)  # tuple of RegionClass
    active_class_changed = Signal(object)  # str or None
    history_changed = Signal()

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(clock)
        self._now = Snapshot((), DEFAULT_CLASSES)
        self._history = History()
        self._active: str | None = DEFAULT_CLASSES[0].name
        self._index: tuple[tuple[Region, ...], dict[str, Region]] = ((), {})

    # ---- regions -------------------------------------------------------------------------

    @property
    def items(self) -> tuple[Region, ...]:
        """The regions, oldest first."""
        return self._now.items

    def find(self, id: str) -> Region:
        """Return the region of this id.

        Raises
        ------
        AnnotationError
            There is none.
        """
        if self._index[0] is not self.items:
            self._index = (self.items, {region.id: region for region in self.items})
        try:
            return self._index[1][id]
        except KeyError:
            raise AnnotationError("there is no such region", found=id) from None

    def load(
        self,
        regions: Sequence[Region] | None,
        *,
        classes: Sequence[RegionClass] | None = None,
        announce: bool = True,
    ) -> None:
        """Replace all regions by those of a file; their colours become those of the classes.

        Parameters
        ----------
        regions : sequence of Region or None
            None for none.
        classes : sequence of RegionClass, optional
            The palette; default: the present one.
        announce : bool
            Whether to emit what has changed; else `announce` must be called.
        """
        items = tuple(regions or ())
        own = {r.class_name: r.color for r in reversed(items) if r.class_name and r.color}
        palette = self.classes if classes is None else classes
        known = tuple(replace(one, color=own.get(one.name, one.color)) for one in palette)
        self._now = Snapshot(items, classes_of(items, known))
        self._history = History()
        self._selected = frozenset()
        if announce:
            self.announce()

    def announce(self) -> None:
        """Say that everything may have changed."""
        self.classes_changed.emit(self.classes)
        self.changed.emit(self.items)
        self.selection_changed.emit(self._selected)
        self.history_changed.emit()

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

    # ---- history -------------------------------------------------------------------------

    def _edit(
        self,
        text: str,
        items: tuple[Region, ...] | None = None,
        classes: tuple[RegionClass, ...] | None = None,
    ) -> None:
        self.check_editable()
        new = Snapshot(
            self._now.items if items is None else items,
            self._now.classes if classes is None else classes,
        )
        if new == self._now:
            return
        self._history.push(text, self._now)
        self._move_to(new)

    def _move_to(self, new: Snapshot) -> None:
        old, self._now = self._now, new
        names = {one.name for one in new.classes}
        old_active, old_selected = self._active, self._selected
        if self._active not in names:
            self._active = new.classes[0].name if new.classes else None
        self._selected &= frozenset(region.id for region in new.items)
        if new.classes != old.classes:
            self.classes_changed.emit(new.classes)
        if self._active != old_active:
            self.active_class_changed.emit(self._active)
        if new.items != old.items:
            self.changed.emit(new.items)
        if self._selected != old_selected:
            self.selection_changed.emit(self._selected)
        self.history_changed.emit()

    @property
    def undo_text(self) -> str:
        """What `undo` would take back; empty if there is nothing."""
        return self._history.undo_text

    @property
    def redo_text(self) -> str:
        """What `redo` would do again; empty if there is nothing."""
        return self._history.redo_text

    @property
    def history_depth(self) -> int:
        """How many edits `undo` can take back."""
        return self._history.depth

    def undo(self) -> None:
        """Take the last edit back."""
        self.check_editable()
        if (back := self._history.undo(self._now)) is not None:
            self._move_to(back)

    def redo(self) -> None:
        """Do again what was taken back."""
        self.check_editable()
        if (forth := self._history.redo(self._now)) is not None:
            self._move_to(forth)

    # ---- classes -------------------------------------------------------------------------

    @property
    def classes(self) -> tuple[RegionClass, ...]:
        """The palette; the first nine have the keys 1 to 9."""
        return self._now.classes

    @property
    def active_class(self) -> str | None:
        """The class of what is drawn next; None for none."""
        return self._active

    @active_class.setter
    def active_class(self, name: str | None) -> None:
        if name is not None:
            find_class(self.classes, name)
        if name != self._active:
            self._active = name
            self.active_class_changed.emit(name)

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
