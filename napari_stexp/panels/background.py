"""Chores that nobody asked for by name: imports, devices, means of genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.panels import tasks
from napari_stexp.panels.runner import TaskRunner

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["BackgroundTasks"]

_IDLE_MS = 300


class BackgroundTasks(TaskRunner):
    """Runs what panels need to know, each at most once at a time.

    Parameters
    ----------
    session : Session
        What the panels show.
    parent : QObject, optional
        Owner.
    """

    devices_listed = Signal(object)  # list of DeviceInfo
    statistics_found = Signal()  # the shown genes' means are at hand now

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.devices: list[Any] | None = None
        session.labelling.values_changed.connect(self.find_labels)
        self._warming = QTimer(self)
        self._warming.setSingleShot(True)
        self._warming.setInterval(_IDLE_MS)
        self._warming.timeout.connect(self._warm_up)

    def warm_up_soon(self) -> None:
        """Import in the background what the first slide will need, once nothing else runs."""
        self._warming.start()

    def _warm_up(self) -> None:
        if self.tasks:
            self._warming.start()
        else:
            steps = tasks.warm_up_steps()
            self.start("warm-up", steps, title="Getting ready", on_return=lambda _: None)

    def list_devices(self) -> None:
        """Find the compute devices in the background, once."""
        if self.devices is not None:
            self.devices_listed.emit(self.devices)
        elif not self.busy("devices"):
            self.start(
                "devices",
                tasks.list_devices_steps(),
                title="Looking for compute devices",
                on_return=self._on_devices,
            )

    def _on_devices(self, devices: list[Any]) -> None:
        self.devices = devices
        self.devices_listed.emit(devices)

    def find_statistics(self) -> None:
        """Find the shown genes' means in the background; a second call waits for the first."""
        session = self.session
        expression = session.expression
        filling = session.source == "predicted" and self.busy("predict")
        if expression is None or filling or self.busy("statistics"):
            return  # the session itself keeps the means of a prediction that is filling up

        def tell() -> None:
            if session.expression is expression:
                self.statistics_found.emit()
            else:
                self.find_statistics()

        self.start(
            "statistics",
            tasks.find_statistics_steps(expression),
            title="Averaging the genes",
            on_return=lambda _: None,
            on_end=tell,
        )

    def find_labels(self) -> None:
        """Find in the background which regions the spots lie in, where there are many."""
        labelling = self.session.labelling
        question = labelling.open_question
        if question is None or self.busy("labels"):
            return

        def go_on() -> None:
            left = labelling.open_question
            if left is not None and any(a is not b for a, b in zip(left, question, strict=True)):
                self.find_labels()

        self.start(
            "labels",
            tasks.find_labels_steps(question),
            title="Finding the spots of each class",
            on_return=lambda answer: labelling.take_answer(question, answer),
            on_end=go_on,
        )
