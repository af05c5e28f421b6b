"""The choice of a Visium HD run's bins or cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_stexp.panels.widgets import ignore_idle_wheel
from napari_stexp.spots import describe_bins, list_bins

__all__ = ["BinsRow"]

_TIP = (
    "What the spots of this Visium HD run are: square bins, or the cells that Space Ranger has "
    "segmented. Another choice reads the run again. Bins of 2 µm are millions: they need much "
    "time and memory."
)


class BinsRow(QWidget):
    """Shows which bins are loaded, and offers the others; hidden for other spots.

    Attributes
    ----------
    chosen : Signal
        Emits the run's file or folder and the name of the bins: '2', '8', '16' or 'cells'.
    """

    chosen = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._source: Path | None = None
        self.label = QLabel("Bins")
        self.box = ignore_idle_wheel(QComboBox())
        for widget in (self.label, self.box):
            widget.setToolTip(_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.box, 1)
        self.box.activated.connect(self._on_activated)
        self.hide()

    def show_state(self, spots: Any, busy: bool) -> None:
        """Show what the session's spots (AnnData or None) are."""
        record = {} if spots is None else spots.uns.get("stexp_spots", {})
        bins, source = str(record.get("bins", "")), record.get("source")
        path = Path(str(source)) if bins and source else None
        if path != self._source:
            self._source = path
            self._fill(() if path is None else list_bins(path))
        self.setVisible(self.box.count() > 1)
        self.box.setEnabled(not busy)
        self.box.setCurrentIndex(self.box.findData(bins))

    def _fill(self, choices: tuple[str, ...]) -> None:
        self.box.clear()
        for name in choices:
            self.box.addItem(describe_bins(name), name)

    def _on_activated(self, row: int) -> None:
        if self._source is not None:
            self.chosen.emit(self._source, self.box.itemData(row))
