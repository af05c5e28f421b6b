"""The workbench of a window: what is typed in napari's console acts on what the window shows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QCoreApplication, QEventLoop, QThread

from napari_stexp.errors import PredictionError, StexpError
from napari_stexp.panels.registry import (
    ALIGN,
    PANELS,
    TRAIN,
    get_adapter,
    get_controller,
    open_align,
    open_all,
    open_train,
    unwrap,
)
from napari_stexp.progress import Progress
from napari_stexp.session import Workbench
from napari_stexp.session.workspace.recovery import find_recoveries

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.workers import TaskHandle
    from napari_stexp.predict import EmbeddingStore, Prediction
    from napari_stexp.session.prediction.steps import PredictionRequest
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["CONSOLE_NAME", "WindowHost", "get_workbench", "offer_in_console"]

#: What the workbench is called in napari's console.
CONSOLE_NAME = "stexp"

_WORKBENCHES: WeakKeyDictionary[Any, Workbench] = WeakKeyDictionary()
#: They finish the file at hand.
_WRITING = (
    "export", "figure", "report", "save", "workspace", "prepare", "train", "evaluate",
)  # fmt: skip


def get_workbench(napari_viewer: Any) -> Workbench:
    """Return the workbench of a viewer's session; the same one each time."""
    controller = get_controller(napari_viewer)
    if controller not in _WORKBENCHES:
        _WORKBENCHES[controller] = Workbench(controller.session, host=WindowHost(controller))
    return _WORKBENCHES[controller]


def offer_in_console(napari_viewer: Any) -> None:
    """Let napari's console know the workbench, whenever it is opened."""
    viewer = unwrap(napari_viewer)
    if hasattr(viewer, "update_console"):  # a model without a window has none
        viewer.update_console({CONSOLE_NAME: get_workbench(viewer)})


class WindowHost:
    """Runs a workbench's tasks as the panels do, and keeps the window alive meanwhile.

    Parameters
    ----------
    controller : Controller
        Of the window; no reference to it is kept alive.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = ref(controller)

    @property
    def controller(self) -> Controller:
        """The window's controller.

        Raises
        ------
        StexpError
            The window has been closed, or this is not its thread.
        """
        controller = self._controller()
        if controller is None:
            raise StexpError("the window of this workbench has been closed")
        app = QCoreApplication.instance()
        if app is None or QThread.currentThread() is not app.thread():
            raise StexpError(
                "a window's workbench works in the window's own thread",
                hint="In another thread, make one of your own: napari_stexp.Workbench().",
            )
        return controller

    def run(
        self,
        area: str,
        title: str,
        task: Generator[Progress, None, Any],
        on_report: Callable[[Progress], None] | None = None,
    ) -> Any:
        """Run a task in an area of the controller, so that its panel shows and cancels it."""
        found: list[Any] = []
        handle = self.controller.start(
            area,
            task,
            title=title,
            on_return=found.append,
            on_yield=on_report,
            patient=area in _WRITING,
        )
        self._wait(handle, area)
        return found[0]

    def _wait(self, handle: TaskHandle | None, area: str) -> None:
        """Keep the window alive until a task has ended; raise what it failed with."""
        if handle is None:
            raise StexpError("this is still running", found=area, hint="Wait, or cancel it first.")
        problems: list[StexpError] = []
        loop = QEventLoop()
        handle.errored.connect(problems.append)
        handle.cancelled.connect(lambda: problems.append(StexpError("this was cancelled")))
        handle.finished.connect(loop.quit)
        loop.exec()
        if problems:
            raise problems[0]

    def view(self) -> tuple[float, float, float, float] | None:
        """Return what the window shows, (x0, y0, x1, y1) in level-0 px."""
        return self.controller.predicting.view

    def predict(self, request: PredictionRequest) -> Prediction | None:
        """Predict as the button does: spots in view first, with pauses."""
        controller = self.controller
        if controller.busy("predict"):
            self._wait(None, "predict")
        started: list[Prediction] = []
        run = controller.predicting.run

        def note() -> None:
            started.append(controller.session.prediction)

        run.started.connect(note)
        try:
            controller.predicting.start(request)
            self._wait(controller.tasks.get("predict"), "predict")
        finally:
            run.started.disconnect(note)
        if not started:
            raise PredictionError("nothing was predicted")
        return started[0]

    def save_workspace(self, path: Path) -> bool:
        """Save as Ctrl+S does: the window is called after the file from then on."""
        controller = self.controller
        if controller.busy("workspace"):
            self._wait(None, "workspace")
        controller.workspace.save(path)
        self._wait(controller.tasks.get("workspace"), "workspace")
        return True

    def open_workspace(self, path: Path) -> Workspace | None:
        """Open as the window does, without asking about unsaved work or about moved files."""
        controller = self.controller
        if controller.busy("workspace"):
            self._wait(None, "workspace")
        recovery = next((one for one in find_recoveries() if one.path == path), None)
        controller.workspace.open_at_once(path, recovery)
        self._wait(controller.tasks.get("workspace"), "workspace")
        if controller.workspace.pending is not None:
            controller.workspace.answer_missing({})
        return controller.workspace.take()

    def pause(self, paused: bool) -> bool:
        """Let the window's prediction wait, or go on."""
        predicting = self.controller.predicting
        if paused:
            predicting.pause()
        else:
            predicting.resume()
        return True

    def cancel(self) -> bool:
        """Cancel the window's prediction, as the button does."""
        self.controller.cancel("predict")
        return True

    def fit(self) -> bool:
        """Fit the slide into the window."""
        get_adapter(self.controller.workspace.viewer).fit()
        return True

    def fly_to(self, spot: int) -> bool:
        """Bring a spot into view."""
        get_adapter(self.controller.workspace.viewer).fly_to(spot)
        return True

    def show_tab(self, title: str) -> bool:
        """Bring a dock to the front; one that isn't open is opened."""
        from napari_stexp.panels.habits.actions import raise_dock

        extra = {TRAIN[0]: open_train, ALIGN[0]: open_align}
        viewer = self.controller.workspace.viewer
        if title not in PANELS and title not in extra:
            known = ", ".join((*PANELS, *extra))
            raise StexpError("there is no such tab", expected=known, found=title)
        if raise_dock(viewer.window._qt_window, title) is None:
            if title in extra:
                extra[title](viewer)
            else:
                open_all(viewer)
                raise_dock(viewer.window._qt_window, title)
        return True

    def embeddings(self) -> EmbeddingStore:
        """Return where this window's image embeddings are kept."""
        return self.controller.predicting.embeddings
