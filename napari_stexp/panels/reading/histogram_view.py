"""The shown gene's values: their histogram, of all spots and of the selected ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stexp.panels.plots.histogram import Histogram
from napari_stexp.panels.reading.group_table import GroupTable
from napari_stexp.panels.widgets import Notice, make_button

if TYPE_CHECKING:
    from napari_stexp.panels.reading.plots_panel import PlotsPanel

__all__ = ["HistogramView"]

_TABLE_PX = 90


class HistogramView(QWidget):
    """Draws the values, and selects spots by them.

    Parameters
    ----------
    panel : PlotsPanel
        Whose part it is.
    """

    def __init__(self, panel: PlotsPanel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.hint = Notice("hint")
        self.plot = Histogram(panel.controller.plots)
        self.none_button = make_button(
            "Select no spots", "Take the selection of spots back.", panel.select_none
        )
        self.table = GroupTable("Spots of", "Which spots.", "Ctrl+C copies the table.")
        self.table.setFixedHeight(_TABLE_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        for widget in (self.hint, self.plot, self.none_button, self.table):
            column.addWidget(widget)
        column.addStretch(1)
        self.plot.ranged.connect(panel.control.select)

    def refresh(self) -> None:
        """Draw the shown gene."""
        from napari_stexp.session import describe_groups

        session = self._session
        values = session.shown_values()
        there = values is not None and bool(np.isfinite(values).any())
        self.hint.say("hint", "" if there else "No spot has a value of this gene yet.")
        self.none_button.setVisible(session.selection is not None)
        self.table.setVisible(there)
        if values is None or not there:
            self.plot.show_plot(None)
            return
        title = f"{session.gene}, {session.source}"
        self.plot.show_values(
            values.copy(), session.selection, title, session.value_unit, session.focus
        )
        groups = {"the section": np.ones(len(values), dtype=bool)}
        if session.selection is not None:
            groups |= {"the selection": session.selection, "all others": ~session.selection}
        self.table.show_groups(describe_groups(values, groups))
