"""The dock *Model*: which model predicts, what it is made of, and how it retrieves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSizePolicy, QSpinBox, QWidget

from napari_stexp.panels.describe import describe_model
from napari_stexp.panels.import_form import ImportForm
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.text import describe_metric
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    breakable,
    ignore_idle_wheel,
    make_button,
    make_heading,
    make_row,
)

__all__ = ["ModelPanel"]

_MODELS = "Models (*.safetensors);;All files (*)"

_K_HELP = (
    "How many of the model's reference spots are averaged for one prediction. "
    "More makes the picture smoother and values more alike; fewer makes it noisier."
)
_METRIC_HELP = (
    "How much each of these reference spots counts. L1, L2: by distance d, as 1/d²; L1 adds up "
    "the differences, L2 their squares; they differ little. Softmax: by similarity s (cosine), "
    "as exp(s/T); the smaller T, the more the most similar spots count."
)
_SCALE_HELP = (
    "What a value means. Per spot: log10(1 + counts per 10,000 of the spot), which compares genes "
    "within a spot. Per gene: log10(1 + counts per 10,000 of the gene), the scale of the released "
    "evaluation, which follows sequencing depth. Never compare values of the two."
)


class ModelPanel(Panel):
    """Loads or imports a model and sets how it retrieves."""

    load_requested = Signal(object)  # Path
    import_requested = Signal(object)  # ImportRequest
    unload_requested = Signal()
    params_requested = Signal(object)  # PredictParams

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.load_button = make_button(
            "Load model…",
            "Load a model (.safetensors): weights, genes and reference spots in one file.",
            self._ask_model,
        )
        self.unload_button = make_button(
            "Unload", "Forget this model. A prediction that is shown stays."
        )
        self.column.addLayout(make_row(self.load_button, self.unload_button))
        self.import_button = make_button(
            "Import released checkpoint…",
            "Make a model of a checkpoint (.pt) that the released mclSTExp code has trained.",
        )
        self.import_button.setCheckable(True)
        self.column.addLayout(make_row(self.import_button))
        self.import_form = ImportForm(self)
        self.import_form.hide()
        self.column.addWidget(self.import_form)
        self.add_area("model", "loading the model")
        self.facts = Facts()
        self.column.addWidget(self.facts)
        self.use_line = self._add_text("What the maker of the model says it is for.")
        self.citation_line = self._add_text("What to cite when you publish results of this model.")
        self._build_settings()
        self._connect()
        self.refresh()

    def _add_text(self, tooltip: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        label.setToolTip(tooltip)
        self.column.addWidget(label)
        return label

    def _build_settings(self) -> None:
        self.settings = QWidget()
        form = QFormLayout(self.settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(make_heading("How it predicts"))
        self.k_box = ignore_idle_wheel(QSpinBox())
        self.k_box.setRange(0, 1_000_000)
        self.k_box.setToolTip(_K_HELP)
        self.metric_box = ignore_idle_wheel(QComboBox())
        self.metric_box.setToolTip(_METRIC_HELP)
        self.scale_box = ignore_idle_wheel(QComboBox())
        self.scale_box.setToolTip(_SCALE_HELP)
        for name, box in (
            ("Neighbours (k)", self.k_box),
            ("Weights", self.metric_box),
            ("Scale", self.scale_box),
        ):
            box.setToolTip(f"{box.toolTip()} The default is the model's own.")
            label = QLabel(name)
            label.setToolTip(box.toolTip())
            form.addRow(label, box)
        self.column.addWidget(self.settings)

    def _connect(self) -> None:
        controller = self.controller
        self.load_requested.connect(controller.load_bundle)
        self.import_requested.connect(controller.import_checkpoint)
        self.unload_requested.connect(controller.clear_bundle)
        self.params_requested.connect(controller.set_params)
        self.unload_button.clicked.connect(self.unload_requested)
        self.import_button.toggled.connect(self.import_form.setVisible)
        self.import_form.requested.connect(self.import_requested)
        self.k_box.valueChanged.connect(self._ask_params)
        self.metric_box.activated.connect(self._ask_params)
        self.scale_box.activated.connect(self._ask_params)
        self.watch(self.session.bundle_changed, self._on_bundle)
        self.watch(self.session.params_changed, self._on_params)

    # ---- showing -------------------------------------------------------------------------

    def _on_bundle(self, bundle: Any) -> None:
        if bundle is not None:
            self.import_button.setChecked(False)
        self.refresh()

    def _on_params(self, _params: Any) -> None:
        self._show_params()

    def refresh(self) -> None:
        """Show the session's model and what is running."""
        bundle, busy = self.session.bundle, self.controller.busy("model")
        self.guide.say(
            "hint",
            ""
            if bundle is not None
            else "Load a model (.safetensors), or import a checkpoint of the released "
            "mclSTExp code together with the sections that it was trained on.",
        )
        self.load_button.setEnabled(not busy)
        self.unload_button.setEnabled(bundle is not None and not busy)
        self.import_form.button.setEnabled(not busy)
        self.facts.show_facts(describe_model(bundle) if bundle is not None else {})
        header = bundle.header if bundle is not None else None
        for label, title, text in (
            (self.use_line, "Intended use", header.intended_use if header else ""),
            (self.citation_line, "Cite", header.citation if header else ""),
        ):
            label.setText(breakable(f"{title}: {text}") if text else "")
            label.setVisible(bool(text))
        self.settings.setVisible(bundle is not None)
        self._show_params()

    def _show_params(self) -> None:
        bundle = self.session.bundle
        if bundle is None:
            return
        own, params = bundle.header.retrieval, self.session.params
        for box in (self.k_box, self.metric_box, self.scale_box):
            box.blockSignals(True)
        self.k_box.setMaximum(max(own.k, sum(s.n_spots for s in bundle.header.sections)))
        self.k_box.setSpecialValueText(f"default: {own.k}")
        self.k_box.setValue(params.k or 0)
        # A softmax needs a temperature, so it is offered where the model (or a script) brings one.
        metrics = dict.fromkeys(("l1", "l2", own.metric, params.metric or own.metric))
        names = {metric: describe_metric(metric) for metric in metrics}
        self._fill(self.metric_box, names, own.metric, params.metric)
        names = {"spot": "per spot", "gene": "per gene"}
        self._fill(self.scale_box, names, own.scale, params.scale)
        for box in (self.k_box, self.metric_box, self.scale_box):
            box.blockSignals(False)

    def _fill(self, box: QComboBox, names: dict[str, str], own: str, chosen: str | None) -> None:
        box.clear()
        box.addItem(f"default: {names.get(own, own)}", None)
        for key, name in names.items():
            box.addItem(name, key)
        box.setCurrentIndex(0 if chosen is None else max(0, box.findData(chosen)))

    # ---- asking --------------------------------------------------------------------------

    def _ask_model(self) -> None:
        if path := self.ask_file("Load model", _MODELS):
            self.load_requested.emit(path)

    def _ask_params(self, _value: int = 0) -> None:
        self.params_requested.emit(
            replace(
                self.session.params,
                k=self.k_box.value() or None,
                metric=self.metric_box.currentData(),
                scale=self.scale_box.currentData(),
            )
        )
