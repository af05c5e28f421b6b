"""How the gene is drawn: colour map, scale, limits, threshold, size and opacity of the spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QDoubleRangeSlider

from napari_stexp.panels.fold import Fold
from napari_stexp.panels.genes.color_bar import make_icon
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button, make_row
from napari_stexp.session import COLORMAPS, DisplaySettings

__all__ = ["DisplayControls"]

_BOX_PX = 86  # three boxes side by side in a dock
_LIMITS_PX = 118
_MIN_SIZE, _MAX_SIZE = 20, 300  # % of the true diameter

_TRANSFORMS = (("log", "log"), ("counts", "linear"), ("z-score", "z"))
_LIMITS = (("percentiles", "percentile"), ("by hand", "manual"), ("same for all", "shared"))
_MODES = (("spots", "spots"), ("heat map", "heat map"))


class DisplayControls(QWidget):
    """Edits `DisplaySettings`; emits the new ones and never changes them itself."""

    display_requested = Signal(object)  # DisplaySettings
    transform_requested = Signal(str)  # limits by hand and the threshold change with it

    def __init__(self) -> None:
        super().__init__()
        self._settings = DisplaySettings()
        self._limits = (0.0, 1.0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        self._build_choices(column)
        self._build_limits(column)
        self._build_more(column)
        self.show_display(self._settings, self._limits)
        self._connect()

    # ---- building ------------------------------------------------------------------------

    def _build_choices(self, column: QVBoxLayout) -> None:
        self.colormap_box = self._make_box(
            [(name, name) for name in COLORMAPS],
            "Colour map. All rise evenly in lightness and can be told apart by colour-blind eyes; "
            "cividis was made for them.",
        )
        self.colormap_box.setIconSize(QSize(24, 14))
        for i, name in enumerate(COLORMAPS):
            self.colormap_box.setItemIcon(i, make_icon(name))
        self.transform_box = self._make_box(
            _TRANSFORMS,
            "Scale of the values. log: log10(1 + counts per 10,000), as predicted; counts: counts "
            "per 10,000; z-score: standard deviations from the section's mean.",
        )
        self.draw_box = self._make_box(
            _MODES, "Spots of their true size, or a smooth picture drawn between their centres."
        )
        self.mode_box = self._make_box(
            _LIMITS,
            "Which values get the first and the last colour. Percentiles follow each gene; by "
            "hand they stay the same from gene to gene; same for all takes the percentiles over "
            "all predictions and the measurement, so that views beside each other compare.",
        )
        row = make_row(self.colormap_box, self.transform_box, self.draw_box)
        for i, share in enumerate((22, 18, 21, 0)):  # as long as their longest words
            row.setStretch(i, share)
        column.addLayout(row)

    def _build_limits(self, column: QVBoxLayout) -> None:
        self.percentile_slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.percentile_slider.setRange(0.0, 100.0)
        self.percentile_slider.setToolTip(
            "Drag the ends: values below the lower percentile get the first colour, values above "
            "the upper one the last."
        )
        self.percentile_label = QLabel()
        self.percentile_label.setMinimumWidth(70)
        percentiles = QWidget()
        percentiles.setLayout(make_row(self.percentile_slider, self.percentile_label, stretch=0))
        self.low_box = self._make_value_box("Value that gets the first colour.")
        self.high_box = self._make_value_box("Value that gets the last colour.")
        hand = QWidget()
        hand.setLayout(make_row(self.low_box, self.high_box))
        for box in (self.low_box, self.high_box):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(_BOX_PX)
        self.limit_stack = QStackedWidget()
        self.limit_stack.addWidget(percentiles)
        self.limit_stack.addWidget(hand)
        self.limit_stack.setFixedHeight(30)
        self.mode_box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.mode_box.setFixedWidth(_LIMITS_PX)
        column.addLayout(make_row(self.mode_box, self.limit_stack, stretch=1))

    def _build_more(self, column: QVBoxLayout) -> None:
        self.more = Fold(
            "Threshold, size and opacity", "Hide low values; size and opacity of the spots."
        )
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self._build_threshold(form)
        self._build_spots(form)
        self.more.column.addLayout(form)
        column.addWidget(self.more)

    def _build_threshold(self, form: QFormLayout) -> None:
        self.threshold_box = QCheckBox("hide below")
        self.threshold_box.setToolTip(
            "Leave spots without colour whose value is lower. The line can be dragged in the "
            "histogram."
        )
        self.threshold_value = self._make_value_box("Spots with a lower value get no colour.")
        form.addRow("Threshold", make_row(self.threshold_box, self.threshold_value))

    def _build_spots(self, form: QFormLayout) -> None:
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(_MIN_SIZE, _MAX_SIZE)
        self.size_label = QLabel()
        _add_slider(form, "Spot size", self.size_slider, self.size_label, "100 % is the true size.")
        self.opacity_slider = QSlider(Qt.Orientation.Horizontal)
        self.opacity_slider.setRange(0, 100)
        self.opacity_label = QLabel()
        _add_slider(
            form, "Opacity", self.opacity_slider, self.opacity_label,
            "Less lets the tissue show through.",
        )  # fmt: skip
        self.visible_box = QCheckBox("show spots")
        self.visible_box.setToolTip("Uncheck to see the tissue alone.")
        self.reset_button = make_button(
            "Reset", "Take the usual colours, limits and sizes again.", self._reset
        )
        form.addRow("", make_row(self.visible_box, self.reset_button))

    def _make_box(self, items: Sequence[tuple[str, str]], tooltip: str) -> QComboBox:
        box = ignore_idle_wheel(QComboBox())
        for words, name in items:
            box.addItem(words, name)
        box.setToolTip(tooltip)
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.setMinimumWidth(_BOX_PX)
        return box

    def _make_value_box(self, tooltip: str) -> QDoubleSpinBox:
        box = ignore_idle_wheel(QDoubleSpinBox())
        box.setRange(-1e6, 1e6)
        box.setDecimals(3)
        box.setSingleStep(0.05)
        box.setKeyboardTracking(False)
        box.setToolTip(tooltip)
        return box

    def _connect(self) -> None:
        self.colormap_box.currentTextChanged.connect(lambda name: self._ask(colormap=name))
        self.transform_box.activated.connect(
            lambda _: self.transform_requested.emit(self.transform_box.currentData())
        )
        self.draw_box.activated.connect(lambda _: self._ask(mode=self.draw_box.currentData()))
        self.mode_box.activated.connect(self._ask_mode)
        self.percentile_slider.valueChanged.connect(self._ask_percentiles)
        self.low_box.valueChanged.connect(self._ask_manual)
        self.high_box.valueChanged.connect(self._ask_manual)
        self.threshold_box.toggled.connect(self._ask_threshold)
        self.threshold_value.valueChanged.connect(self._ask_threshold)
        self.size_slider.valueChanged.connect(lambda value: self._ask(size_factor=value / 100))
        self.opacity_slider.valueChanged.connect(lambda value: self._ask(opacity=value / 100))
        self.visible_box.toggled.connect(lambda on: self._ask(visible=on))

    # ---- showing -------------------------------------------------------------------------

    def show_display(self, settings: DisplaySettings, limits: tuple[float, float]) -> None:
        """Show the session's settings and the limits in effect."""
        self._settings, self._limits = settings, limits
        widgets = (
            self.colormap_box, self.transform_box, self.draw_box, self.mode_box,
            self.percentile_slider, self.low_box, self.high_box, self.threshold_box,
            self.threshold_value, self.size_slider, self.opacity_slider, self.visible_box,
        )  # fmt: skip
        for widget in widgets:
            widget.blockSignals(True)
        self.colormap_box.setCurrentText(settings.colormap)
        self.transform_box.setCurrentIndex(self.transform_box.findData(settings.transform))
        self.draw_box.setCurrentIndex(self.draw_box.findData(settings.mode))
        self._show_limits(settings)
        self.threshold_box.setChecked(settings.threshold is not None)
        self.threshold_value.setEnabled(settings.threshold is not None)
        if settings.threshold is not None:
            self.threshold_value.setValue(settings.threshold)
        self.size_slider.setValue(round(settings.size_factor * 100))
        self.size_label.setText(f"{settings.size_factor:.0%}")
        self.opacity_slider.setValue(round(settings.opacity * 100))
        self.opacity_label.setText(f"{settings.opacity:.0%}")
        self.visible_box.setChecked(settings.visible)
        for widget in widgets:
            widget.blockSignals(False)

    def _show_limits(self, settings: DisplaySettings) -> None:
        manual = settings.limits_mode == "manual"
        self.mode_box.setCurrentIndex(self.mode_box.findData(settings.limits_mode))
        self.limit_stack.setCurrentIndex(int(manual))
        self.percentile_slider.setValue(settings.percentiles)
        low, high = settings.percentiles
        self.percentile_label.setText(f"{low:.3g} to {high:.3g} %")
        if manual:
            self.low_box.setValue(settings.manual_limits[0])
            self.high_box.setValue(settings.manual_limits[1])

    # ---- asking --------------------------------------------------------------------------

    def _ask(self, **changes: object) -> None:
        self.display_requested.emit(replace(self._settings, **changes))

    def _ask_mode(self, _index: int) -> None:
        mode = self.mode_box.currentData()
        if mode == "manual":
            self._ask(limits_mode=mode, manual_limits=self._limits)
        else:
            self._ask(limits_mode=mode)

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

    def _ask_threshold(self, _value: object) -> None:
        if not self.threshold_box.isChecked():
            self._ask(threshold=None)
        elif self._settings.threshold is None:  # it begins where the colours do
            self._ask(threshold=self._limits[0])
        else:
            self._ask(threshold=self.threshold_value.value())

    def _reset(self) -> None:
        self.display_requested.emit(DisplaySettings())


def _add_slider(
    form: QFormLayout, title: str, slider: QSlider, label: QLabel, tooltip: str
) -> None:
    ignore_idle_wheel(slider)
    slider.setToolTip(tooltip)
    label.setMinimumWidth(44)
    name = QLabel(title)
    name.setToolTip(tooltip)
    form.addRow(name, make_row(slider, label, stretch=0))
