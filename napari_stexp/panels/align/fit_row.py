"""Whether the spots lie on tissue, in a sentence, and what can be done with one click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["FitRow"]


class FitRow(QWidget):
    """Says when spots don't fit the tissue and offers what does; silent when they do.

    Parameters
    ----------
    controller : Controller
    in_dock : bool
        Whether it stands in the dock *Align*, where it also says that they fit.

    Attributes
    ----------
    align_button : QPushButton
        Opens the dock *Align*; it is laid out by who holds the row.
    """

    def __init__(self, controller: Controller, *, in_dock: bool = False) -> None:
        super().__init__()
        self._control, self._aligning = controller.aligning, controller.session.aligning
        self._in_dock = in_dock
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.notice = Notice("warning")
        self.fix_button = make_button(
            "Put right", "Lay the spots so, in one step. Undo takes it back.",
            self._control.take_fix,
        )  # fmt: skip
        self.middle_button = make_button(
            "Lay in the middle",
            "Lay the spots in the middle of the slide, to be aligned by pairs or by hand.",
            self._control.lay_in_the_middle,
        )
        self.align_button = make_button(
            "Align…", "Lay the spots elsewhere: by pairs of points, scale factors, or by hand."
        )
        column.addWidget(self.notice)
        column.addLayout(make_row(self.fix_button, self.middle_button))

    def refresh(self) -> None:
        """Show what is known."""
        check, refused = self._aligning.check, self._control.refused
        self.fix_button.setVisible(check is not None and check.fix is not None)
        self.middle_button.setVisible(refused is not None)
        there = self._control.session.spots is not None or refused is not None
        self.align_button.setVisible(not self._in_dock and there)
        self.align_button.setEnabled(self._control.session.slide is not None)
        self.notice.say(*self._words(check))

    def _words(self, check: Any) -> tuple[str, str]:
        if check is None or self._aligning.moved:  # it says nothing of what is tried out
            return "hint", ""
        share = f"{check.orientation.present.on_tissue:.0%} of the spots lie on tissue"
        if check.fix is not None:
            what = check.words[0].upper() + check.words[1:]
            return "warning", (
                f"Do the spots fit? {share}; {check.on_tissue_after:.0%} would: {what}."
            )
        if not check.orientation.fits:
            return "warning", f"The spots don't seem to fit: {share}. Align them."
        if self._in_dock and check.orientation.has_tissue:
            return "done", f"{share}."
        return "hint", ""
