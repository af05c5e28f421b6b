"""The shown gene in each class of spots."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stexp.panels.compare.label_chooser import LabelChooser
from napari_stexp.panels.plots.class_plot import draw_classes
from napari_stexp.panels.plots.plot import Plot
from napari_stexp.panels.reading.group_table import GroupTable
from napari_stexp.panels.widgets import Notice, make_button

if TYPE_CHECKING:
    from napari_stexp.panels.reading.plots_panel import PlotsPanel

__all__ = ["ClassesView"]

_PLOT_PX, _TABLE_PX = 250, 110


class ClassesView(QWidget):
    """Draws violins, and selects the spots of a class.

    Parameters
    ----------
    panel : PlotsPanel
        Whose part it is.
    """

    def __init__(self, panel: PlotsPanel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.hint = Notice("hint")
        self.labels = LabelChooser()
        self.plot = Plot(
            _PLOT_PX,
            "The shown gene in each class: median, quartiles, 5th to 95th percentile; with the "
            "number of spots.",
            panel.controller.plots,
        )
        self.none_button = make_button(
            "Select no spots", "Take the selection of spots back.", panel.select_none
        )
        self.table = GroupTable(
            "Class",
            "The class of the spots, in the labels that are chosen above.",
            "Click a class to select its spots on the slide. Ctrl+C copies the table.",
        )
        self.table.setMinimumHeight(_TABLE_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        for widget in (self.hint, self.labels, self.plot, self.none_button):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        column.addStretch(0)
        comparing = panel.controller.comparing
        self.labels.chosen.connect(comparing.use_labels)
        self.labels.show_requested.connect(comparing.show_labels)
        self.table.chosen.connect(self._on_chosen)

    def refresh(self) -> None:
        """Draw the shown gene."""
        from napari_stexp.session import describe_groups

        session = self._session
        source, values = session.labelling.source_now, session.shown_values()
        hint = ""
        if source is None:
            hint = (
                "Spots have no classes yet: outline regions in the tab Annotations, or open a "
                "table with labels there."
            )
        elif values is None:
            hint = "No spot has a value of this gene yet."
        self.hint.say("hint", hint)
        self.labels.setVisible(source is not None)
        self.none_button.setVisible(session.selection is not None and not hint)
        self.table.setVisible(not hint)
        if source is None or values is None:
            self.plot.show_plot(None)
            return
        self.labels.show_labelling(session.labelling)
        self.plot.show_plot(
            partial(
                draw_classes,
                values=values.copy(),
                labels=source.values,
                colours=source.colours,
                title=f"{session.gene}, {session.source}",
                unit=session.value_unit,
            )
        )
        groups = {name: source.values == name for name in source.classes}
        self.table.show_groups(describe_groups(values, groups))

    def _on_chosen(self, item: int) -> None:
        source = self._session.labelling.source_now
        if source is not None and 0 <= item < len(source.classes):
            self._panel.control.select(source.values == source.classes[item])
