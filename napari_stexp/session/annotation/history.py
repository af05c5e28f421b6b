"""Undo and redo of an annotation's edits."""

from __future__ import annotations

from typing import NamedTuple

from napari_stexp.annotation import Region, RegionClass

__all__ = ["History", "Snapshot"]

_LONGEST = 500


class Snapshot(NamedTuple):
    """Regions and classes at one time; unchanged regions are shared between snapshots."""

    items: tuple[Region, ...]
    classes: tuple[RegionClass, ...]


class History:
    """What was there before each edit, and what was taken back."""

    def __init__(self) -> None:
        self._past: list[tuple[str, Snapshot]] = []
        self._future: list[tuple[str, Snapshot]] = []

    def push(self, text: str, before: Snapshot) -> None:
        """Remember what was there before an edit; what was taken back is forgotten."""
        self._past.append((text, before))
        del self._past[:-_LONGEST]
        self._future.clear()

    @property
    def depth(self) -> int:
        """How many edits can be taken back."""
        return len(self._past)

    @property
    def undo_text(self) -> str:
        """The last edit, in words."""
        return self._past[-1][0] if self._past else ""

    @property
    def redo_text(self) -> str:
        """The edit that was taken back last, in words."""
        return self._future[-1][0] if self._future else ""

    def undo(self, now: Snapshot) -> Snapshot | None:
        """Return what was there before the last edit."""
        if not self._past:
            return None
        text, before = self._past.pop()
        self._future.append((text, now))
        return before

    def redo(self, now: Snapshot) -> Snapshot | None:
        """Return what was there after the edit that was taken back last."""
        if not self._future:
            return None
        text, after = self._future.pop()
        self._past.append((text, now))
        return after
