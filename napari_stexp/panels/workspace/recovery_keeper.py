"""Keeps a copy of the work for the case of a crash, and finds what a crash has left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.panels.workspace.workspace_tasks import find_recoveries_steps
from napari_stexp.session.workspace.recovery import Recovery, RecoveryFolder, has_recoveries

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.workspace.workspace_control import WorkspaceControl

__all__ = ["RecoveryKeeper"]

_SOON_MS = 4_000
_MINUTE_MS = 60_000
_RUNNING_EVERY = 300.0  # seconds between two copies of a prediction that is still running


class RecoveryKeeper(QObject):
    """Writes soon after the content has changed, and within a minute after the view has.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    workspace : WorkspaceControl
        What is kept.

    Attributes
    ----------
    found : list of Recovery
        What crashes have left, newest first; empty until `look` has ended.
    """

    found_changed = Signal()

    def __init__(self, controller: Controller, workspace: WorkspaceControl) -> None:
        super().__init__(workspace)
        self._controller, self._workspace = controller, workspace
        self.folder = RecoveryFolder()
        self.found: list[Recovery] = []
        self._looked = False
        self._running_written = time.monotonic()
        self._soon, self._later = QTimer(self), QTimer(self)
        for timer, interval in ((self._soon, _SOON_MS), (self._later, _MINUTE_MS)):
            timer.setSingleShot(True)
            timer.setInterval(interval)
            timer.timeout.connect(self.write)
        workspace.unsaved.changed.connect(self._on_content)
        workspace.unsaved.view_changed.connect(self.touch)
        controller.task_ended.connect(self._on_task_ended)

    # ---- writing -------------------------------------------------------------------------

    def _on_content(self) -> None:
        if self._controller.busy("predict"):
            self.touch()
        elif not self._soon.isActive():
            self._soon.start()

    def touch(self) -> None:
        """Write within a minute."""
        if not self._later.isActive():
            self._later.start()

    def _on_task_ended(self, area: str) -> None:
        if area == "predict" and self._workspace.unsaved.is_work:
            self._soon.start()

    def write(self) -> None:
        """Bring the copy up to date, in the background."""
        if self._controller.busy("recovery"):
            self._soon.start()
            return
        if not self._workspace.unsaved.is_work:
            self.folder.remove()
            return
        self._soon.stop()
        self._later.stop()
        kept = self._workspace.unsaved.mark(self._workspace.take())
        later = self._running(kept)
        steps = self.folder.write(kept, self._workspace.path, later)
        self._controller.start(
            "recovery",
            steps,
            title="Saving for the case of a crash",
            on_return=lambda _: None,
            patient=True,
        )

    def _running(self, kept: Any) -> set[str]:
        """Return the keys of predictions that are better written when they are finished."""
        if not self._controller.busy("predict"):
            return set()
        now = time.monotonic()
        if now - self._running_written > _RUNNING_EVERY:
            self._running_written = now
            return set()
        return {one.key for one in kept.predictions if one.done < one.prediction.total}

    # ---- after a crash -------------------------------------------------------------------

    def look(self) -> None:
        """Look in the background for what a crash has left, once."""
        if self._looked or self._controller.busy("recovery-find"):
            return
        self._looked = True
        if not has_recoveries():
            return

        def take(found: list[Recovery]) -> None:
            self.found = found
            self.found_changed.emit()

        self._controller.start(
            "recovery-find",
            find_recoveries_steps(),
            title="Looking for unsaved work",
            on_return=take,
        )

    def adopt(self, recovery: Recovery) -> None:
        """Go on in the folder of a recovery: it is this window's from now on."""
        self.folder.close()
        self.folder = RecoveryFolder(recovery.path)
        self._forget(recovery)

    def discard(self, recovery: Recovery) -> None:
        """Remove what a crash has left."""
        recovery.remove()
        self._forget(recovery)

    def _forget(self, recovery: Recovery) -> None:
        self.found = [one for one in self.found if one is not recovery]
        self.found_changed.emit()

    def close(self) -> None:
        """End well: there is nothing to recover."""
        self._soon.stop()
        self._later.stop()
        self.folder.close()
