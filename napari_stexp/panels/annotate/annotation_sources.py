"""Where regions and labels come from: files, layers, and what was saved by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QMenu, QVBoxLayout, QWidget

from napari_stexp.panels.annotate.blinding_row import write_moment
from napari_stexp.panels.annotate.question import Question
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.annotate.annotations_panel import AnnotationsPanel

__all__ = ["AnnotationSources"]

_FILES = (
    "Annotations (*.geojson *.json *.xml *.ndpa *.geojson.gz *.zip)"
    ";;Labels per spot (*.csv *.tsv *.txt *.csv.gz *.tsv.gz *.h5ad);;All files (*)"
)


class AnnotationSources(QWidget):
    """Asks for regions and labels, and what is to become of those that are there.

    Parameters
    ----------
    panel : AnnotationsPanel
        Whose part it is.
    """

    open_requested = Signal(object, object)  # Path, column of a table or None
    take_requested = Signal(object)  # napari layer

    def __init__(self, panel: AnnotationsPanel) -> None:
        super().__init__()
        self._panel, self._control, self._session = panel, panel.control, panel.session
        self._table: Path | None = None
        self.open_button = make_button(
            "Open…",
            "Regions (QuPath GeoJSON, ImageScope XML, ASAP XML, Hamamatsu NDPA), or a table with "
            "a label per spot. You can also drop a file here.",
            self._ask_open,
        )
        self.take_button = make_button(
            "Take from layer…",
            "Add what you drew in a Shapes or Labels layer with napari's own tools.",
            self._show_layers,
        )
        self.clear_button = make_button(
            "Remove all", "Delete all regions; that can be undone.", self._control.remove_all
        )
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(5)
        self.column.addLayout(make_row(self.open_button, self.take_button, self.clear_button))
        self._build_questions()
        panel.add_area("annotations", "reading the annotations", self.column)
        panel.add_area("labels", "reading the labels", self.column)
        self._control.columns_found.connect(self._on_columns)
        self._control.clashed.connect(self._on_clash)
        self._control.autosaver.offered.connect(self.show_offer)

    def _build_questions(self) -> None:
        control = self._control
        self.found = Question(
            {
                "Restore": ("Go on with them.", control.autosaver.restore),
                "Discard": ("Put them away.", control.autosaver.discard),
            }
        )
        self.clash = Question(
            {
                "Add": ("Keep the regions that are there, too.", control.add_waiting),
                "Replace": ("Remove the regions that are there.", control.replace_waiting),
                "Leave it": ("Open nothing.", control.forget_waiting),
            }
        )
        self.column.addWidget(self.found)
        self.column.addWidget(self.clash)
        self.box = ignore_idle_wheel(QComboBox())
        self.box.setToolTip("Which column of the table holds the labels.")
        self.use_button = make_button("Use", "Label the spots by it.", self._ask_column)
        self.column_row = QWidget()
        self.column_row.setLayout(
            make_row(QLabel("Labels in"), self.box, self.use_button, stretch=1)
        )
        self.column_row.hide()
        self.column.addWidget(self.column_row)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what can be opened."""
        regions, busy = self._session.regions, self._panel.controller.busy
        editable = not regions.blinding.forbids_edits
        self.open_button.setEnabled(editable and not busy("annotations") and not busy("labels"))
        self.take_button.setEnabled(editable and not busy("annotations"))
        self.clear_button.setEnabled(bool(regions.items) and editable)
        self.show_offer()

    def show_offer(self) -> None:
        """Ask about what an earlier session left unsaved."""
        offer = self._control.autosaver.offer
        if offer is None or offer.saved is None or self._session.regions.blinding.forbids_edits:
            self.found.ask("")
            return
        when = write_moment(offer.saved.saved.isoformat())
        self.found.ask(
            f"Unsaved annotations of {when} found: {count(len(offer.regions), 'region')}."
        )

    def _on_clash(self, name: str, number: int) -> None:
        self._panel.notice("annotations").say("hint", "")  # the question says it
        there = count(len(self._session.regions.items), "region")
        self.clash.ask(
            f"There are {there} that are in no file yet. What is to become of them, now that "
            f"{name} brings {count(number, 'region')}?"
            if name
            else ""
        )

    def _on_columns(self, path: Path, columns: list[str]) -> None:
        self._table = path
        self.box.clear()
        self.box.addItems(columns)
        self.column_row.show()
        self._panel.notice("labels").say(
            "hint", f"{path.name} has several columns: which one is it?"
        )

    # ---- asking --------------------------------------------------------------------------

    def _ask_open(self) -> None:
        if path := self._panel.ask_file("Open annotations", _FILES):
            self.open_requested.emit(path, None)

    def _ask_column(self) -> None:
        self.column_row.hide()
        if self._table is not None:
            self.open_requested.emit(self._table, self.box.currentText())

    def layers_menu(self) -> QMenu:
        """Return the layers that regions may be taken from."""
        menu = QMenu(self)
        for layer in self._takeable_layers():
            action = menu.addAction(layer.name)
            action.triggered.connect(lambda _on=False, layer=layer: self.take_requested.emit(layer))
        if menu.isEmpty():
            menu.addAction("Draw in a new Shapes or Labels layer first").setEnabled(False)
        return menu

    def _takeable_layers(self) -> list[Any]:
        from napari.layers import Labels, Shapes

        adapter = self._panel.adapter
        drawing = adapter.drawing
        own = (adapter.annotation_layer, drawing.layer, drawing.editor.layer)
        return [
            layer
            for layer in adapter.viewer.layers
            if isinstance(layer, Shapes | Labels) and not any(layer is one for one in own)
        ]

    def _show_layers(self) -> None:
        button = self.take_button
        self.layers_menu().popup(button.mapToGlobal(button.rect().bottomLeft()))
