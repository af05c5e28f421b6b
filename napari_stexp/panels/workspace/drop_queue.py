"""Opens dropped files one after the other, each when the one before is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject

from napari_stexp.panels.workspace.workspace_tasks import (
    read_gene_sets_steps,
    read_prediction_steps,
    sort_steps,
)

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.workspace.workspace_control import WorkspaceControl
    from napari_stexp.session.opening.dropped import Dropped

__all__ = ["DropQueue"]


class DropQueue(QObject):
    """Recognises files and opens them in the right order: slide, spots, model, the rest.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    workspace : WorkspaceControl
        Asks before something is dropped that is in no file.
    """

    def __init__(self, controller: Controller, workspace: WorkspaceControl) -> None:
        super().__init__(workspace)
        self._controller, self._workspace = controller, workspace
        self._waiting: list[Dropped] = []
        self._area = ""  # of the task that is waited for
        controller.task_ended.connect(self._on_task_ended)

    def open(self, paths: Sequence[Path]) -> None:
        """Open files and folders, whatever they are."""
        if not paths:
            return
        title = f"Looking at {paths[0].name}"

        def take(found: list[Dropped]) -> None:
            self._waiting = found
            self._next()

        self._controller.start("slide", sort_steps(paths), title=title, on_return=take)
        self._area = "slide"

    def _on_task_ended(self, area: str) -> None:
        if area == self._area:
            self._area = ""
            self._next()

    def _next(self) -> None:
        """Open the next file, unless one is being opened."""
        while self._waiting and not (self._area and self._controller.busy(self._area)):
            one = self._waiting.pop(0)
            if one.problem is not None:
                self._controller.fail("slide", one.problem)
                continue
            if one.found_in is not None and self._is_open(one.path):
                continue
            area, act = self._action(one)
            if self._controller.busy(area):  # of something else: let it end
                self._waiting.insert(0, one)
                self._area = area
                return
            self._area = area
            act()

    def _is_open(self, path: Path) -> bool:
        slide = self._controller.session.slide
        return slide is not None and Path(str(slide.path)).absolute() == path.absolute()

    def _action(self, one: Dropped) -> tuple[str, Callable[[], None]]:
        """Return the area in which a file is opened, and what opens it."""
        controller, workspace, path = self._controller, self._workspace, one.path
        actions: dict[str, tuple[str, Callable[[], None]]] = {
            "workspace": ("workspace", lambda: workspace.open(path)),
            "slide": ("slide", lambda: workspace.leaving.open_slide(path)),
            "spots": ("spots", lambda: controller.load_spots(path, self._take_counts())),
            "counts": ("spots", lambda: self._tell_counts(one)),
            "bundle": ("model", lambda: controller.load_bundle(path)),
            "prediction": ("spots", lambda: self._open_prediction(path)),
            "annotation": ("annotations", lambda: controller.annotating.open(path)),
            "labels": ("labels", lambda: controller.annotating.open(path)),
            "gene sets": ("genes", lambda: self._open_gene_sets(path)),
        }
        return actions[one.kind]

    def _take_counts(self) -> Path | None:
        """Return the counts that were dropped beside a spot file."""
        for place, one in enumerate(self._waiting):
            if one.kind == "counts":
                return self._waiting.pop(place).path
        return None

    def _open_prediction(self, path: Path) -> None:
        """Show a prediction of a file, in the background."""
        self._controller.remember(path)
        self._controller.start(
            "spots",
            read_prediction_steps(path),
            title=f"Reading {path.name}",
            on_return=self._controller.session.show_prediction,
        )

    def _open_gene_sets(self, path: Path) -> None:
        """Add the gene sets of a file as signatures, in the background."""
        self._controller.remember(path)

        def take(signatures: list[Any]) -> None:
            for signature in signatures:
                self._controller.session.signatures.add(signature)
            names = ", ".join(one.name for one in signatures[:3])
            show_info(f"{len(signatures)} gene sets of {path.name}: {names} …")

        self._controller.start(
            "genes",
            read_gene_sets_steps(path),
            title=f"Reading {path.name}",
            on_return=take,
        )

    def _tell_counts(self, one: Dropped) -> None:
        from napari_stexp.errors import SpotsError

        self._controller.fail(
            "spots",
            SpotsError(
                "these are counts without positions",
                path=one.path,
                hint="Drop them together with their spot file.",
            ),
        )
