"""The size of a pixel: shown, typed, or taken from the spots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["PixelSize"]


class PixelSize(QWidget):
    """Below the slide's facts; hidden while there is no slide.

    Parameters
    ----------
    controller : Controller
        Sets the size.
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.controller, self.session = controller, controller.session
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.box = ignore_idle_wheel(QDoubleSpinBox())
        self.box.setDecimals(4)
        self.box.setRange(0.0, 100.0)
        self.box.setSingleStep(0.01)
        self.box.setKeyboardTracking(False)
        self.box.setMinimumWidth(116)  # "unknown", and four decimals beside the arrows
        self.box.setSpecialValueText("unknown")
        self.box.setToolTip(
            "How many µm one pixel of the slide's finest level is wide. "
            "It is read from the file where the scanner wrote it; type it if it is missing or "
            "wrong."
        )
        self.label = QLabel("Pixel size, µm")
        self.label.setStyleSheet("QLabel { font-weight: 600; }")
        self.label.setToolTip(self.box.toolTip())
        self.button = make_button("Set", "Use this size of a pixel from now on.", self._ask)
        column.addLayout(make_row(self.label, self.box, self.button))
        self.notice = Notice("warning")
        column.addWidget(self.notice)
        self.from_spots_button = make_button(
            "Take it from the spots",
            "Set the size of a pixel so that the spots are as far apart as their technology says.",
        )
        column.addWidget(self.from_spots_button)
        self.from_spots_button.clicked.connect(controller.take_mpp_from_spots)
        self.box.lineEdit().returnPressed.connect(self._ask)
        self.box.valueChanged.connect(self._show_button)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the slide's size of a pixel, or what is known where it has none."""
        slide = self.session.slide
        self.setVisible(slide is not None)
        self.box.blockSignals(True)
        self.box.setValue((slide.mpp or 0.0) if slide is not None else 0.0)
        self.box.blockSignals(False)
        self._show_button()
        self._show_scale()

    def _show_button(self, _value: float = 0.0) -> None:
        slide = self.session.slide
        shown = round(slide.mpp or 0.0, 4) if slide is not None else 0.0
        self.button.setEnabled(abs(self.box.value() - shown) > 1e-6)

    def _show_scale(self) -> None:
        slide, session = self.session.slide, self.session
        unknown = slide is not None and slide.mpp is None
        conflict = self.controller.conflicting_spots is not None
        suggested = session.suggested_mpp if unknown else None
        self.notice.say(
            "warning",
            "Pixel size unknown: type it, or load spots of known pitch. Until then there is no "
            "scale bar, and no grid in µm."
            if unknown
            else "",
        )
        if suggested is not None:
            self.notice.say(
                "warning",
                f"Pixel size unknown. The spots' pitch says {suggested:.4g} µm: "
                "take that, or type another.",
            )
        self.from_spots_button.setVisible(conflict or suggested is not None)

    # ---- asking --------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.button.isEnabled():
            self.controller.set_mpp(self.box.value())
            self.refresh()  # a refused value gives way to the present one
