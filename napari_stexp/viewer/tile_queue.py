"""Tiles that are drawn beside the window, those that were asked for last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from napari_stexp.viewer.aside import Aside, AtOnce

__all__ = ["TileQueue"]


class TileQueue:
    """Has tiles drawn aside, and says when the last one is there.

    Parameters
    ----------
    most : int
        Tiles that are waited for; of more, those that were asked for last.

    Attributes
    ----------
    aside : Aside
        Does the work.
    on_drawn : callable
        Called when no tile is waited for any more: to show each by itself would take the
        time of all of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.aside: Aside = AtOnce()
        self.on_drawn: Callable[[], None] = lambda: None
        self._waiting: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = Lock()

    def ask(
        self, key: Hashable, draw: Callable[[], Any], take: Callable[[Any], None] = lambda _: None
    ) -> None:
        """Let a tile be drawn, unless so many others are asked for that it is left.

        Parameters
        ----------
        key : hashable
            A tile that is waited for already isn't drawn twice.
        draw : callable
            Draws it, in a thread of ``aside``.
        take : callable, optional
            Takes what ``draw`` returned, in the thread that the aside belongs to.
        """
        with self._lock:
            asked = key in self._waiting
            self._waiting[key] = None
            self._waiting.move_to_end(key)
            while len(self._waiting) > self._most:
                self._waiting.popitem(last=False)
        if not asked:
            self.aside.run(
                lambda: self._draw(key, draw), lambda drawn: self._take(key, take, drawn)
            )

    def _draw(self, key: Hashable, draw: Callable[[], Any]) -> tuple[Any] | None:
        if key not in self._waiting:
            return None
        try:
            return (draw(),)
        except BaseException:  # it may be asked for again, and the others are shown without it
            with self._lock:
                self._waiting.pop(key, None)
            raise

    def _take(self, key: Hashable, take: Callable[[Any], None], drawn: tuple[Any] | None) -> None:
        if drawn is None:
            return
        take(drawn[0])
        with self._lock:
            self._waiting.pop(key, None)
            more = bool(self._waiting)
        if not more:
            self.on_drawn()
