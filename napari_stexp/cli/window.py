"""The napari window as a command opens it: panels docked, files loading, maybe predicting."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError

if TYPE_CHECKING:
    from napari_stexp.slide.location import Location
    from napari_stexp.spots import SpotOptions

__all__ = ["Window", "WindowPlan"]

_NO_SLIDES = (".stexp", ".h5ad")  # what they are shows when they are opened
_POLL = 0.01  # seconds between two rounds of the event loop


def _holds_a_section(path: Any) -> bool:
    """Whether this is a folder of spots with their slide, not a slide that is a folder."""
    if not isinstance(path, Path) or not path.is_dir():
        return False
    from napari_stexp.session.opening.recognising import recognise

    return recognise(path) == "spots"


@dataclass(frozen=True)
class WindowPlan:
    """What to open; see ``napari-stexp view --help``.

    ``slide`` may be a workspace, a prediction, or the folder of a Space Ranger run, too.
    """

    slide: Location
    spots: Path | None = None
    counts: Path | None = None
    bins: str | None = None
    options: SpotOptions | None = None
    model: Path | None = None
    annotation: Path | None = None
    mpp: float | None = None
    colour: str = "stored"
    predict: bool = False


class Window:
    """A napari window in which a plan is being carried out by the panels' own tasks.

    Parameters
    ----------
    plan : WindowPlan
        What to open.
    viewer : napari.Viewer, optional
        The viewer to open it in; a new one when not given.
    on_predicted : callable, optional
        Called when the prediction has ended, in whatever way.
    """

    def __init__(
        self,
        plan: WindowPlan,
        viewer: Any = None,
        on_predicted: Callable[[Window], None] | None = None,
    ) -> None:
        import napari

        from napari_stexp.panels import get_controller, open_all

        self.plan = plan
        self.viewer = napari.Viewer(title="napari-stexp") if viewer is None else viewer
        self.panels = open_all(self.viewer)
        self.controller = get_controller(self.viewer)
        self.session = self.controller.session
        self.errors: list[StexpError] = []
        self._predict = plan.predict
        self._on_predicted = on_predicted
        self.controller.failed.connect(self._on_failed)
        self.controller.task_ended.connect(self._on_task_ended)
        if plan.slide.suffix.lower() in _NO_SLIDES or _holds_a_section(plan.slide):
            self.controller.workspace.drops.open([plan.slide])
        else:
            self.controller.open_slide(plan.slide, then=self._on_slide)
        if plan.model is not None:
            self.controller.load_bundle(plan.model)

    def run(self) -> None:
        """Show the window until it is closed."""
        import napari

        napari.run()

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Keep the window alive until something is so.

        Raises
        ------
        StexpError
            What a task failed with meanwhile, or that it took too long.
        """
        from napari.qt import get_qapp

        app = get_qapp()
        end = time.monotonic() + seconds
        while not condition():
            app.processEvents()
            if self.errors:
                raise self.errors[0]
            if time.monotonic() > end:
                raise StexpError(f"{what} took longer than {seconds:g} s")
            time.sleep(_POLL)

    def show_panel(self, title: str) -> None:
        """Bring a panel's tab to the front."""
        dock = self.panels[title]
        while dock is not None and not hasattr(dock, "toggleViewAction"):  # only docks have it
            dock = dock.parent()
        if dock is not None:
            dock.raise_()

    def end_tasks(self, seconds: float = 10.0) -> None:
        """Cancel what is running and wait for it.

        A thread that is still importing a library while the interpreter shuts
        down can crash it.
        """
        from napari.qt.threading import WorkerBase

        self.controller.close()
        with suppress(RuntimeError):  # one that takes longer ends by itself
            WorkerBase.await_workers(int(1000 * seconds))

    def close(self) -> None:
        """Close the window and end its tasks."""
        self.end_tasks()
        self.viewer.close()

    def _on_slide(self) -> None:
        plan = self.plan
        if plan.colour != "stored":
            self.controller.set_colour(plan.colour)
        if plan.mpp is not None:
            self.controller.set_mpp(plan.mpp)
        if plan.annotation is not None:
            self.controller.annotating.load(plan.annotation)
        if plan.spots is not None:
            self.controller.load_spots(
                plan.spots, plan.counts, bins=plan.bins, options=plan.options
            )
        elif plan.predict:
            from napari_stexp.panels.tasks import GridSettings

            self.controller.make_grid(GridSettings())

    def _on_failed(self, _area: str, error: Any) -> None:
        self.errors.append(error)
        self._predict = False

    def _on_task_ended(self, area: str) -> None:
        if area == "predict" and self._on_predicted is not None:
            self._on_predicted(self)
        self._predict_when_ready()

    def _predict_when_ready(self) -> None:
        session = self.session
        needs = (session.slide, session.spots, session.bundle)
        if not self._predict or any(need is None for need in needs):
            return
        self._predict = False
        if session.slide is not None and session.slide.mpp is None:
            self.controller.take_mpp_from_spots()
        self.controller.predicting.predict()
