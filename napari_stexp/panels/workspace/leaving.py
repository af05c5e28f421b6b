"""What takes other work away: opening another slide, closing one; asked about, and offered back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_stexp.panels.workspace import workspace_tasks as tasks
from napari_stexp.slide.location import RemotePath, as_location

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.workspace.workspace_control import WorkspaceControl
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["Leaving"]


class Leaving(QObject):
    """Asks before unsaved predictions go, and lets Ctrl+Z bring back a slide that has gone.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    work : WorkspaceControl
        Whose part it is.

    Attributes
    ----------
    question : (str, callable) or None
        What would drop unsaved predictions, and waits for an answer.
    """

    asked = Signal()  # see `question`

    def __init__(self, controller: Controller, work: WorkspaceControl) -> None:
        super().__init__(work)
        self._controller, self._work = controller, work
        self._session = controller.session
        self.question: tuple[str, Callable[[], None]] | None = None

    # ---- slides --------------------------------------------------------------------------

    def open_slide(self, path: str | Path | RemotePath) -> None:
        """Open a slide; the one that the workspace lacks keeps all else."""
        path = as_location(path)
        if "slide" in self._work.missing and self._session.slide is None:
            self._work.find_missing("slide", path)
            return
        self.ask_before(f"opening {path.name}", lambda: self._open_slide(path))

    def _open_slide(self, path: Path) -> None:
        before, name = self._keep(), self._work.path

        def forget() -> None:
            self._work.forget_name()
            self._offer_back("Open another slide", before, name)
            self._work.changed.emit()

        self._controller.open_slide(path, then=forget)

    def close_slide(self) -> None:
        """Close the slide, and with it all that lies on it."""

        def close() -> None:
            before, name = self._keep(), self._work.path
            self._controller.close_slide()
            self._offer_back("Close the slide", before, name)

        self.ask_before("closing the slide", close)

    def _keep(self) -> Workspace | None:
        return None if self._session.slide is None else self._work.take()

    def _offer_back(self, text: str, before: Workspace | None, name: Path | None) -> None:
        """Let Ctrl+Z bring back a slide that has gone, with all that lay on it."""
        if before is None or before.slide is None:
            return
        place, now = before.slide.path, self._session.slide
        if now is not None and now.path == place:
            return

        def take(found: tuple[Workspace, list[str]]) -> None:
            self._work.show_again(found[0], name)

        def bring_back() -> None:
            steps = tasks.open_again_steps(before)
            title = f"Opening {place.name}"
            self._controller.start("workspace", steps, title=title, on_return=take)

        self._session.undoing.offer(
            text, lambda: self.ask_before(f"going back to {place.name}", bring_back)
        )

    # ---- asking --------------------------------------------------------------------------

    def ask_before(self, what: str, action: Callable[[], None]) -> None:
        """Do something at once, or ask first where predictions that are in no file would go."""
        lost = self._work.unsaved.words
        if not lost:
            action()
            return
        self.question = (f"{lost} Save the work before {what}?", action)
        self.asked.emit()

    def answer(self, answer: str) -> None:
        """Answer `question`: 'go on', or 'leave'."""
        question, self.question = self.question, None
        self.asked.emit()
        if question is not None and answer == "go on":
            question[1]()
