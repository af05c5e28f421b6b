"""What all parts of the workbench share: a session, and something that runs long tasks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_stexp.errors import StexpError
from napari_stexp.progress import Progress, exhaust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_stexp.predict import EmbeddingStore, Prediction
    from napari_stexp.session.prediction.steps import PredictionRequest
    from napari_stexp.session.state import Session
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["BarHost", "Host", "WorkbenchBase"]

Bounds = tuple[float, float, float, float]
Task = Generator[Progress, None, Any]


class Host(Protocol):
    """Where a workbench works: in a script or notebook, or in a window.

    What a host doesn't do in a way of its own, the workbench does.
    """

    def run(
        self, area: str, title: str, task: Task, on_report: Callable[[Progress], None] | None = None
    ) -> Any:
        """Run a task to its end and return its result; its error is raised here."""

    def view(self) -> Bounds | None:
        """Return what is in view, (x0, y0, x1, y1) in level-0 px; None where nothing is."""

    def predict(self, request: PredictionRequest) -> Prediction | None:
        """Predict in the host's own way; None where it has none."""

    def save_workspace(self, path: Path) -> bool:
        """Save the work in the host's own way; False where it has none."""

    def open_workspace(self, path: Path) -> Workspace | None:
        """Open saved work in the host's own way; None where it has none."""

    def embeddings(self) -> EmbeddingStore:
        """Return where image embeddings are kept."""

    def pause(self, paused: bool) -> bool:
        """Let a prediction wait, or go on; False where the workbench has to do it."""

    def cancel(self) -> bool:
        """Cancel a prediction; False where the workbench has to do it."""

    def fit(self) -> bool:
        """Fit the slide into the window; False where there is none."""

    def fly_to(self, spot: int) -> bool:
        """Bring a spot into view; False where there is no window."""

    def show_tab(self, title: str) -> bool:
        """Bring a dock to the front; False where there is no window."""


class BarHost:
    """Runs tasks where they are called, with a bar in a terminal or a notebook.

    Parameters
    ----------
    quiet : bool
        Show no bar.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._embeddings: EmbeddingStore | None = None

    def run(
        self,
        area: str,  # noqa: ARG002 - for windows
        title: str,
        task: Task,
        on_report: Callable[[Progress], None] | None = None,
    ) -> Any:
        """Run a task; however it ends, it is closed."""
        try:
            with self._shown(title) as show:

                def tell(progress: Progress) -> None:
                    if on_report is not None:
                        on_report(progress)
                    show(progress)

                return exhaust(task, tell)
        finally:
            task.close()

    @contextmanager
    def _shown(self, title: str) -> Iterator[Callable[[Progress], None]]:
        from rich.console import Console

        from napari_stexp.session.progress_bar import BarReport, make_bar

        console = Console(stderr=True)
        in_notebook = console.is_jupyter and find_spec("ipywidgets") is not None
        if self.quiet or not (console.is_terminal or in_notebook):
            yield lambda _: None
            return
        with make_bar(console) as bar:
            show = BarReport(bar, "")
            show(Progress(0, 0, title))
            yield show

    def view(self) -> Bounds | None:
        """Nothing is in view."""
        return None

    def predict(self, request: PredictionRequest) -> Prediction | None:  # noqa: ARG002 - as above
        """Leave it to the workbench."""
        return None

    def save_workspace(self, path: Path) -> bool:  # noqa: ARG002 - as above
        """Leave it to the workbench."""
        return False

    def open_workspace(self, path: Path) -> Workspace | None:  # noqa: ARG002 - as above
        """Leave it to the workbench."""
        return None

    def pause(self, paused: bool) -> bool:  # noqa: ARG002 - as above
        """Leave it to the workbench."""
        return False

    def cancel(self) -> bool:
        """Leave it to the workbench."""
        return False

    def fit(self) -> bool:
        """There is no window."""
        return False

    def fly_to(self, spot: int) -> bool:  # noqa: ARG002 - as above
        """There is no window."""
        return False

    def show_tab(self, title: str) -> bool:  # noqa: ARG002 - as above
        """There is no window."""
        return False

    def embeddings(self) -> EmbeddingStore:
        """Return where image embeddings are kept."""
        if self._embeddings is None:
            from napari_stexp.predict import EmbeddingStore

            self._embeddings = EmbeddingStore()
        return self._embeddings


class WorkbenchBase:
    """A session, and the host that does its work.

    Attributes
    ----------
    session : Session
        What is open: every part of it can be read, and its signals followed.
    """

    session: Session
    _host: Host

    def _run(
        self, area: str, title: str, task: Task, on_report: Callable[[Progress], None] | None = None
    ) -> Any:
        return self._host.run(area, title, task, on_report)

    def _need(self, what: Any, message: str, hint: str) -> Any:
        """Return something that is open, or say what is missing."""
        if what is None:
            raise StexpError(message, hint=hint)
        return what
