"""Between the panel *Annotations* and the session: reads, draws, saves and exports regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_stexp.errors import AnnotationError, StexpError
from napari_stexp.panels.annotate import annotation_tasks as tasks
from napari_stexp.panels.annotate.autosaver import Autosaver
from napari_stexp.panels.tasks import read_annotations_steps

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["AnnotationControl"]


class AnnotationControl(QObject):
    """Runs what the panel *Annotations* asks for.

    The areas are annotations (regions), labels (tables), edit (drawing) and export.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    columns_found = Signal(object, object)  # path of a table, its columns
    clashed = Signal(str, int)  # a file's name and its regions, that wait; '' when they don't

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self.regions = controller.session.regions
        self.autosaver = Autosaver(controller, self)
        self._waiting: list[Any] = []

    # ---- in ------------------------------------------------------------------------------

    def open(self, path: str | Path, column: str | None = None) -> None:
        """Read outlines, or a table with a label per spot, by what the name says it is."""
        path = Path(path)
        self._controller.cleared.emit("labels")
        if not tasks.is_table(path):
            self._open_regions(path)
            return
        if self.session.spots is None:
            self._fail("labels", "a table of labels needs spots", "Load the spots first.")
            return
        self._controller.remember(path)

        def take(found: Any) -> None:
            if isinstance(found, list):
                self.columns_found.emit(path, found)
                return
            chosen, labels = found
            with self.session.undoing.step(f"Label the spots by {path.name}"):
                self.session.labelling.add_table(f"{path.name}: {chosen}", labels)
            n = int(labels.notna().sum())
            self._controller.succeeded.emit(
                "labels", f"{n:,} spots labelled by “{chosen}” of {path.name}. See the tab Compare."
            )

        self._controller.start(
            "labels",
            tasks.read_table_steps(path, self.session.spots, column),
            title=f"Reading {path.name}",
            on_return=take,
        )

    def _open_regions(self, path: Path) -> None:
        self.forget_waiting()

        def take(found: list[Any]) -> None:
            if self.regions.items and self.regions.undo_text:  # drawn, and in no file
                self._waiting = found
                self._controller.succeeded.emit(
                    "annotations", f"{path.name} waits for your answer in the tab Annotations."
                )
                self.clashed.emit(path.name, len(found))
            else:
                self.session.set_annotations(found)

        self.load(path, take)

    def load(self, path: str | Path, then: Callable[[list[Any]], None] | None = None) -> None:
        """Read a pathologist's regions in the background; ``then`` takes them in."""
        path = Path(path)
        self._controller.remember(path)
        self._controller.start(
            "annotations",
            read_annotations_steps(path, self.session.slide),
            title=f"Reading {path.name}",
            on_return=then or self.session.set_annotations,
        )

    def clear(self) -> None:
        """Take the regions away."""
        self._controller.cleared.emit("annotations")
        self._controller.guard("annotations", self.session.set_annotations, None)

    def add_waiting(self) -> None:
        """Add the regions of the file that was opened last to those that are there."""
        self._controller.cleared.emit("annotations")
        found, self._waiting = self._waiting, []
        there = {region.id for region in self.regions.items}
        new = [replace(r, id=str(uuid4())) if r.id in there else r for r in found]
        self.edit("extend", new)

    def replace_waiting(self) -> None:
        """Show them in place of those that are there."""
        self._controller.cleared.emit("annotations")
        found, self._waiting = self._waiting, []
        self._controller.guard("annotations", self.session.set_annotations, found)

    def forget_waiting(self) -> None:
        """Open nothing after all."""
        self._controller.cleared.emit("annotations")
        self._waiting = []
        self.clashed.emit("", 0)

    def take_layer(self, layer: Any) -> None:
        """Add the regions of a layer that the user drew with napari's own tools."""

        def add(found: list[Any]) -> None:
            if not found:
                raise AnnotationError(
                    "there is nothing with an area in this layer", found=layer.name
                )
            self.regions.extend(found)
            layer.visible = False
            self._controller.succeeded.emit(
                "annotations", f"{len(found):,} regions taken from {layer.name}, which is hidden."
            )

        self._controller.start(
            "annotations",
            tasks.take_layer_steps(layer, self.session.world_mpp),
            title=f"Taking {layer.name}",
            on_return=add,
        )

    # ---- edits ---------------------------------------------------------------------------

    def edit(self, name: str, *arguments: Any) -> None:
        """Do something to the regions by the name of its method; a refusal is told."""
        self._controller.cleared.emit("edit")
        self._controller.guard("edit", getattr(self.regions, name), *arguments)

    def set(self, name: str, value: Any) -> None:
        """Set the active class, the tool or the brush."""
        self._controller.guard("edit", setattr, self.regions, name, value)

    def remove_all(self) -> None:
        """Delete every region; that can be undone."""
        self.edit("remove", [region.id for region in self.regions.items])

    # ---- out -----------------------------------------------------------------------------

    def export(self, kind: str, path: str | Path, genes: tuple[str, ...] = ()) -> None:
        """Write regions, spots and labels for another program, in the background."""
        path = Path(path)
        self._controller.remember(path.parent)
        request = tasks.take_export(self.session, kind, path, genes)

        def tell(written: Path) -> None:
            show_info(f"Saved {written}")
            self._controller.succeeded.emit("export", f"Saved as {written}")
            if kind in ("geojson", "qupath"):
                self.autosaver.forget(request.regions)

        self._controller.start(
            "export",
            tasks.export_steps(request),
            title=f"Writing {path.name}",
            on_return=tell,
            patient=True,
        )

    def close(self) -> None:
        """Save what hasn't been saved yet; called when the viewer goes."""
        self.autosaver.close()

    def _fail(self, area: str, what: str, hint: str) -> None:
        self._controller.fail(area, StexpError(what, hint=hint))


def write_clock(moment: datetime) -> str:
    """Return a time of day as a clock shows it here."""
    return moment.astimezone().strftime("%H:%M:%S")
