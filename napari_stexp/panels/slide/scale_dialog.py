"""Asks how large the slide's pixels are: what was found, and how tissue looks either way."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_stexp.panels.slide.scale_card import FIELD_PX, OptionCard, TypedCard
from napari_stexp.panels.widgets import Notice, make_button, make_row
from napari_stexp.session.placing.scale_options import ScaleOption
from napari_stexp.session.placing.scale_pictures import NUCLEUS_UM
from napari_stexp.session.placing.scale_review import ScaleReview

__all__ = ["ScaleDialog"]

_MOST_OPTIONS = 4
_WIDE, _WIDEST = 960, 1230  # px; it fits into a window of 1280


class ScaleDialog(QDialog):
    """Findings on top, a picture for each scale below; may stay open beside the slide.

    Parameters
    ----------
    name : str
        Of the slide.
    review : ScaleReview
        What was found.
    parent : QWidget
        The window.
    """

    settled = Signal(object)  # ScaleOption
    fields_wanted = Signal(object)  # list of float, µm per pixel

    def __init__(self, name: str, review: ScaleReview, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Size of a pixel: {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.review = review
        self.cards: list[OptionCard] = []
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        self.notices = [self._add_finding(layout, finding) for finding in review.findings]
        if not self.notices:
            layout.addWidget(Notice("done", "Nothing contradicts the size that is in use."))
        self.question = QLabel(
            "<b>Which picture is right?</b> All show the same place. The circles are as wide as a "
            f"small lymphocyte's nucleus ({NUCLEUS_UM:g} µm): in the right picture they fit."
        )
        self.question.setWordWrap(True)
        layout.addWidget(self.question)
        layout.addWidget(self._build_cards())
        self.use_button = make_button(
            "Use this size", "Use the chosen size of a pixel from now on.", self._use
        )
        self.use_button.setEnabled(False)
        self.later_button = make_button(
            "Decide later",
            "Change nothing now. Nothing is predicted while a contradiction is open.",
            self.close,
        )
        layout.addLayout(make_row(self.use_button, self.later_button))
        wide = 40 + len(self.cards) * (FIELD_PX + 14)
        self.resize(min(max(wide, _WIDE), _WIDEST), self.sizeHint().height())

    def _add_finding(self, layout: QVBoxLayout, finding: Any) -> Notice:
        numbers = " · ".join(f"{name}: {value}" for name, value in finding.evidence)
        text = "\n".join(part for part in (finding.title, numbers, finding.explanation) if part)
        notice = Notice("warning" if finding.severity == "question" else "hint", text)
        notice.setMinimumHeight(notice.heightForWidth(_WIDE - 40))
        layout.addWidget(notice)
        return notice

    def _build_cards(self) -> QWidget:
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        used = self.review.mpp
        options = list(self.review.options[:_MOST_OPTIONS])
        if used is not None and not any(abs(one.mpp / used - 1) < 1e-6 for one in options):
            options = [*options[: _MOST_OPTIONS - 1], ScaleOption(self.review.source, used, "")]
        for option in options:
            in_use = used is not None and abs(option.mpp / used - 1) < 1e-6
            self.cards.append(OptionCard(option, in_use))
        self.typed = TypedCard(used)
        self.typed.typed.connect(lambda value: self.fields_wanted.emit([value]))
        self.cards.append(self.typed)
        for card in self.cards:
            card.chosen.connect(lambda card=card: self._on_chosen(card))
            row.addWidget(card, 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(body)
        area.setMinimumHeight(FIELD_PX + 110)
        return area

    @property
    def chosen(self) -> ScaleOption | None:
        """The option whose button is on."""
        return next((card.option for card in self.cards if card.button.isChecked()), None)

    def _on_chosen(self, chosen: OptionCard) -> None:
        for card in self.cards:
            if card is not chosen:
                card.clear()
        self.use_button.setEnabled(self.chosen is not None)

    @property
    def scales(self) -> list[float]:
        """µm per pixel of all pictures."""
        return [card.option.mpp for card in self.cards if card.option is not None]

    def show_fields(self, fields: dict[float, Any]) -> None:
        """Show pictures by their scale."""
        for card in self.cards:
            if card.option is not None and card.option.mpp in fields:
                card.picture.show_field(fields[card.option.mpp])
        if self.typed.option is None and fields:
            self.typed.picture.hide()
        else:
            self.typed.picture.show()

    def _use(self) -> None:
        if self.chosen is not None:
            self.settled.emit(self.chosen)
            self.close()
