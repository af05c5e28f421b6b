"""Keys that napari's own actions have, taken while a window of ours is open."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMainWindow

__all__ = ["TakenKeys"]


class TakenKeys:
    """Takes keys from the actions of napari's menus: of two with the same, Qt does neither.

    All of napari's windows share these actions, so they get their keys back when the last
    window of ours is closed; the actions stay in the menus all the time.

    Parameters
    ----------
    window : QMainWindow
        napari's.
    keys : list of str
        As Qt writes them: 'Ctrl+S'.
    """

    _taken: ClassVar[list[tuple[Any, list[QKeySequence]]]] = []
    _users: ClassVar[int] = 0

    def __init__(self, window: QMainWindow, keys: list[str]) -> None:
        TakenKeys._users += 1
        self._holds = True
        wanted = [QKeySequence(one) for one in keys]
        menus = [action.menu() for action in window.menuBar().actions()]
        for action in [one for menu in menus if menu is not None for one in menu.actions()]:
            shortcuts = action.shortcuts()
            if any(one in wanted for one in shortcuts):
                TakenKeys._taken.append((action, shortcuts))
                action.setShortcuts([one for one in shortcuts if one not in wanted])

    def give_back(self) -> None:
        """Give the keys back, if no other window needs them; once."""
        if not self._holds:
            return
        self._holds = False
        TakenKeys._users -= 1
        if TakenKeys._users == 0:
            for action, shortcuts in TakenKeys._taken:
                with suppress(RuntimeError):  # Qt's half of it is gone
                    action.setShortcuts(shortcuts)
            TakenKeys._taken.clear()
