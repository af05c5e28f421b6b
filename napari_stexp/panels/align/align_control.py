"""What the dock *Align* asks for: checks in the background, and changes of the session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.errors import AlignmentError, StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.tasks import Steps

__all__ = ["AREA", "CHECK", "AlignControl"]

AREA = "alignment"
CHECK = "alignment check"  # an area that no panel shows: nobody asked for it
_WAIT_MS = 400
_OWN_PX = 4000  # longer side of the spots' own image as it is shown


def check_steps(slide: Any, spots: Any, tissue: Any = None) -> Steps:
    """Compare spots with the tissue; None where that can't be done, which is no news."""
    from napari_stexp.session.placing.placement_check import check_placement_steps

    try:
        return (yield from check_placement_steps(slide, spots, tissue))
    except (StexpError, ValueError):
        return None


def open_image_steps(path: Path) -> Steps:
    """Read a picture of an image file, (h, w, 3) uint8, and how many px each of its own is."""
    yield Progress(0, 0, f"opening {path.name}")
    from napari_stexp.slide import open_slide, prepare_slide

    yield from prepare_slide(path)
    with open_slide(path) as slide:
        yield Progress(0, 0, "reading the picture")
        picture, downsample = slide.thumbnail(_OWN_PX)
    return picture, float(downsample)


def save_steps(spots: Any, path: Path) -> Steps:
    """Write spots."""
    yield Progress(0, 0, "saving the spots")
    from napari_stexp.spots import write_spots

    return write_spots(spots, path)


