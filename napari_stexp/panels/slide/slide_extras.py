"""What a slide brings beside its pixels: doubts about its scale, a colour profile, its label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_stexp.panels.annotate.question import Question
from napari_stexp.panels.slide.pictures_dialog import PicturesDialog
from napari_stexp.panels.slide.scale_control import ScaleControl
from napari_stexp.panels.widgets import Notice, make_button, make_row
from napari_stexp.session.placing.scale_review import ScaleReview
from napari_stexp.slide.associated import WARNING, decode_steps

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel

__all__ = ["SlideExtras"]


class SlideExtras(QWidget):
    """Below the slide's facts: what contradicts its scale, 'Scale…', sRGB, label and overview.

    Parameters
    ----------
    panel : Panel
        The panel that it is a part of.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.controller, self.session = panel.controller, panel.session
        self.scale = ScaleControl(self.controller, panel)
        self.findings = Notice("warning")
        self.scale_button = make_button(
            "Scale…",
            "Compare what the file, the objective and the spots say about the size of a pixel, "
            "with a field of the slide under each.",
            self.scale.ask,
        )
        self.label_button = make_button(
            "Label and overview…",
            "Show the pictures of the glass that are in the file. They can identify a patient: "
            "you are asked first.",
            self._ask_pictures,
        )
        self.srgb_box = QCheckBox("Colours by the slide's profile (sRGB)")
        self.srgb_box.setToolTip(
            "Convert the colours to sRGB by the ICC profile in the file, for the view and for "
            "predictions. Off: as stored, which is what models were trained on."
        )
        self.srgb_box.clicked.connect(self._choose_colour)
        self.question = Question(
            {
                "Show them": ("Show the pictures of the glass on this screen.", self._show),
                "Don't": ("Leave them unseen.", lambda: None),
            }
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.findings)
        layout.addLayout(make_row(self.scale_button, self.label_button))
        layout.addWidget(self.question)
        layout.addWidget(self.srgb_box)
        self.dialog: PicturesDialog | None = None

    def refresh(self) -> None:
        """Show the present slide's."""
        slide = self.session.slide
        review = self.scale.follow()
        self.setVisible(slide is not None)
        self.findings.say("warning", _say(review))
        if slide is None:
            self.question.ask("")
            return
        self.label_button.setVisible(bool(slide.associated))
        self.srgb_box.setVisible(slide.has_profile)
        self.srgb_box.setChecked(slide.colour == "sRGB")

    def _choose_colour(self) -> None:
        self.controller.set_colour("sRGB" if self.srgb_box.isChecked() else "stored")
        self.refresh()  # a damaged profile leaves it as it was

    def _ask_pictures(self) -> None:
        self.question.ask(f"{WARNING} Show them now?")

    def _show(self) -> None:
        slide = self.session.slide
        if slide is None:
            return

        def show(pictures: dict[str, Any]) -> None:
            if self.session.slide is slide:
                self.dialog = PicturesDialog(slide.name, pictures, self.window())
                self.dialog.show()

        self.controller.start(
            "glass", decode_steps(slide), title="Reading label and overview", on_return=show
        )


def _say(review: ScaleReview | None) -> str:
    """Say what is still open, in a line each; a size that is missing is said elsewhere."""
    if review is None:
        return ""
    known = {one.key for one in review.settled}
    return "\n".join(
        one.sentence + "." for one in review.findings
        if one.kind != "missing" and one.key not in known
    )  # fmt: skip
