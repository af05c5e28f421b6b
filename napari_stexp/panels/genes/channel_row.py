"""One colour of a composite: its gene or signature, and the ends of its scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractItemModel, Qt, Signal
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QCompleter, QLabel, QLineEdit, QVBoxLayout, QWidget
from superqt import QDoubleRangeSlider

from napari_stexp.panels.text import short_number
from napari_stexp.panels.widgets import make_button, make_row

__all__ = ["ChannelRow"]

_SWATCH_PX = 14
_NUMBERS_PX = 84
_MOST_OFFERED = 12


class ChannelRow(QWidget):
    """A box for a name, in front of its colour; below it the limits, once there is one."""

    name_requested = Signal()
    limits_requested = Signal(object)  # (low, high), None for the percentiles again

    def __init__(self, names: QAbstractItemModel) -> None:
        super().__init__()
        self.swatch = QLabel()
        self.swatch.setFixedSize(_SWATCH_PX, _SWATCH_PX)
        self.name = QLineEdit()
        self.name.setClearButtonEnabled(True)
        completer = QCompleter(names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(_MOST_OFFERED)
        self.name.setCompleter(completer)
        self.name.textEdited.connect(self._style_offers)
        self.slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(
            "Drag the ends: at the lower one and below this colour is off, at the upper one and "
            "above it is full."
        )
        self.numbers = QLabel()
        self.numbers.setMinimumWidth(_NUMBERS_PX)
        self.auto_button = make_button(
            "Auto",
            "Follow the percentiles of this gene again.",
            lambda: self.limits_requested.emit(None),
        )
        self.limits = QWidget()
        self.limits.setLayout(make_row(self.slider, self.numbers, self.auto_button, stretch=0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(make_row(self.swatch, self.name, stretch=1))
        layout.addWidget(self.limits)
        self.limits.hide()
        self._settled = ""
        self.name.editingFinished.connect(self._on_edited)
        self.name.textChanged.connect(self._on_text)
        completer.activated.connect(lambda _text: self._on_edited())
        self.slider.valueChanged.connect(self._on_dragged)

    @property
    def text(self) -> str:
        """The name in the box."""
        return self.name.text().strip()

    def set_color(self, name: str, rgb: tuple[float, float, float]) -> None:
        """Show which colour this is."""
        color = ", ".join(str(round(255 * part)) for part in rgb)
        self.swatch.setStyleSheet(
            f"QLabel {{ background: rgb({color}); border: 1px solid gray; border-radius: 3px; }}"
        )
        self.swatch.setToolTip(f"Shown in {name}.")
        self.name.setPlaceholderText(f"Gene or signature in {name} …")
        self.name.setToolTip(
            f"Type a gene or a signature: where it is expressed, spots are {name}."
        )

    def set_text(self, text: str) -> None:
        """Show a name without asking for it."""
        self._settled = text
        if text != self.name.text():
            self.name.blockSignals(True)
            self.name.setText(text)
            self.name.blockSignals(False)

    def show_limits(
        self,
        values: NDArray[np.float32] | None,
        limits: tuple[float, float],
        by_hand: bool,
    ) -> None:
        """Show the ends of the scale over the range of the values; nothing without values."""
        finite = np.empty(0) if values is None else values[np.isfinite(values)]
        self.limits.setVisible(bool(finite.size))
        if not finite.size:
            return
        low, high = limits
        self.slider.blockSignals(True)
        self.slider.setRange(min(float(finite.min()), low), max(float(finite.max()), high))
        self.slider.setValue((low, high))
        self.slider.blockSignals(False)
        self.numbers.setText(f"{short_number(low)} to {short_number(high)}")
        self.auto_button.setEnabled(by_hand)

    def _style_offers(self, _text: str) -> None:
        """Give the list of offers the theme's colours: it is a window of its own."""
        palette, popup = self.name.palette(), self.name.completer().popup()
        text, ground = (
            palette.color(role).name()
            for role in (QPalette.ColorRole.Text, QPalette.ColorRole.Base)
        )
        popup.setStyleSheet(f"QListView {{ color: {text}; background: {ground}; }}")

    def _on_edited(self) -> None:
        self.name.completer().popup().hide()
        if self.text != self._settled:
            self._settled = self.text
            self.name_requested.emit()

    def _on_text(self, text: str) -> None:
        if not text:  # the button that clears the box doesn't finish an edit
            self._on_edited()

    def _on_dragged(self, values: tuple[float, float]) -> None:
        low, high = (float(value) for value in values)
        if low < high:
            self.limits_requested.emit((low, high))
