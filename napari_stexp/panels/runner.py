"""Runs tasks for panels, one per area at a time, and tells how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_stexp.errors import StexpError
from napari_stexp.panels.tasks import Steps
from napari_stexp.panels.workers import TaskHandle, as_stexp_error, run_task

__all__ = ["TaskRunner"]


class TaskRunner(QObject):
    """Tasks by area ('slide', 'spots' …), with signals that any panel may follow."""

    task_started = Signal(str, object)  # area, TaskHandle
    task_ended = Signal(str)  # area
    failed = Signal(str, object)  # area, StexpError
    succeeded = Signal(str, str)  # area, what has been done
    cleared = Signal(str)  # area: its message no longer holds

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, TaskHandle] = {}

    def start(
        self,
        area: str,
        task: Steps,
        *,
        title: str,
        unit: str = "",
        on_return: Callable[[Any], None],
        on_yield: Callable[[Any], None] | None = None,
        on_end: Callable[[], None] | None = None,
        patient: bool = False,
    ) -> TaskHandle | None:
        """Run a task in an area; None if one is still running there.

        A ``patient`` task is one that nothing may follow in its area, even when it
        is cancelled, before it has really ended: it writes files.
        """
        if self.busy(area):
            task.close()
            self.fail(area, StexpError("this is still running", hint="Wait, or cancel it first."))
            return None
        self.cleared.emit(area)

        def finish() -> None:
            self.tasks.pop(area, None)
            if on_end is not None:
                self.guard(area, on_end)
            self.task_ended.emit(area)

        handle = run_task(
            task,
            title=title,
            unit=unit,
            on_yield=on_yield,
            on_return=lambda result: self.guard(area, on_return, result),
            on_error=lambda error: self.fail(area, error),
            on_finish=finish,
            parent=self,
            patient=patient,
        )
        self.tasks[area] = handle
        self.task_started.emit(area, handle)
        return handle

    def busy(self, area: str) -> bool:
        """Whether a task is running in an area."""
        return area in self.tasks

    def cancel(self, area: str) -> None:
        """Stop an area's task at its next yield."""
        if handle := self.tasks.get(area):
            handle.cancel()

    def fail(self, area: str, error: StexpError) -> None:
        """Tell of an error in its panel and as a notification."""
        show_error(error.message)
        self.failed.emit(area, error)

    def guard(self, area: str, action: Callable[..., None], *arguments: Any) -> bool:
        """Do something to the session; its errors are told like a task's. True if it worked."""
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - the interface stays usable
            self.fail(area, as_stexp_error(error))
            return False
        return True
