"""Slides, models and workspaces that were open last, newest first."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psygnal import Signal

from napari_stexp.errors import StexpError
from napari_stexp.files import atomic_path
from napari_stexp.session.user_data import data_folder
from napari_stexp.slide.location import Location, as_location

__all__ = ["KINDS", "RecentFile", "RecentFiles"]

_LOG = logging.getLogger(__name__)
_FILE = "recent.json"
_MOST = 8

KINDS = ("workspace", "slide", "spots", "model")


@dataclass(frozen=True)
class RecentFile:
    """A file that was open.

    Attributes
    ----------
    kind : {'workspace', 'slide', 'spots', 'model'}
    path : Path or RemotePath
        Absolute; of an address without what lets somebody in.
    when : str
        ISO 8601: when it was opened last.
    """

    kind: str
    path: Location
    when: str = ""


class RecentFiles:
    """The last files of each kind, kept in the user's data; losing them harms nothing.

    They are read anew from the disk when they are added to, so that two windows don't
    forget each other's.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._items = self._read()

    @property
    def items(self) -> tuple[RecentFile, ...]:
        """All of them, newest first within each kind, kinds as in `KINDS`."""
        return tuple(self._items)

    def of(self, kind: str) -> list[RecentFile]:
        """Return those of a kind, newest first."""
        return [one for one in self._items if one.kind == kind]

    @property
    def folders(self) -> list[Path]:
        """The folders that they lie in, newest first, each once."""
        newest = sorted(self._items, key=lambda one: one.when, reverse=True)
        places = [one.path for one in newest]
        return list(dict.fromkeys(p.parent for p in places if isinstance(p, Path)))

    def add(self, kind: str, path: str | Location) -> None:
        """Remember a file as the newest of its kind."""
        path = as_location(path).absolute()
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        new = RecentFile(kind, path, now)
        others = [one for one in self._read() if (one.kind, one.path) != (kind, path)]
        self._keep([new, *others])

    def remove(self, path: Location) -> None:
        """Forget a file."""
        self._keep([one for one in self._read() if one.path != path])

    def clear(self) -> None:
        """Forget all."""
        self._keep([])

    def _keep(self, items: list[RecentFile]) -> None:
        self._items = [
            one for kind in KINDS for one in [item for item in items if item.kind == kind][:_MOST]
        ]
        words = [{"kind": i.kind, "path": str(i.path), "when": i.when} for i in self._items]
        try:
            with atomic_path(data_folder() / _FILE) as temporary:
                temporary.write_text(json.dumps(words, indent=1), encoding="utf-8")
        except StexpError as error:
            _LOG.info("%s", error.message)
        self.changed.emit()

    @staticmethod
    def _read() -> list[RecentFile]:
        with suppress(OSError, ValueError, TypeError, KeyError):
            words = json.loads((data_folder() / _FILE).read_text(encoding="utf-8"))
            found = [
                RecentFile(str(one["kind"]), as_location(str(one["path"])), str(one["when"]))
                for one in words
            ]
            return [one for one in found if one.kind in KINDS]
        return []
