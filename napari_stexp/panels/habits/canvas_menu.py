"""The menu under the right mouse button on the slide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QCursor, QGuiApplication
from qtpy.QtWidgets import QMenu

from napari_stexp.panels.habits.shortcuts import keys_of
from napari_stexp.viewer.right_click import RightClick

if TYPE_CHECKING:
    from napari_stexp.panels.habits.actions import Actions

__all__ = ["CanvasMenu"]


class CanvasMenu:
    """Offers what can be done with the spot under the mouse, and with the view.

    Parameters
    ----------
    viewer : napari.Viewer
    actions : Actions
        What the entries do.
    """

    def __init__(self, viewer: Any, actions: Actions) -> None:
        self._actions = actions
        self._menu: QMenu | None = None
        self._click = RightClick(actions.session, viewer, self._show)

    def _show(self, x: float, y: float) -> None:
        self._menu = self.build(x, y)
        self._menu.popup(QCursor.pos())

    def build(self, x: float, y: float) -> QMenu:
        """Make the menu for a place on the slide.

        Parameters
        ----------
        x, y : float
            Level-0 px.
        """
        menu = QMenu(self._actions.window)
        menu.setToolTipsVisible(True)
        session = self._actions.session
        if session.regions.blinding.hides_values:
            menu.addAction("Expression is hidden until the annotation is locked").setEnabled(False)
        spot = self._spot_at(x, y)
        if spot is not None:
            self._add_spot(menu, spot)
        self._add_place(menu, x, y)
        self._add_view(menu)
        return menu

    def _add(self, menu: QMenu, text: str, call: Callable[[], Any], action: str = "") -> None:
        keys = keys_of(action)
        entry = menu.addAction(f"{text}\t{keys}" if keys else text)
        entry.triggered.connect(lambda _checked=False: call())

    def _add_spot(self, menu: QMenu, spot: int) -> None:
        actions, session = self._actions, self._actions.session
        name = str(session.spots.obs_names[spot])
        menu.addSection(f"Spot {name}")
        if not session.hides_values and session.expression is not None:
            self._add(menu, "Show its profile", lambda: actions.show_profile(spot))
        self._add(menu, "Copy what is known of it", lambda: _copy(session.read_out(spot)))
        self._add(menu, "Zoom to it", lambda: actions.fly_to(spot))
        labels = session.labels()
        if labels is not None and labels[spot]:
            wanted = labels[spot]
            self._add(
                menu,
                f"Select all spots of “{wanted}”",
                lambda: session.select_spots(np.array([label == wanted for label in labels])),
            )

    def _add_place(self, menu: QMenu, x: float, y: float) -> None:
        actions, session = self._actions, self._actions.session
        if session.slide is None:
            return
        menu.addSection("Slide")
        if not session.missing() and not actions.controller.busy("predict"):
            self._add(menu, "Predict here (what is in view)", actions.predict_in_view,
                      "predict_in_view")  # fmt: skip
        if session.selection is not None:
            self._add(menu, "Select no spots", lambda: session.select_spots(None))
        self._add(menu, "Fit the slide into the window", actions.fit)
        self._add(menu, "Copy this position", lambda: _copy(f"{x:.0f}, {y:.0f}"))

    def _add_view(self, menu: QMenu) -> None:
        actions, session = self._actions, self._actions.session
        if session.spots is None:
            return
        menu.addSection("View")
        shown = session.display.visible
        self._add(menu, "Hide the spots" if shown else "Show the spots", actions.switch_spots,
                  "switch_spots")  # fmt: skip
        if not session.hides_values and session.expression is not None:
            heat = session.display.mode == "heat map"
            self._add(menu, "Spots" if heat else "Heat map", actions.switch_heat_map,
                      "switch_heat_map")  # fmt: skip
            if session.prediction is not None and session.has_measurement:
                other = "predicted" if session.source == "measured" else "measured"
                self._add(menu, f"Show {other} values", actions.switch_source, "switch_source")
            self._add(menu, "Export a figure …", actions.export_figure, "export_figure")
        self._add(menu, "Keys and mouse …", actions.show_shortcuts, "show_shortcuts")

    def _spot_at(self, x: float, y: float) -> int | None:
        session = self._actions.session
        if session.spots is None or not session.display.visible:
            return None
        return self._actions.spot_at(x, y)

    def close(self) -> None:
        """Stop listening."""
        self._click.close()


def _copy(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
