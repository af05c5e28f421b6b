"""The dock *Train*: from measured sections to a model and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import join_tabs
from napari_stexp.panels.train.loss_curve import LossCurve
from napari_stexp.panels.train.prepare_form import PrepareForm
from napari_stexp.panels.train.result_table import ResultTable
from napari_stexp.panels.train.section_list import SectionList
from napari_stexp.panels.train.sources_row import SourcesRow
from napari_stexp.panels.train.train_form import TrainForm
from napari_stexp.panels.train.training_words import describe_data, describe_stop, guide
from napari_stexp.panels.widgets import Facts, Notice, make_button, make_heading, make_row
from napari_stexp.session.training.run import is_resumable

__all__ = ["TrainPanel"]

_WEIGHTS = "Weights (*.pth *.pt *.safetensors *.bin);;All files (*)"
_GLANCE_MS = 400


class TrainPanel(Panel):
    """Chooses sections, prepares them, trains, and shows how good the model is."""

    other_requested = Signal()
    prepare_requested = Signal(object)  # folder
    train_requested = Signal()
    resume_requested = Signal()
    evaluate_requested = Signal()
    load_requested = Signal()
    report_requested = Signal()
    devices_requested = Signal()

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.control = self.controller.training
        self.training = self.session.training
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self._build_sources()
        self._build_data()
        self._build_training()
        self._build_result()
        self._connect()
        self.refresh()

    # ---- building ------------------------------------------------------------------------

    def _build_sources(self) -> None:
        self.sources = SourcesRow(self, self.control.memory)
        self.column.addWidget(self.sources)
        self.add_area("sections", "looking for sections")

    def _build_data(self) -> None:
        self.data_fold = Fold("Sections", "Which sections are used for what.", opened=True)
        self.column.addWidget(self.data_fold)
        self.data_facts = Facts()
        self.list = SectionList()
        self.other_button = make_button(
            "Other data…", "Put these sections away and choose others. No file is touched."
        )
        self.data_fold.column.addWidget(self.data_facts)
        self.data_fold.column.addWidget(self.list)
        self.data_fold.column.addLayout(make_row(self.other_button))
        self.prepare_form = PrepareForm(self)
        self.column.addWidget(self.prepare_form)
        self.add_area("prepare", "preparing. What has been prepared is kept")

    def _build_training(self) -> None:
        self.settings_fold = Fold("Settings", "How the model is trained.", opened=True)
        self.column.addWidget(self.settings_fold)
        self.train_form = TrainForm()
        self.settings_fold.column.addWidget(self.train_form)
        self.train_button = make_button("Train", "Train a new model with these settings.")
        self.train_button.setMinimumHeight(34)
        self.train_button.setStyleSheet("QPushButton { font-weight: 700; }")
        self.resume_button = make_button(
            "Resume",
            "Go on where the training was cancelled, with the settings it was started with.",
        )
        self.resume_button.setMinimumHeight(34)
        self.train_row = QWidget()
        self.train_row.setLayout(make_row(self.train_button, self.resume_button, stretch=0))
        self.column.addWidget(self.train_row)
        self.add_area("train", "the training. It can be resumed")
        self.state = Notice("hint")
        self.column.addWidget(self.state)
        self.curve = LossCurve()
        self.column.addWidget(self.curve)
        self.run_facts = Facts()
        self.column.addWidget(self.run_facts)

    def _build_result(self) -> None:
        self.result_heading = make_heading("Result")
        self.column.addWidget(self.result_heading)
        self.result = ResultTable()
        self.column.addWidget(self.result)
        self.load_button = make_button(
            "Load this model", "Predict with this model from now on, in place of the present one."
        )
        self.report_button = make_button(
            "Open report", "All numbers, plots and maps of the test, in the web browser."
        )
        self.test_button = make_button(
            "Test again", "Measure the model on the sections that were kept for the test."
        )
        self.result_row = QWidget()
        self.result_row.setLayout(make_row(self.load_button, self.report_button, self.test_button))
        self.column.addWidget(self.result_row)
        self.add_area("evaluate", "testing the model. The model is kept")

    def _connect(self) -> None:
        control, training = self.control, self.training
        for signal, slot in (
            (self.sources.find_requested, control.find),
            (self.sources.sample_requested, control.use_sample),
            (self.sources.data_requested, control.open_data),
            (self.sources.reopen_requested, control.reopen),
            (self.other_requested, control.clear),
            (self.prepare_requested, control.prepare),
            (self.train_requested, control.train),
            (self.resume_requested, control.resume),
            (self.evaluate_requested, control.result.evaluate),
            (self.load_requested, control.result.load_model),
            (self.report_requested, control.result.open_report),
            (self.devices_requested, self.controller.list_devices),
            (self.list.use_requested, control.set_use),
            (self.list.split_requested, control.set_split),
            (self.prepare_form.prepare_requested, self._ask_prepare),
            (self.prepare_form.settings_requested, control.set_prepare_settings),
            (self.train_form.settings_requested, control.set_settings),
            (self.train_form.device_requested, control.set_device),
            (self.train_form.weights_file_wanted, self._ask_weights),
            (self.train_form.checked, self.refresh),
            (self.other_button.clicked, self.other_requested),
            (self.train_button.clicked, self.train_requested),
            (self.resume_button.clicked, self.resume_requested),
            (self.test_button.clicked, self.evaluate_requested),
            (self.load_button.clicked, self.load_requested),
            (self.report_button.clicked, self.report_requested),
            (control.folder_proposed, self.prepare_form.propose_folder),
            (self.controller.devices_listed, self._on_devices),
        ):
            signal.connect(slot)
        self.controller.failed.connect(self._on_training_failed)
        for signal in (
            training.sections_changed,
            training.uses_changed,
            training.dataset_changed,
            training.outcome_changed,
            training.settings_changed,
        ):
            self.watch(signal, self._on_changed)
        self.watch(training.run_changed, self._on_run)
        self.watch(training.prepare_settings_changed, self._on_prepare_settings)
        self.watch(training.log_changed, self.curve.show_log)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Join the other panels' tabs; look for devices once the panel is looked at."""
        super().showEvent(event)
        QTimer.singleShot(0, self._join_tabs)  # napari is still docking it
        QTimer.singleShot(_GLANCE_MS, self._on_seen)

    def _join_tabs(self) -> None:
        join_tabs(self)

    def _on_seen(self) -> None:
        if self.training.dataset is not None and not self.visibleRegion().isEmpty():
            self.devices_requested.emit()  # that loads torch, 400 MB of it

    # ---- showing -------------------------------------------------------------------------

    def _on_changed(self, _new: Any) -> None:
        self.refresh()

    def _on_run(self, folder: Path | None) -> None:
        # A run's curve is what one wants to see, not how it was set up.
        for fold in (self.data_fold, self.settings_fold):
            fold.set_opened(folder is None)
        self.refresh()

    def _on_training_failed(self, area: str, _error: Any) -> None:
        if area == "train" and not len(self.training.log):
            self.settings_fold.set_opened(True)  # it didn't even begin: something to change there

    def _on_prepare_settings(self, settings: Any) -> None:
        if self.prepare_form.settings() != settings:
            self.prepare_form.show_settings(settings)
        self.refresh()

    def _on_devices(self, devices: list[Any]) -> None:
        self.train_form.show_devices(devices, self.training.device)

    def refresh(self) -> None:
        """Show how far the making of a model is."""
        training, busy = self.training, self.control.busy
        listed, ready = bool(training.sections), training.dataset is not None
        self.guide.say("hint", "" if busy else guide(training))
        self.sources.show_state(listed=listed, busy=busy)
        self.data_fold.setVisible(listed)
        if listed:
            self.list.show_state(training, busy)
        self.other_button.setEnabled(not busy)
        self.data_facts.show_facts(describe_data(training.dataset) if ready else {})
        self.prepare_form.setVisible(listed and not ready)
        self.prepare_form.show_state(training, busy)
        self._show_training(ready, busy)
        self._show_result(busy)
        if ready and self.controller.devices is None:
            QTimer.singleShot(_GLANCE_MS, self._on_seen)

    def _show_training(self, ready: bool, busy: bool) -> None:
        training = self.training
        running = self.controller.busy("train")
        resumable = not busy and is_resumable(training.run)
        for widget in (self.settings_fold, self.train_row):
            widget.setVisible(ready)
        self.train_form.setEnabled(not busy)
        if ready and training.settings != self.train_form.shown:  # what is being typed stays
            self.train_form.show_settings(training.settings)
        self.train_button.setEnabled(
            not training.missing() and not busy and not self.train_form.problems
        )
        self.train_button.setText("Training …" if running else "Train")
        self.resume_button.setVisible(resumable)
        self.state.say("warning", describe_stop(training.log) if resumable else "")
        self.curve.show_log(training.log)
        self.run_facts.show_facts({"Run": str(training.run)} if training.run else {})

    def _show_result(self, busy: bool) -> None:
        outcome = self.training.outcome
        testing = self.controller.busy("evaluate")
        there = outcome is not None
        self.result_heading.setVisible(there or testing)
        self.result.show_outcome(outcome)
        self.result_row.setVisible(there and not testing)
        self.load_button.setEnabled(there and not busy and not self.controller.busy("model"))
        self.report_button.setVisible(there and outcome.report is not None)
        untested = there and bool(outcome.held_out) and not outcome.scores
        self.test_button.setVisible(untested)
        self.test_button.setEnabled(not busy)

    # ---- asking --------------------------------------------------------------------------

    def _ask_prepare(self) -> None:
        self.prepare_requested.emit(Path(self.prepare_form.folder.text().strip()))

    def _ask_weights(self) -> None:
        if path := self.ask_file("Choose the network's weights", _WEIGHTS):
            self.train_form.fields["weights"].widget.setCurrentText(str(path))