class AlignControl(QObject):
    """Checks where spots lie whenever slide or spots change, and aligns them.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    refused : AnnData or None
        Spots that can't lie on the slide as they are.
    own_image : tuple or None
        Picture of the spots' own image, (h, w, 3) uint8, and the pixels of the spots'
        positions per pixel of it.
    """

    own_image_changed = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self.own_image: tuple[Any, float] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self.check)
        session = self.session
        self._signals = (session.spots_changed, session.slide_changed, session.tissue.changed)
        for signal in self._signals:
            signal.connect(self._on_changed)
        controller.scale_conflict.connect(self._on_changed)

    @property
    def refused(self) -> Any:
        """Spots that can't lie on the slide as they are, or None."""
        controller = self._controller
        waiting = controller.conflicting_spots
        return controller.refused_spots if waiting is None else waiting

    def look_at_refused(self) -> None:
        """Look for the place of spots that all lie outside the slide, if they have any."""
        from napari_stexp.spots import check_spots

        try:
            check_spots(self._controller.refused_spots)
        except StexpError:  # another problem than where they lie
            self._controller.refused_spots = None
        self._on_changed()
        self.session.aligning.check = None

    def close(self) -> None:
        """Stop following."""
        self._timer.stop()
        for signal in self._signals:
            signal.disconnect(self._on_changed, missing_ok=True)

    # ---- checking ------------------------------------------------------------------------

    def _on_changed(self, _: Any = None) -> None:
        self._controller.cancel(CHECK)
        if self._target() is not None:
            self._timer.start()

    def _target(self) -> Any:
        """Return the spots to be checked: measured ones, not those of a grid."""
        spots = self.refused if self.refused is not None else self.session.spots
        if self.session.slide is None or spots is None:
            return None
        virtual = "grid" in str(spots.uns.get("stexp_spots", {}).get("technology", ""))
        return None if virtual else spots

    def check(self) -> None:
        """Compare spots and tissue in the background."""
        spots, slide = self._target(), self.session.slide
        if spots is None:
            return
        if self._controller.busy(CHECK) or self._controller.busy("slide"):
            self._timer.start()
            return

        def keep(check: Any) -> None:
            if check is not None and check.spots is self._target() and slide is self.session.slide:
                self.session.aligning.check = check

        self._controller.start(
            CHECK,
            check_steps(slide, spots, self.session.tissue.mask),
            title="Comparing spots with tissue",
            on_return=keep,
        )

    # ---- aligning ------------------------------------------------------------------------

    def take_fix(self) -> None:
        """Do what the tissue suggests, as one step."""
        check = self.session.aligning.check
        if check is not None and check.fix is not None:
            self._lay(check.spots, check.fix, check.words)

    def lay_in_the_middle(self) -> None:
        """Lay spots that were refused in the middle of the slide."""
        from napari_stexp.session.placing.placement_check import lay_in_the_middle

        if self.refused is not None and self.session.slide is not None:
            where = lay_in_the_middle(self.refused, self.session.slide)
            self._lay(self.refused, where, "laid in the middle of the slide")

    def _lay(self, spots: Any, transform: Any, words: str) -> None:
        self._stop()
        apply_to = self.session.aligning.apply_to
        if self._controller.guard(AREA, apply_to, spots, transform, words):
            self._controller.forget_conflict()
            self._controller.succeeded.emit(AREA, f"Done: {words}.")

    def apply(self) -> None:
        """Lay the spots where they are shown."""
        self._stop()
        if self._controller.guard(AREA, self.session.aligning.apply):
            self._controller.succeeded.emit(AREA, "The spots lie there now.")

    def take_back(self) -> None:
        """Lay the spots as their file had them."""
        self._stop()
        self._controller.guard(AREA, self.session.aligning.take_back)

    def scale_from(self, positions: Any) -> None:
        """Show the spots as if their positions were pixels of another image."""
        from napari_stexp.spots.alignment import FULL, list_frames, scale_between

        def show() -> None:
            aligning = self.session.aligning
            if aligning.present is not None:
                raise AlignmentError(
                    "these spots have been aligned already",
                    hint="Lay them as in their file first.",
                )
            full = next(f for f in list_frames(self.session.spots) if f.name == FULL)
            aligning.reset()
            if positions.name != FULL:
                words = f"scale factor of the {positions.name} image"
                aligning.transform_by(scale_between(positions, full), words)

        self._do(show)

    def show_fit(self) -> None:
        """Show the spots where the pairs put them."""
        self._do(self.session.aligning.show_fit)

    def do(self, name: str, *arguments: Any, **more: Any) -> None:
        """Call a method of the session's alignment, and tell what it refuses."""
        self._do(lambda: getattr(self.session.aligning, name)(*arguments, **more))

    def _do(self, action: Any) -> None:
        self._controller.cleared.emit(AREA)
        self._controller.guard(AREA, action)

    def _stop(self) -> None:
        self._controller.cleared.emit(AREA)
        self._controller.predicting.stop()

    def save(self, path: Path) -> None:
        """Write the spots as they lie, in the background."""
        self._controller.start(
            AREA,
            save_steps(self.session.spots, path),
            title=f"Saving {path.name}",
            on_return=lambda _: self._controller.succeeded.emit(AREA, f"Saved as {path}."),
            patient=True,
        )

    # ---- the spots' own image ------------------------------------------------------------

    def take_own_image(self) -> None:
        """Take the image that came with the spots, or none."""
        from napari_stexp.spots.alignment import find_frame, own_image, remove_alignment

        spots, slide = self.session.spots, self.session.slide
        found = None if spots is None else own_image(spots)
        self.own_image = None
        if found is not None:
            picture, frame = found
            frames = None if slide is None else find_frame(remove_alignment(spots), slide.shape)
            positions = 1.0 if frames is None else frames[0].factor
            factor = frame.factor if frame.factor == frame.factor else positions  # NaN: unknown
            self.own_image = (picture, positions / factor)
        self.own_image_changed.emit()

    def open_own_image(self, path: Path) -> None:
        """Read the spots' own image from a file, in the background."""
        self._controller.remember(path)

        def show(found: tuple[Any, float]) -> None:
            self.own_image = found
            self.own_image_changed.emit()

        self._controller.start(
            AREA, open_image_steps(path), title=f"Opening {path.name}", on_return=show
        )
