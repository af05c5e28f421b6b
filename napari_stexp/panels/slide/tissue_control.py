"""What the form *Tissue* and the grid's form ask for, in the background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.progress import Progress
from napari_stexp.session.placing.grid_steps import GridSettings, plan_grid_steps
from napari_stexp.slide.location import RemotePath

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.tasks import Steps
    from napari_stexp.slide import TissueSettings

__all__ = ["AREA", "COUNT", "TissueControl"]

AREA = "tissue"
COUNT = "grid count"  # an area that no panel shows
_WAIT_MS = 250
_UNASKED_MS = 1000  # the slide is drawn first


def read_steps(path: Path, slide: Any) -> Steps:
    """Read a mask."""
    yield Progress(0, 0, "reading the tissue mask")
    from napari_stexp.session.placing.tissue_files import read_tissue

    return read_tissue(path, slide)


def write_steps(mask: Any, path: Path) -> Steps:
    """Write a mask."""
    yield Progress(0, 0, "saving the tissue mask")
    from napari_stexp.session.placing.tissue_files import write_tissue

    return write_tissue(mask, path)


class TissueControl(QObject):
    """Finds, tidies, reads and writes the mask, and counts a grid's spots.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    counted : Signal of (dict, str)
        Spots of each area, or why there are none.
    """

    counted = Signal(object, str)

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller, self.session = controller, controller.session
        self._tidy_to: TissueSettings | None = None
        self._count_of: GridSettings | None = None
        self._unasked = False
        self._looking = False  # whether tissue is being found only to count
        self._found: tuple[Any, Any] = (None, None)  # slide, its mask, for counting
        self._tidy_timer = self._make_timer(self._tidy)
        self._count_timer = self._make_timer(self._count)
        controller.task_started.connect(self._give_way)

    def _make_timer(self, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_WAIT_MS)
        timer.timeout.connect(slot)
        return timer

    def close(self) -> None:
        """Stop what waits."""
        self._tidy_timer.stop()
        self._count_timer.stop()

    # ---- the mask ------------------------------------------------------------------------

    def find(self, settings: TissueSettings) -> None:
        """Find the tissue in the background, in place of the present mask."""
        from napari_stexp.slide import find_tissue_steps

        slide = self.session.slide
        if slide is not None:
            self._run(find_tissue_steps(slide, settings), "Finding the tissue", "Find the tissue")

    def tidy(self, settings: TissueSettings) -> None:
        """Count other pieces and holes in a moment, unless others come."""
        self._tidy_to = settings
        self._tidy_timer.start()

    def _tidy(self) -> None:
        from napari_stexp.slide import tidy_steps

        mask, slide, settings = self.session.tissue.mask, self.session.slide, self._tidy_to
        if mask is None or slide is None or settings is None or settings == mask.settings:
            return
        if self._controller.busy(AREA):
            self._tidy_timer.start()
            return
        steps = tidy_steps(mask, settings, slide.mpp)
        self._run(steps, "Pieces and holes", "Count other pieces and holes", mask)

    def _run(self, steps: Steps, title: str, step: str, of: Any = None) -> None:
        slide = self.session.slide

        def show(mask: Any) -> None:
            tissue = self.session.tissue
            if self.session.slide is not slide:
                return
            if of is not None and tissue.mask is not of:  # painted meanwhile
                self._tidy_timer.start()
                return
            self._controller.guard(AREA, tissue.put, mask, step)

        self._controller.cleared.emit(AREA)
        self._controller.start(AREA, steps, title=title, on_return=show)

    def discard(self) -> None:
        """Use no mask: it is found when it is needed."""
        self._controller.guard(AREA, self.session.tissue.put, None, "Discard the tissue mask")

    def open(self, path: Path) -> None:
        """Read a mask from a file."""
        if self.session.slide is not None:
            self._controller.remember(path)
            self._run(read_steps(path, self.session.slide), f"Reading {path.name}", "Load tissue")

    def save(self, path: Path) -> None:
        """Write the mask."""
        self._controller.remember(path)
        self._controller.start(
            AREA, write_steps(self.session.tissue.mask, path), title=f"Saving {path.name}",
            on_return=lambda _: self._controller.succeeded.emit(AREA, f"Saved as {path}."),
            patient=True,
        )  # fmt: skip

    # ---- counting ------------------------------------------------------------------------

    def count_grid(self, settings: GridSettings | None, unasked: bool = False) -> None:
        """Count the spots that a grid would have, in a moment; None: no longer.

        What nobody asked for gives way: the tissue is then found only while nothing else
        runs, and never through a network.
        """
        mask = self.session.tissue.mask
        self._count_of = settings if settings is None else replace(settings, mask=mask)
        self._unasked = unasked
        self._controller.cancel(COUNT)
        self._count_timer.stop()
        if settings is not None:
            self._count_timer.start(_UNASKED_MS if unasked else _WAIT_MS)

    def _give_way(self, area: str, _handle: Any) -> None:
        """Let what was asked for run alone, and count afterwards."""
        if area != COUNT and self._looking and self._controller.busy(COUNT):
            self._controller.cancel(COUNT)
            self._count_timer.start(_UNASKED_MS)

    def _count(self) -> None:
        settings, slide = self._count_of, self.session.slide
        if settings is None or slide is None or slide.mpp is None:
            return
        if self._controller.busy(COUNT) or self._controller.busy("slide"):
            self._count_timer.start(_WAIT_MS)
            return
        known = self._found[1] if self._found[0] is slide else None
        used = replace(settings, mask=settings.mask or known)
        self._looking = self._unasked and used.in_tissue and used.mask is None
        if self._looking and isinstance(slide.path, RemotePath):
            return
        if self._looking and self._controller.tasks:
            self._count_timer.start(_UNASKED_MS)
            return

        def tell(found: Any) -> None:
            counts, mask, problem = found
            if used.mask is None and mask is not None:
                self._found = (slide, mask)
            if self._count_of is settings:
                self.counted.emit(counts, problem)

        self._controller.start(
            COUNT, _count_steps(slide, used), title="Counting spots", on_return=tell
        )


def _count_steps(slide: Any, settings: GridSettings) -> Steps:
    """Count a grid's spots; a grid that can't be made is no failure, but said."""
    from napari_stexp.errors import StexpError

    try:
        plan, mask = yield from plan_grid_steps(slide, settings)
    except StexpError as error:
        return {}, None, error.message
    return plan.counts, mask, ""
