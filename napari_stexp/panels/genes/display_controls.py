"""How the gene is drawn: colour map, limits, size and opacity of the spots."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSlider,
    QStackedWidget,
    QWidget,
)
from superqt import QDoubleRangeSlider

from napari_stexp.panels.genes.color_bar import make_icon
from napari_stexp.panels.widgets import ignore_idle_wheel, make_row
from napari_stexp.session import COLORMAPS, DisplaySettings

__all__ = ["DisplayControls"]

_MIN_SIZE, _MAX_SIZE = 20, 300  # % of the true diameter


class DisplayControls(QWidget):
    """Edits `DisplaySettings`; emits the new ones and never changes them itself."""

    display_requested = Signal(object)  # DisplaySettings

    def __init__(self) -> None:
        super().__init__()
        self._settings = DisplaySettings()
        self._limits = (0.0, 1.0)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(3)
        self._build_colors()
        self._build_limits()
        self._build_spots()
        self.show_display(self._settings, self._limits)
        self._connect()

    # ---- building ------------------------------------------------------------------------

    def _build_colors(self) -> None:
        self.colormap_box = ignore_idle_wheel(QComboBox())
        self.colormap_box.setIconSize(QSize(48, 14))
        for name in COLORMAPS:
            self.colormap_box.addItem(make_icon(name), name)
        self._add(
            "Colours", self.colormap_box, "Colour map. Cividis was made for colour-blind eyes."
        )

    def _build_limits(self) -> None:
        self.mode_box = ignore_idle_wheel(QComboBox())
        self.mode_box.addItem("by percentiles", "percentile")
        self.mode_box.addItem("by hand", "manual")
        self._add(
            "Limits",
            self.mode_box,
            "Which values get the first and the last colour. By percentiles follows each gene; "
            "by hand stays the same from gene to gene, so that genes can be compared.",
        )
        self.percentile_slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.percentile_slider.setRange(0.0, 100.0)
        self.percentile_slider.setToolTip(
            "Drag the ends: values below the lower percentile get the first colour, values above "
            "the upper one the last."
        )
        self.percentile_label = QLabel()
        self.percentile_label.setMinimumWidth(76)
        percentiles = QWidget()
        percentiles.setLayout(make_row(self.percentile_slider, self.percentile_label, stretch=0))
        self.low_box = self._make_limit_box("Value that gets the first colour.")
        self.high_box = self._make_limit_box("Value that gets the last colour.")
        hand = QWidget()
        hand.setLayout(make_row(self.low_box, QLabel("to"), self.high_box))
        self.limit_stack = QStackedWidget()
        self.limit_stack.addWidget(percentiles)
        self.limit_stack.addWidget(hand)
        self.limit_stack.setFixedHeight(30)
        self._form.addRow("", self.limit_stack)

    def _build_spots(self) -> None:
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(_MIN_SIZE, _MAX_SIZE)
        self.size_label = QLabel()
        self._add_slider("Spot size", self.size_slider, self.size_label, "100 % is the true size.")
        self.opacity_slider = QSlider(Qt.Orientation.Horizontal)
        self.opacity_slider.setRange(0, 100)
        self.opacity_label = QLabel()
        self._add_slider(
            "Opacity", self.opacity_slider, self.opacity_label, "Less lets the tissue show through."
        )
        self.visible_box = QCheckBox("show spots")
        self.visible_box.setToolTip("Uncheck to see the tissue alone.")
        self._form.addRow("", self.visible_box)

    def _add(self, title: str, widget: QWidget, tooltip: str) -> None:
        label = QLabel(title)
        label.setToolTip(tooltip)
        widget.setToolTip(tooltip)
        self._form.addRow(label, widget)

    def _add_slider(self, title: str, slider: QSlider, label: QLabel, tooltip: str) -> None:
        ignore_idle_wheel(slider)
        slider.setToolTip(tooltip)
        label.setMinimumWidth(44)
        name = QLabel(title)
        name.setToolTip(tooltip)
        self._form.addRow(name, make_row(slider, label, stretch=0))

    def _make_limit_box(self, tooltip: str) -> QDoubleSpinBox:
        box = ignore_idle_wheel(QDoubleSpinBox())
        box.setRange(-1e6, 1e6)
        box.setDecimals(3)
        box.setSingleStep(0.05)
        box.setKeyboardTracking(False)
        box.setToolTip(tooltip)
        return box

    def _connect(self) -> None:
        self.colormap_box.currentTextChanged.connect(lambda name: self._ask(colormap=name))
        self.mode_box.activated.connect(self._ask_mode)
        self.percentile_slider.valueChanged.connect(self._ask_percentiles)
        self.low_box.valueChanged.connect(self._ask_manual)
        self.high_box.valueChanged.connect(self._ask_manual)
        self.size_slider.valueChanged.connect(lambda value: self._ask(size_factor=value / 100))
        self.opacity_slider.valueChanged.connect(lambda value: self._ask(opacity=value / 100))
        self.visible_box.toggled.connect(lambda on: self._ask(visible=on))

    # ---- showing -------------------------------------------------------------------------

    def show_display(self, settings: DisplaySettings, limits: tuple[float, float]) -> None:
        """Show the session's settings and the limits in effect."""
        self._settings, self._limits = settings, limits
        widgets = (
            self.colormap_box,
            self.mode_box,
            self.percentile_slider,
            self.low_box,
            self.high_box,
            self.size_slider,
            self.opacity_slider,
            self.visible_box,
        )
        for widget in widgets:
            widget.blockSignals(True)
        self.colormap_box.setCurrentText(settings.colormap)
        manual = settings.limits_mode == "manual"
        self.mode_box.setCurrentIndex(int(manual))
        self.limit_stack.setCurrentIndex(int(manual))
        self.percentile_slider.setValue(settings.percentiles)
        low, high = settings.percentiles
        self.percentile_label.setText(f"{low:.3g} to {high:.3g} %")
        if manual:
            self.low_box.setValue(settings.manual_limits[0])
            self.high_box.setValue(settings.manual_limits[1])
        self.size_slider.setValue(round(settings.size_factor * 100))
        self.size_label.setText(f"{settings.size_factor:.0%}")
        self.opacity_slider.setValue(round(settings.opacity * 100))
        self.opacity_label.setText(f"{settings.opacity:.0%}")
        self.visible_box.setChecked(settings.visible)
        for widget in widgets:
            widget.blockSignals(False)

    # ---- asking --------------------------------------------------------------------------

    def _ask(self, **changes: object) -> None:
        self.display_requested.emit(replace(self._settings, **changes))

    def _ask_mode(self, _index: int) -> None:
        if self.mode_box.currentData() == "manual":
            self._ask(limits_mode="manual", manual_limits=self._limits)
        else:
            self._ask(limits_mode="percentile")

    def _ask_percentiles(self, values: tuple[float, float]) -> None:
        low, high = (round(float(value), 1) for value in values)
        if low < high:
            self._ask(percentiles=(low, high))

    def _ask_manual(self, _value: float) -> None:
        low, high = self.low_box.value(), self.high_box.value()
        if low < high:
            self._ask(manual_limits=(low, high))
        else:  # the ends have met: the one that was moved goes back
            self.show_display(self._settings, self._limits)
