"""Moving spots by hand: mouse and keys on the slide, numbers and buttons in the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.align.align_panel import AlignPanel

__all__ = ["NudgePart"]

_HINT = (
    "Drag the spots on the slide; with Shift the mouse turns them. Arrow keys move, comma and "
    "full stop turn, - and = scale; Shift is ten times as far, Alt a tenth. Space moves the slide."
)


class NudgePart(QWidget):
    """Moves, turns, scales and mirrors the spots; shows by how much.

    Parameters
    ----------
    panel : AlignPanel
        Whose part it is.
    """

    def __init__(self, panel: AlignPanel) -> None:
        super().__init__()
        self._control, self._aligning = panel.control, panel.session.aligning
        self._panel = panel
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.move_button = make_button(
            "Move on the slide", "Move the spots with mouse and keys, until you press it again."
        )
        self.move_button.setCheckable(True)
        self.move_button.clicked.connect(self._switch)
        self.step_box = self._make_box(10, 0.1, 1000, "How far an arrow key moves the spots.")
        self.hint = Notice("hint", _HINT)
        self.x_box = self._make_box(0, -1e6, 1e6, "Moved to the right by so much.")
        self.y_box = self._make_box(0, -1e6, 1e6, "Moved down by so much.")
        self.turn_box = self._make_box(0, -360, 360, "Turned clockwise about their middle.")
        self.turn_box.setSuffix("°")
        self.scale_box = self._make_box(
            100, 0.1, 10_000, "Size of their pattern, about its middle."
        )
        self.scale_box.setSuffix(" %")
        self.scale_box.setDecimals(2)
        column.addLayout(make_row(self.move_button))
        column.addWidget(self.hint)
        form = QFormLayout()
        form.setVerticalSpacing(3)
        form.addRow("Step", self.step_box)
        form.addRow("Right", self.x_box)
        form.addRow("Down", self.y_box)
        form.addRow("Turn", self.turn_box)
        form.addRow("Size", self.scale_box)
        column.addLayout(form)
        self.mirror_button = self._flip("Mirror ↔", "mirror left to right")
        self.flip_button = self._flip("Mirror ↕", "mirror top to bottom")
        self.quarter_button = self._flip("Turn 90°", "turn by 90° clockwise")
        column.addLayout(make_row(self.mirror_button, self.flip_button, self.quarter_button))
        self.step_box.valueChanged.connect(self._set_step)
        for box in (self.x_box, self.y_box, self.turn_box, self.scale_box):
            box.valueChanged.connect(self._type)

    def _make_box(self, value: float, low: float, high: float, tooltip: str) -> QDoubleSpinBox:
        box = ignore_idle_wheel(QDoubleSpinBox())
        box.setRange(low, high)
        box.setDecimals(1)
        box.setValue(value)
        box.setKeyboardTracking(False)
        box.setToolTip(tooltip)
        return box

    def _flip(self, text: str, name: str) -> QWidget:
        tooltip = f"{name[0].upper()}{name[1:]}, about the middle of the spots."
        return make_button(text, tooltip, lambda: self._control.do("orient", name))

    def _switch(self, checked: bool) -> None:
        self._aligning.tool = "move" if checked else "none"

    def _set_step(self, value: float) -> None:
        self._panel.adapter.aligning.step = value

    @property
    def _unit(self) -> float:
        """µm per level-0 px; 1 where it is unknown."""
        return self._panel.session.world_mpp or 1.0

    def _numbers(self) -> tuple[float, float, float, float]:
        """Return how the spots' middle was moved, their turn and size, as shown."""
        import numpy as np

        xy = self._panel.session.spots.obsm["spatial"]
        middle = (np.min(xy, axis=0) + np.max(xy, axis=0)) / 2
        away = (self._aligning.centre - middle) * self._unit
        move = self._aligning.draft.move
        return float(away[0]), float(away[1]), move.rotation, 100 * move.scale

    def _type(self, _value: float) -> None:
        """Do what was typed: the difference to what is shown."""
        x, y, turn, size = self._numbers()
        sender = self.sender()
        if sender is self.x_box:
            self._control.do("shift", (self.x_box.value() - x) / self._unit, 0.0)
        elif sender is self.y_box:
            self._control.do("shift", 0.0, (self.y_box.value() - y) / self._unit)
        elif sender is self.turn_box:
            self._control.do("turn", self.turn_box.value() - turn)
        else:
            self._control.do("scale", self.scale_box.value() / size)

    def refresh(self) -> None:
        """Show the present draft."""
        there = self._panel.session.spots is not None
        self.setEnabled(there)
        moving = self._aligning.tool == "move"
        self.move_button.setChecked(moving)
        self.hint.setVisible(moving)
        unit = " µm" if self._panel.session.world_mpp else " px"
        self.step_box.setSuffix(unit)
        numbers = self._numbers() if there else (0.0, 0.0, 0.0, 100.0)
        boxes = (self.x_box, self.y_box, self.turn_box, self.scale_box)
        for box, number in zip(boxes, numbers, strict=True):
            box.blockSignals(True)
            box.setValue(number)
            box.blockSignals(False)
        for box in (self.x_box, self.y_box):
            box.setSuffix(unit)
