"""How a prediction is made: device, number of reference spots, weights, scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSpinBox, QWidget

from napari_stexp.panels.text import describe_metric
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import PredictParams

__all__ = ["SettingsForm"]

_METRICS = ("l1", "l2", "softmax:0.2")
_SCALES = {"spot": "per spot", "gene": "per gene"}


class SettingsForm(QWidget):
    """Fields for what the model doesn't decide; changes nothing itself."""

    params_requested = Signal(object)  # PredictParams

    def __init__(self) -> None:
        super().__init__()
        self._params: PredictParams | None = None
        self.device_box = self._make_box(
            "What computes. Automatic takes a graphics card if there is one that works."
        )
        self.device_box.addItem("automatic", "auto")
        self.k_box = ignore_idle_wheel(QSpinBox())
        self.k_box.setToolTip(
            "How many reference spots a prediction averages. More: smoother maps; fewer: more "
            "contrast, and more noise."
        )
        self.metric_box = self._make_box(
            "How reference spots are weighted: by their distance to the patch (L1, L2), or by "
            "their similarity (softmax)."
        )
        self.scale_box = self._make_box(
            "Counts are scaled to 10,000 per spot, or per gene over each reference section."
        )
        self.reset_button = make_button(
            "As the model has it", "Take the model's own settings again.", self._reset
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for text, widget in (
            ("Device", self.device_box),
            ("Reference spots", self.k_box),
            ("Weights", self.metric_box),
            ("Scale", self.scale_box),
        ):
            label = QLabel(text)
            label.setToolTip(widget.toolTip())
            form.addRow(label, widget)
        form.addRow("", self.reset_button)
        self.device_box.activated.connect(lambda _: self._ask(device=self.device_box.currentData()))
        self.metric_box.activated.connect(lambda _: self._ask(metric=self.metric_box.currentData()))
        self.scale_box.activated.connect(lambda _: self._ask(scale=self.scale_box.currentData()))
        self.k_box.editingFinished.connect(lambda: self._ask(k=self.k_box.value() or None))

    def show_state(self, bundle: ModelBundle | None, params: PredictParams) -> None:
        """Show these settings beside the model's own."""
        self._params = params
        own = None if bundle is None else bundle.header.retrieval
        most = 1 if bundle is None else len(bundle.bank.embeddings)
        self.k_box.setRange(0, most)
        self.k_box.setSpecialValueText("the model's" if own is None else f"model: {own.k}")
        self.k_box.setValue(params.k or 0)
        words = [(metric, describe_metric(metric)) for metric in _METRICS]
        own_metric = None if own is None else describe_metric(own.metric)
        self._fill(self.metric_box, words, own_metric, params.metric)
        own_scale = None if own is None else _SCALES.get(own.scale, own.scale)
        self._fill(self.scale_box, list(_SCALES.items()), own_scale, params.scale)
        for widget in (self.k_box, self.metric_box, self.scale_box):
            widget.setEnabled(bundle is not None)
        changed = (params.k, params.metric, params.scale) != (None, None, None)
        self.reset_button.setEnabled(changed)

    def show_devices(self, devices: list[Any], chosen: str) -> None:
        """Offer these devices, best first."""
        self.device_box.clear()
        best = devices[0].label if devices else ""
        self.device_box.addItem(f"auto: {best}" if best else "automatic", "auto")
        for device in devices:
            self.device_box.addItem(f"{device.name}: {device.label}", device.name)
        for row in range(self.device_box.count()):  # graphics cards have long names
            text = self.device_box.itemText(row)
            self.device_box.setItemData(row, text, Qt.ItemDataRole.ToolTipRole)
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(chosen)))

    def _make_box(self, tooltip: str) -> QComboBox:
        box = ignore_idle_wheel(QComboBox())
        box.setToolTip(tooltip)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(10)
        return box

    def _fill(
        self, box: QComboBox, items: list[tuple[str, str]], own: str | None, chosen: str | None
    ) -> None:
        box.clear()
        box.addItem("the model's" if own is None else f"model: {own}", None)
        if chosen is not None and chosen not in dict(items):
            items = [*items, (chosen, describe_metric(chosen))]
        for value, text in items:
            box.addItem(text, value)
        box.setCurrentIndex(0 if chosen is None else box.findData(chosen))

    def _ask(self, **changes: Any) -> None:
        if self._params is not None:
            self.params_requested.emit(replace(self._params, **changes))

    def _reset(self) -> None:
        self._ask(k=None, metric=None, scale=None)
