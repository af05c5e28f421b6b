"""The drawing tools as buttons, the brush's size, undo and redo."""

from __future__ import annotations

import math

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QLabel,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.annotate.tool_icons import draw_tool
from napari_stexp.panels.widgets import ignore_idle_wheel, make_row

__all__ = ["ToolRow"]

_TOOLS = {
    "none": ("Move", "Move and zoom the slide; no tool."),
    "pick": ("Pick", "Click a region to select it; drag its corners to reshape it."),
    "polygon": ("Polygon", "Click corner by corner; a double click or Enter closes the outline."),
    "lasso": ("Lasso", "Drag around a region with the button held down."),
    "brush": ("Brush", "Paint a region; where it touches one of the same class, that one grows."),
    "eraser": ("Eraser", "Take away from the selected regions; from all if none is selected."),
    "select": ("Select spots", "Drag around spots to select them; this draws no region."),
}
_SLIDER = (1.0, 3.7)  # log10 of µm: 10 µm to 5 mm
_STEPS = 100
_ICON_PX, _BUTTON_PX = 20, 31


class ToolRow(QWidget):
    """Which tool the mouse is; a click asks for it."""

    tool_requested = Signal(str)
    brush_requested = Signal(float)
    undo_requested = Signal()
    redo_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons = {name: self._make(name, *words) for name, words in _TOOLS.items()}
        for name, button in self.buttons.items():
            button.setCheckable(True)
            self._group.addButton(button)
            button.clicked.connect(lambda _on=False, name=name: self.tool_requested.emit(name))
        self.buttons["none"].setChecked(True)
        self.undo_button = self._make("undo", "Undo", "")
        self.redo_button = self._make("redo", "Redo", "")
        self.undo_button.clicked.connect(lambda _on=False: self.undo_requested.emit())
        self.redo_button.clicked.connect(lambda _on=False: self.redo_requested.emit())
        row = make_row(*self.buttons.values())
        row.setSpacing(2)
        row.addWidget(self.undo_button)
        row.addWidget(self.redo_button)
        self._build_brush()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.brush_row)

    def _make(self, icon: str, title: str, tooltip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setAccessibleName(title)
        button.setProperty("drawing", icon)
        button.setToolTip(f"{title}. {tooltip}" if tooltip else title)
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setStyleSheet(
            "QToolButton { padding: 2px; border-radius: 4px; }"
            "QToolButton:checked { background-color: rgb(56, 120, 200); }"
        )
        return button

    def _build_brush(self) -> None:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setToolTip("Diameter of brush and eraser.")
        self.slider.valueChanged.connect(self._on_slider)
        self.brush_box = ignore_idle_wheel(QDoubleSpinBox())
        self.brush_box.setRange(1.0, 20_000.0)
        self.brush_box.setDecimals(0)
        self.brush_box.setKeyboardTracking(False)
        self.brush_box.setToolTip(self.slider.toolTip())
        self.brush_box.valueChanged.connect(self.brush_requested)
        label = QLabel("Brush")
        label.setToolTip(self.slider.toolTip())
        self.brush_row = QWidget()
        self.brush_row.setLayout(make_row(label, self.slider, self.brush_box, stretch=1))

    # ---- showing -------------------------------------------------------------------------

    def show_tool(self, tool: str) -> None:
        """Mark a tool; the brush's size is shown with those that have one."""
        self.buttons[tool].setChecked(True)
        self.brush_row.setVisible(tool in ("brush", "eraser"))

    def show_brush(self, diameter: float, unit: str) -> None:
        """Show the brush's diameter."""
        for widget in (self.slider, self.brush_box):
            widget.blockSignals(True)
        low, high = _SLIDER
        part = (math.log10(max(diameter, 1.0)) - low) / (high - low)
        self.slider.setValue(round(_STEPS * min(max(part, 0.0), 1.0)))
        self.brush_box.setSuffix(f" {unit}")
        self.brush_box.setValue(diameter)
        for widget in (self.slider, self.brush_box):
            widget.blockSignals(False)

    def show_history(self, undo: str, redo: str) -> None:
        """Say what would be undone, and what done again; empty: nothing."""
        self.undo_button.setEnabled(bool(undo))
        self.redo_button.setEnabled(bool(redo))
        self.undo_button.setToolTip(
            f"Undo: {undo} (Ctrl+Z)" if undo else "Nothing to undo (Ctrl+Z)"
        )
        self.redo_button.setToolTip(
            f"Do again: {redo} (Ctrl+Shift+Z or Ctrl+Y)"
            if redo
            else "Nothing to do again (Ctrl+Shift+Z or Ctrl+Y)"
        )

    def set_usable(self, editable: bool, there: bool) -> None:
        """Offer tools where there is a slide, and those that draw unless the regions are locked."""
        for name, button in self.buttons.items():
            button.setEnabled(there and (editable or name in ("none", "pick", "select")))

    def _on_slider(self, step: int) -> None:
        low, high = _SLIDER
        self.brush_requested.emit(float(f"{10 ** (low + (high - low) * step / _STEPS):.2g}"))

    # ---- theme ---------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the icons in the theme's colour."""
        super().showEvent(event)
        self._draw_icons()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Draw them again in another theme's."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._draw_icons()

    def _draw_icons(self) -> None:
        color = self.palette().color(self.foregroundRole())
        for button in (*self.buttons.values(), self.undo_button, self.redo_button):
            button.setIcon(draw_tool(button.property("drawing"), color))
