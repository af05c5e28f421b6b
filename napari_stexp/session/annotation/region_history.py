"""The regions and classes that there are, and the history of their edits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from psygnal import Signal

from napari_stexp.annotation import DEFAULT_CLASSES, Region, RegionClass, classes_of
from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.history import History, Snapshot
from napari_stexp.session.annotation.palette import find_class
from napari_stexp.session.annotation.region_tools import RegionTools

__all__ = ["RegionHistory"]


class RegionHistory(RegionTools):
    """Regions and classes as they are now; what is edited can be taken back.

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

    # ---- edits ---------------------------------------------------------------------------

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
