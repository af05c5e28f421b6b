"""Watches the slide's scale, and asks when something contradicts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_stexp.panels.slide.scale_card import FIELD_PX
from napari_stexp.panels.slide.scale_dialog import ScaleDialog
from napari_stexp.session.placing.scale_options import ScaleOption
from napari_stexp.session.placing.scale_pictures import cut_fields
from napari_stexp.session.placing.scale_review import ScaleReview

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["ScaleControl"]


class ScaleControl(QObject):
    """Reviews the scale, shows the dialog, and puts the decision into the session.

    Parameters
    ----------
    controller : Controller
    window : QWidget
        Where the dialog is shown.
    """

    def __init__(self, controller: Controller, window: QWidget) -> None:
        super().__init__(window)
        self.controller, self.session = controller, controller.session
        self._window = window
        self.dialog: ScaleDialog | None = None
        self._asked: set[str] = set()
        self._slide: Any = None
        self._waiting: list[float] = []
        self._about: tuple[Any, Any] | None = None  # what was reviewed last
        self._review: ScaleReview | None = None

    def review(self) -> ScaleReview | None:
        """Look for mistakes, with spots that were refused for their pitch as with those shown."""
        waiting = self.controller.conflicting_spots
        about = (self.session.slide, self.session.spots if waiting is None else waiting)
        if self._about is None or any(a is not b for a, b in zip(about, self._about, strict=True)):
            self._about, self._review = about, self.session.review_scale(waiting)
        return self._review

    def follow(self) -> ScaleReview | None:
        """Review again after a change; ask when there is a contradiction that is new.

        Each contradiction is asked about once: afterwards the panel says it, and nothing
        is predicted before it is settled.
        """
        slide, review = self.session.slide, self.review()
        if slide is None or (self._slide is not None and slide.path != self._slide.path):
            self._asked.clear()
        changed, self._slide = slide is not self._slide, slide
        if self.dialog is not None and (review is None or changed):
            self.dialog.close()
        if review is None:
            return None
        new = {one.key for one in review.contradictions} - self._asked
        if new:
            self._asked |= new
            self.ask(review)
        return review

    def ask(self, review: ScaleReview | None = None) -> None:
        """Show the dialog."""
        review = self.review() if review is None else review
        slide = self.session.slide
        if review is None or slide is None:
            return
        if self.dialog is not None:
            self.dialog.close()
        dialog = ScaleDialog(slide.name, review, self._window.window())
        self.dialog = dialog
        dialog.settled.connect(self._settle)
        dialog.fields_wanted.connect(self._cut)
        dialog.finished.connect(lambda _result, dialog=dialog: self._forget(dialog))
        dialog.show()
        dialog.raise_()
        self._cut(dialog.scales)

    def _forget(self, dialog: ScaleDialog) -> None:
        if self.dialog is dialog:
            self.dialog = None

    def _cut(self, scales: list[float]) -> None:
        slide = self.session.slide
        if slide is None or not scales:
            return
        if self.controller.busy("scale"):  # another scale was typed meanwhile
            self._waiting += scales
            return

        def go_on() -> None:
            waiting, self._waiting = self._waiting, []
            if self.dialog is not None:
                self._cut(waiting)

        def show(fields: Any) -> None:
            if self.dialog is not None and self.session.slide is slide:
                self.dialog.show_fields(fields)

        self.controller.start(
            "scale", cut_fields(slide, scales, 2 * FIELD_PX), title="Cutting out a field",
            on_return=show, on_end=go_on,
        )  # fmt: skip

    def _settle(self, option: ScaleOption) -> None:
        self.controller.settle_scale(option.mpp, option.source)
