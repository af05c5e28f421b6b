"""The window's docks, its open tab and the display's settings, for the next start."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QByteArray, QSettings
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_stexp.session import DisplaySettings
from napari_stexp.session.user_data import data_folder

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["recall_display", "recall_layout", "remember_display", "remember_layout"]

_VERSION = 1  # of what is kept of the docks; another one is not restored
# These belong to what was shown, not to how somebody likes to look at it.
_OF_A_GENE = ("manual_limits", "threshold", "visible")


def _settings() -> QSettings:
    return QSettings(str(data_folder() / "window.ini"), QSettings.Format.IniFormat)


def remember_layout(window: QMainWindow, titles: list[str]) -> None:
    """Keep where the docks are, how wide, and which tab is in front."""
    settings = _settings()
    settings.setValue("layout/titles", "|".join(titles))
    settings.setValue("layout/state", window.saveState(_VERSION))
    settings.setValue("layout/tab", _front(window, titles))


def recall_layout(window: QMainWindow, titles: list[str]) -> bool:
    """Put docks of the same titles where they were; False where nothing is known of them."""
    settings = _settings()
    state = settings.value("layout/state")
    if settings.value("layout/titles") != "|".join(titles) or not isinstance(state, QByteArray):
        return False
    if not window.restoreState(state, _VERSION):
        return False
    docks = _docks(window, titles)
    for dock in docks.values():
        dock.show()
    tab = docks.get(str(settings.value("layout/tab")))
    if tab is not None:
        tab.raise_()
    return True


def _docks(window: QMainWindow, titles: list[str]) -> dict[str, QDockWidget]:
    found = {
        dock.windowTitle().replace("&&", "&"): dock for dock in window.findChildren(QDockWidget)
    }
    return {title: found[title] for title in titles if title in found}


def _front(window: QMainWindow, titles: list[str]) -> str:
    for title, dock in _docks(window, titles).items():
        if dock.isVisible() and not dock.visibleRegion().isEmpty():
            return title
    return ""


def remember_display(session: Session) -> None:
    """Keep how values are drawn."""
    words = {name: value for name, value in asdict(session.display).items()
             if name not in _OF_A_GENE}  # fmt: skip
    if words["limits_mode"] == "manual":
        words["limits_mode"] = "percentile"
    _settings().setValue("display", json.dumps(words))


def recall_display(session: Session) -> None:
    """Draw values as they were drawn last."""
    if session.display != DisplaySettings():
        return
    known = {field.name for field in fields(DisplaySettings)} - set(_OF_A_GENE)
    with suppress(TypeError, ValueError):
        words: dict[str, Any] = json.loads(str(_settings().value("display", "{}")))
        session.display = DisplaySettings(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in words.items()
                if name in known
            }
        )
