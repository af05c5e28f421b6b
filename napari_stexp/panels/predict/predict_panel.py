"""The dock *Predict*: is all there, on which device, how far, what came of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QDockWidget, QLabel

from napari_stexp.panels.predict.overlap import OverlapBox
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.text import describe_metric, describe_statuses
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    ignore_idle_wheel,
    make_button,
    make_heading,
    make_row,
)

__all__ = ["PredictPanel"]

_GLANCE_MS = 400
_FORMATS = "AnnData (*.h5ad);;Table (*.csv);;Table, compact (*.parquet)"


class PredictPanel(Panel):
    """Starts, follows, cancels and saves a prediction."""

    predict_requested = Signal()
    save_requested = Signal(object)  # Path
    discard_requested = Signal()
    params_requested = Signal(object)  # PredictParams
    devices_requested = Signal()

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._dock_is_watched = False
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.plan = Facts()
        self.column.addWidget(self.plan)
        self.device_box = ignore_idle_wheel(QComboBox())
        self.device_box.addItem("automatic", "auto")
        self.device_box.setToolTip(
            "What computes. Automatic takes a graphics card if there is one that works."
        )
        label = QLabel("Device")
        label.setToolTip(self.device_box.toolTip())
        self.column.addLayout(make_row(label, self.device_box, stretch=1))
        self.predict_button = make_button(
            "Predict",
            "Predict every gene of the model at every spot; spots take colour as it goes.",
        )
        self.predict_button.setMinimumHeight(34)
        self.predict_button.setStyleSheet("QPushButton { font-weight: 700; }")
        self.overlap = OverlapBox()
        self.column.addWidget(self.overlap)
        self.column.addWidget(self.predict_button)
        self.add_area("predict", "predicting. What has been predicted until then is kept")
        self._build_result()
        self._connect()
        self.refresh()

    def _build_result(self) -> None:
        self.column.addWidget(make_heading("Result"))
        self.summary = Notice("hint")
        self.column.addWidget(self.summary)
        self.save_button = make_button(
            "Save…",
            "Save as AnnData (.h5ad, opens in scanpy and squidpy) or as a table (.csv, .parquet).",
            self._ask_save,
        )
        self.discard_button = make_button(
            "Discard", "Take the prediction off the slide. What was saved stays saved."
        )
        self.column.addLayout(make_row(self.save_button, self.discard_button))
        self.add_area("save", "saving")

    def _connect(self) -> None:
        controller, session = self.controller, self.session
        self.predict_requested.connect(controller.predict)
        self.save_requested.connect(controller.save_prediction)
        self.discard_requested.connect(controller.clear_prediction)
        self.params_requested.connect(controller.set_params)
        self.devices_requested.connect(controller.list_devices)
        self.overlap.params_requested.connect(self.params_requested)
        self.predict_button.clicked.connect(self.predict_requested)
        self.discard_button.clicked.connect(self.discard_requested)
        self.device_box.activated.connect(self._ask_device)
        controller.devices_listed.connect(self._on_devices)
        for signal in (
            session.slide_changed,
            session.spots_changed,
            session.bundle_changed,
            session.prediction_changed,
            session.params_changed,
        ):
            self.watch(signal, self._on_changed)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Look for devices once the panel is looked at: that loads torch, 400 MB of it."""
        super().showEvent(event)
        dock = self.parent()
        if isinstance(dock, QDockWidget) and not self._dock_is_watched:
            self._dock_is_watched = True
            dock.visibilityChanged.connect(self._on_visibility)

    def _on_visibility(self, visible: bool) -> None:
        if visible:
            QTimer.singleShot(_GLANCE_MS, self._on_seen)

    def _on_seen(self) -> None:
        # A tab behind another is "visible" to Qt, and each is in front while tabs are made.
        if not self.visibleRegion().isEmpty():
            self.devices_requested.emit()

    # ---- showing -------------------------------------------------------------------------

    def _on_changed(self, _new: Any) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show what is missing, or what will be predicted, and what was."""
        session, running = self.session, self.controller.busy("predict")
        missing = session.missing()
        lines = ["Before you can predict:", *(f"• {sentence}" for sentence in missing)]
        self.guide.say("warning", "\n".join(lines) if missing else "")
        self.plan.show_facts({} if missing else self._plan())
        self.predict_button.setEnabled(not missing and not running)
        self.predict_button.setText("Predicting …" if running else "Predict")
        self.device_box.setEnabled(not running)
        self.overlap.show_state(session.spots, session.bundle, session.params)
        self.overlap.setEnabled(not running)
        self._show_result(running)

    def _plan(self) -> dict[str, str]:
        session = self.session
        params = session.params
        own = session.bundle.header.retrieval
        scale = params.scale or own.scale
        return {
            "Slide": session.slide.name,
            "Spots": f"{session.spots.n_obs:,}",
            "Genes": f"{len(session.bundle.genes):,}",
            "Neighbours": f"{params.k or own.k}, {describe_metric(params.metric or own.metric)}",
            "Scale": {"spot": "per spot", "gene": "per gene"}.get(scale, scale),
        }

    def _show_result(self, running: bool) -> None:
        prediction = self.session.prediction
        there = prediction is not None
        self.save_button.setEnabled(there and not running and not self.controller.busy("save"))
        self.discard_button.setEnabled(there and not running)
        if running:
            self.summary.say("hint", "Browse what is there already in the tab Genes.")
        elif not there:
            self.summary.say("hint", "Nothing has been predicted yet.")
        else:
            self._summarise(prediction)

    def _summarise(self, prediction: Any) -> None:
        statuses = prediction.status
        text = describe_statuses(statuses.tolist())
        pending = bool((statuses == "pending").any())
        trouble = bool(np.isin(statuses, ["unreadable", "outside"]).any())
        if pending:
            self.summary.say(
                "warning",
                f"Stopped early: {text}. What is there is kept; save it, or predict again.",
            )
        else:
            self.summary.say("warning" if trouble else "done", f"{text}. See the tab Genes.")

    def _on_devices(self, devices: list[Any]) -> None:
        self.device_box.clear()
        best = devices[0].label if devices else ""
        self.device_box.addItem(f"automatic ({best})" if best else "automatic", "auto")
        for device in devices:
            self.device_box.addItem(f"{device.name}: {device.label}", device.name)
        self.device_box.setCurrentIndex(
            max(0, self.device_box.findData(self.session.params.device))
        )

    # ---- asking --------------------------------------------------------------------------

    def _ask_device(self, _index: int) -> None:
        device = self.device_box.currentData()
        self.params_requested.emit(replace(self.session.params, device=device))

    def _ask_save(self) -> None:
        slide = self.session.slide
        name = f"{Path(slide.name).stem if slide else 'slide'}_predicted.h5ad"
        if path := self.ask_save("Save the prediction", name, _FORMATS):
            self.save_requested.emit(path if path.suffix else path.with_suffix(".h5ad"))
