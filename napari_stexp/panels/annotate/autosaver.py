"""Saves the annotation by itself, soon after every edit, and finds what was saved before."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.errors import StexpError
from napari_stexp.panels.annotate import annotation_tasks as tasks
from napari_stexp.progress import exhaust

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["Autosaver"]

_SOON_MS = 400


class Autosaver(QObject):
    """Follows the regions; writes in a worker, at most one file at a time.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    parent : QObject
        Owner.

    Attributes
    ----------
    saved_at : datetime or None
        When the present annotation was saved last.
    problem : str
        Why it couldn't be; empty if it could.
    offer : Found or None
        What an earlier session left unsaved of this slide.
    """

    saved = Signal()  # or saving has failed: see the attributes
    offered = Signal()

    def __init__(self, controller: Controller, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._session = controller.session
        self._regions = controller.session.regions
        self.saved_at: datetime | None = None
        self.problem = ""
        self.offer: tasks.Found | None = None
        self._slide: Any = None
        self._path: Path | None = None
        self._waiting: tasks.Saving | None = None
        self._settling: tuple[datetime | None, bool] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self._write)
        controller.failed.connect(self._on_failed)
        self._signals = (
            (self._session.slide_changed, self._on_slide),
            (self._regions.changed, self._on_edited),
            (self._regions.classes_changed, self._on_edited),
            (self._regions.blinding_changed, self._on_edited),
        )
        for signal, slot in self._signals:
            signal.connect(slot)

    # ---- following -----------------------------------------------------------------------

    def _on_slide(self, slide: Any) -> None:
        if self._timer.isActive():
            self._timer.stop()
            self._write()  # of the slide before
        same = slide is not None and self._slide is not None and slide.path == self._slide.path
        self._slide = slide
        if same:
            return
        self._path, self.saved_at, self.problem, self.offer = None, None, "", None
        self._settling = None
        self.offered.emit()
        self.saved.emit()
        if slide is not None:
            self._look(slide)

    def _look(self, slide: Any) -> None:
        if self._controller.busy("autosave-find"):
            return  # it looks again when that has ended

        def take(found: tasks.Found) -> None:
            if self._slide is not slide:
                return
            self._path = found.path
            if found.saved is not None and (found.regions or found.saved.blinding.started):
                self.offer = found
                self._settle()
                self.offered.emit()

        def again() -> None:
            if self._slide is not slide and self._slide is not None:
                self._look(self._slide)

        self._controller.start(
            "autosave-find",
            tasks.find_autosave_steps(slide),
            title="Looking for unsaved annotations",
            on_return=take,
            on_end=again,
        )

    def _on_edited(self, _new: Any) -> None:
        regions, slide = self._regions, self._session.slide
        edited = bool(regions.undo_text or regions.redo_text or regions.blinding.started)
        if slide is None or not edited or slide is not self._slide:
            return
        self._waiting = tasks.Saving(slide, regions.items, regions.classes, regions.blinding)
        self._timer.start()

    # ---- saving --------------------------------------------------------------------------

    def _write(self) -> None:
        saving = self._waiting
        if saving is None:
            return
        if self._controller.busy("autosave"):
            self._timer.start()
            return
        self._waiting = None
        here = saving.slide is self._slide
        set_aside = here and self.offer is not None and self.saved_at is None

        def tell(path: Path) -> None:
            if saving.slide is self._slide:
                self._path, self.problem = path, ""
                self.saved_at = datetime.now(UTC)
                self.saved.emit()

        self._controller.start(
            "autosave",
            tasks.autosave_steps(saving, self._path if here else None, set_aside=set_aside),
            title="Saving the annotation",
            on_return=tell,
            patient=True,
        )

    def _on_failed(self, area: str, error: StexpError) -> None:
        if area == "autosave":
            self.saved_at, self.problem = None, error.message
            self.saved.emit()

    def forget(self, regions: tuple[Any, ...]) -> None:
        """Put what was saved away: these regions are in a file of the user's now."""
        if regions is self._regions.items and self._path is not None and self._waiting is None:
            self._discard()
            self.saved_at = None
            self.saved.emit()

    def _discard(self) -> None:
        from napari_stexp.session.workspace.autosave import remove_autosave

        if self._path is not None:
            self._controller.guard("annotations", remove_autosave, self._path)

    # ---- what was found ------------------------------------------------------------------

    def restore(self) -> None:
        """Go on with what was found; what has been drawn since is kept beside it."""
        offer, self.offer = self.offer, None
        self.offered.emit()
        if offer is None or offer.saved is None:
            return
        there = {region.id for region in offer.regions}
        new = tuple(region for region in self._regions.items if region.id not in there)
        self._regions.load((*offer.regions, *new), classes=offer.saved.classes)
        if self._regions.blinding.started is None:
            self._regions.restore_blinding(offer.saved.blinding)

    def settle(self, saved: datetime | None, *, take: bool) -> None:
        """Weigh what is found, now or later, against a workspace of this slide.

        Nothing is offered that the workspace has as well.

        Parameters
        ----------
        saved : datetime or None
            When the workspace was saved.
        take : bool
            Take what is found without asking, if it was saved later than that.
        """
        self._settling = (saved, take)
        self._settle()
        self.offered.emit()

    def _settle(self) -> None:
        offer = self.offer
        if self._settling is None or offer is None or offer.saved is None:
            return
        saved, take = self._settling
        same = offer.regions == self._regions.items
        newer = saved is None or offer.saved.saved >= saved
        if same and offer.saved.blinding == self._regions.blinding:
            self.offer = None
        elif take and newer:
            self.offer = None
            self._regions.load(offer.regions, classes=offer.saved.classes)
            self._regions.restore_blinding(offer.saved.blinding)

    def discard(self) -> None:
        """Put what was found away, unless what has been drawn since was saved in its place."""
        self.offer = None
        self.offered.emit()
        if self.saved_at is None:
            self._discard()

    def close(self) -> None:
        """Write what waits, here and now: the window is going."""
        self._timer.stop()
        for signal, slot in self._signals:
            signal.disconnect(slot, missing_ok=True)
        saving, self._waiting = self._waiting, None
        if saving is not None:
            path = self._path if saving.slide is self._slide else None
            with suppress(StexpError):
                exhaust(tasks.autosave_steps(saving, path, set_aside=False))
