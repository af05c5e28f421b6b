"""A pitch for each class of regions, for a grid of virtual spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_stexp.panels.widgets import ignore_idle_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GridTable"]

_OWN = "Give the spots in these regions a distance of their own. Off: as around them."
_PITCH = "Distance of the spots there; 0: none. Where regions overlap, the smallest one counts."


class GridTable(QWidget):
    """A row for each class that has regions: whether it has a pitch of its own, and which."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self.rows: dict[str, tuple[QCheckBox, QDoubleSpinBox, QLabel]] = {}

    def show_classes(self, names: Sequence[str], pitch_um: float) -> None:
        """Have a row for each of these, and keep what was chosen for those that stay."""
        if list(names) == list(self.rows):
            return
        chosen = {name: (row[0].isChecked(), row[1].value()) for name, row in self.rows.items()}
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.rows.clear()
        for i, name in enumerate(names):
            own, pitch = chosen.get(name, (False, pitch_um / 2))
            self.rows[name] = self._make_row(i, name, own, pitch)
        self.setVisible(bool(self.rows))

    def _make_row(
        self, i: int, name: str, own: bool, pitch: float
    ) -> tuple[QCheckBox, QDoubleSpinBox, QLabel]:
        check = QCheckBox(name or "(no class)")
        check.setChecked(own)
        check.setToolTip(_OWN)
        box: Any = ignore_idle_wheel(QDoubleSpinBox())
        box.setRange(0, 10_000)
        box.setDecimals(1)
        box.setSuffix(" µm")
        box.setSpecialValueText("no spots")
        box.setValue(pitch)
        box.setEnabled(own)
        box.setToolTip(_PITCH)
        number = QLabel("")
        number.setMinimumWidth(44)
        check.toggled.connect(box.setEnabled)
        check.toggled.connect(lambda _: self.changed.emit())
        box.valueChanged.connect(lambda _: self.changed.emit())
        for column, widget in enumerate((check, box, number)):
            self._grid.addWidget(widget, i, column)
        return check, box, number

    @property
    def pitches(self) -> dict[str, float | None]:
        """The chosen pitches, µm; None: no spots."""
        return {
            name: box.value() or None
            for name, (check, box, _) in self.rows.items()
            if check.isChecked()
        }

    def show_counts(self, counts: dict[str, int]) -> None:
        """Say how many spots each class would have."""
        for name, (_, _, label) in self.rows.items():
            label.setText(f"{counts[name]:,}" if name in counts else "")
