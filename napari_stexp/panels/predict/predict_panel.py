"""The dock *Predict*: is all there, which spots, how far, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget

from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.predict.overlap import OverlapBox
from napari_stexp.panels.predict.prediction_list import PredictionList
from napari_stexp.panels.predict.settings_form import SettingsForm
from napari_stexp.panels.predict.where_buttons import WhereButtons
from napari_stexp.panels.text import describe_status_counts
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    make_button,
    make_heading,
    make_row,
)

__all__ = ["PredictPanel"]

_GLANCE_MS = 400
_FORMATS = "AnnData (*.h5ad);;Table (*.csv);;Table, compact (*.parquet)"
_NO_SPOTS = "Load spots, or make a grid."  # of Session.missing


class PredictPanel(Panel):
    """Starts, follows, cancels, compares and saves predictions."""

    predict_requested = Signal(str)  # 'tissue', 'region' or 'view'
    grid_requested = Signal(object, str)  # GridSettings, and where to predict then
    save_requested = Signal(object)  # Path
    devices_requested = Signal()

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._dock_is_watched = False
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.plan = Facts()
        self.column.addWidget(self.plan)
        self.overlap = OverlapBox()
        self.column.addWidget(self.overlap)
        self.where = WhereButtons()
        self.column.addWidget(self.where)
        self.predict_button = self.where.tissue_button
        self.add_area("spots", "laying the grid")
        self.add_area("predict", "predicting. What has been predicted until then is kept")
        self.pause_button = make_button("Pause", "Wait, and go on later.", self._ask_pause)
        self.row("predict").add_button(self.pause_button)
        self.settings = SettingsForm()
        self.device_box = self.settings.device_box
        fold = Fold("Settings", "What computes, and how reference spots are averaged.")
        fold.column.addWidget(self.settings)
        self.column.addWidget(fold)
        self.settings_fold = fold
        self._build_result()
        self._connect()
        self.refresh()

    def _build_result(self) -> None:
        self.column.addWidget(make_heading("Predictions"))
        self.list = PredictionList()
        self.column.addWidget(self.list)
        self.summary = Notice("hint")
        self.column.addWidget(self.summary)
        self.save_button = make_button(
            "Save…",
            "Save the shown one as AnnData (.h5ad, opens in scanpy and squidpy) or as a table "
            "(.csv, .parquet).",
            self._ask_save,
        )
        self.rename_button = make_button(
            "Rename", "Give the shown prediction another name.", self.list.edit_name
        )
        self.discard_button = make_button(
            "Remove", "Take the shown prediction off the slide. What was saved stays saved."
        )
        self.compare_button = make_button(
            "Side by side", "Show the active gene in every prediction, beside each other."
        )
        self.compare_button.setCheckable(True)
        buttons = (self.save_button, self.rename_button, self.discard_button, self.compare_button)
        row = make_row(*buttons, stretch=3)
        row.setSpacing(4)
        self.column.addLayout(row)
        self.add_area("save", "saving")

    def _connect(self) -> None:
        controller, session, control = self.controller, self.session, self.controller.predicting
        self.where.asked.connect(self._ask_predict)
        self.predict_requested.connect(control.predict)
        self.grid_requested.connect(control.predict_on_grid)
        self.save_requested.connect(control.save)
        self.discard_button.clicked.connect(lambda _checked=False: control.clear())
        self.compare_button.clicked.connect(control.compare)
        self.list.show_requested.connect(control.show)
        self.list.rename_requested.connect(control.rename)
        self.list.remove_requested.connect(control.remove)
        control.paused_changed.connect(self._on_paused)
        control.run.took.connect(self._list_predictions)
        self.devices_requested.connect(controller.list_devices)
        for form in (self.settings, self.overlap):
            form.params_requested.connect(controller.set_params)
        controller.devices_listed.connect(self._on_devices)
        if controller.devices is not None:
            self._on_devices(controller.devices)
        signals = (
            session.slide_changed, session.spots_changed, session.bundle_changed,
            session.prediction_changed, session.params_changed,
        )  # fmt: skip
        for signal in signals:
            self.watch(signal, self._on_changed)
        for signal in (session.tissue.changed, session.tissue.limits_changed):
            self.watch(signal, self.refresh)
        self.watch(session.predictions.changed, self.refresh)
        self.watch(session.prediction_updated, self._on_updated)
        self.watch(session.views.changed, self._show_comparing)
        self.watch(session.regions.changed, self._on_regions)
        self.watch(session.regions.selection_changed, self._on_regions)

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
        lacks_spots = missing == [_NO_SPOTS] and session.slide is not None
        self._guide(missing, lacks_spots and not running)
        self.plan.show_facts({} if missing and not lacks_spots else self._plan())
        laying = self.controller.busy("spots")
        ready = (not missing or lacks_spots) and not running and not laying
        self.where.show_state(
            ready=ready,
            running=running,
            lacks_spots=lacks_spots and not running,
            on_mask=self._is_limited,
        )
        self._on_regions()
        self.settings.show_state(session.bundle, session.params)
        self.settings.setEnabled(not running)
        self.overlap.show_state(session.spots, session.bundle, session.params, running)
        self._on_paused(self.controller.predicting.paused)
        self._show_result(running)

    def _guide(self, missing: list[str], lacks_spots: bool) -> None:
        """Say what is missing; for want of spots a grid of virtual ones is offered."""
        if lacks_spots:
            self.guide.say(
                "hint",
                "No spots are loaded. Predict lays a grid of virtual spots on the tissue first.",
            )
            return
        lines = ["Before you can predict:", *(f"• {sentence}" for sentence in missing)]
        self.guide.say("warning", "\n".join(lines) if missing else "")

    def _plan(self) -> dict[str, str]:
        session = self.session
        assert session.bundle is not None
        assert session.slide is not None
        return {
            "Slide": session.slide.name,
            "Spots": "" if session.spots is None else self._count_spots(session.spots.n_obs),
            "Model": f"{session.bundle.name}: {len(session.bundle.genes):,} genes",
        }

    @property
    def _is_limited(self) -> bool:
        """Whether 'Predict' leaves spots out that lie off the tissue mask."""
        return self.session.tissue.limits and self.session.tissue.mask is not None

    def _count_spots(self, n: int) -> str:
        return f"{n:,}, of which those on the tissue mask" if self._is_limited else f"{n:,}"

    def _on_regions(self, _: Any = None) -> None:
        regions = self.session.regions
        self.where.show_regions(len(regions.items), len(regions.selected))

    def _on_paused(self, paused: bool) -> None:
        self.pause_button.setText("Resume" if paused else "Pause")
        self.pause_button.setToolTip("Go on." if paused else "Wait, and go on later.")

    def _on_updated(self, _batch: Any) -> None:
        self._list_predictions()
        prediction = self.session.prediction
        if prediction is not None and not self.controller.busy("predict"):
            self._summarise(prediction)

    def _list_predictions(self) -> None:
        run = self.controller.predicting.run
        self.list.show_predictions(self.session.predictions, run.waiting)

    def _show_comparing(self) -> None:
        comparing = self.session.views.kind == "models"
        several = len(self.session.predictions) > 1
        self.compare_button.setChecked(comparing)
        self.compare_button.setEnabled(several or comparing)

    def _show_result(self, running: bool) -> None:
        prediction = self.session.prediction
        there = prediction is not None
        filling = there and self.controller.predicting.run.fills(prediction)
        self._list_predictions()
        self.list.setVisible(len(self.session.predictions) > 0)
        self._show_comparing()
        self.save_button.setEnabled(there and not filling and not self.controller.busy("save"))
        self.rename_button.setEnabled(there)
        self.discard_button.setEnabled(there and not filling)
        if running:
            self.summary.say("hint", "Browse what is there already in the tab Genes.")
        elif prediction is None:
            self.summary.say("hint", "Nothing has been predicted yet.")
        else:
            self._summarise(prediction)

    def _summarise(self, prediction: Any) -> None:
        counts = prediction.counts
        text = describe_status_counts(counts)
        trouble = counts["unreadable"] + counts["outside"]
        if counts["pending"]:
            self.summary.say("hint", f"{text}. Predict again to add the others.")
        else:
            self.summary.say("warning" if trouble else "done", f"{text}. See the tab Genes.")

    def _on_devices(self, devices: list[Any]) -> None:
        self.settings.show_devices(devices, self.session.params.device)

    # ---- asking --------------------------------------------------------------------------

    def _ask_predict(self, where: str) -> None:
        if self.session.spots is None:
            self.grid_requested.emit(self.where.grid, where)
        else:
            self.predict_requested.emit(where)

    def _ask_pause(self) -> None:
        control = self.controller.predicting
        if control.paused:
            control.resume()
        else:
            control.pause()

    def _ask_save(self) -> None:
        slide = self.session.slide
        name = f"{Path(slide.name).stem if slide else 'slide'}_predicted.h5ad"
        if path := self.ask_save("Save the prediction", name, _FORMATS):
            self.save_requested.emit(path if path.suffix else path.with_suffix(".h5ad"))
