"""How good a new model is on what was held out, beside the baselines it must beat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QLabel,
    QRadioButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.text import join_words
from napari_stexp.panels.widgets import Notice, make_row

if TYPE_CHECKING:
    from napari_stexp.session import RunOutcome

__all__ = ["ResultTable", "describe_verdict"]

_ROW_PX = 22
_SCALES = {"spot": "per spot", "gene": "per gene"}
_SPLITS = {
    "patient": "held out by patient: the model has seen nothing of them",
    "section": "held out by section: the model has seen other sections of these patients",
}
_METHODS = {
    "mclstexp": ("This model", "The model that has just been trained."),
    "mean": ("Training mean", "Every spot gets the mean of the training spots: knows nothing."),
    "nearest_colour": ("Nearest colour", "Copies the training spot whose colours are nearest."),
    "ridge_statistics": (
        "Ridge on colours",
        "A linear fit on about a hundred numbers on the patch's colours and stains.",
    ),
    "ridge_features": (
        "Ridge on network",
        "A linear fit on what the model's own image network sees.",
    ),
    "tissue_density": (
        "Tissue density",
        "A linear fit on how much of the patch is nuclei or dark.",
    ),
}
_COLUMNS = (
    ("acg_pcc", "ACG", "Mean correlation (Pearson's r) of predicted and measured, all genes."),
    ("heg_pcc", "HEG", "The same over the 50 most expressed genes."),
)


class ResultTable(QWidget):
    """ACG and HEG of the model and its baselines, on one expression scale at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome: RunOutcome | None = None
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.spot_button = QRadioButton("per spot")
        self.spot_button.setToolTip(
            "Expression relative to the spot's total: what depth of sequencing can't explain."
        )
        self.gene_button = QRadioButton("per gene")
        self.gene_button.setToolTip(
            "The scale of the released evaluation: depth of sequencing is left in every gene, so "
            "all numbers are higher. Never compare them with those per spot."
        )
        self._scales = QButtonGroup(self)
        for button in (self.spot_button, self.gene_button):
            self._scales.addButton(button)
            button.clicked.connect(lambda _on=False: self._fill())
        self.spot_button.setChecked(True)
        self.verdict = Notice("hint")
        self.table = QTableWidget()
        self._set_up_table()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addLayout(make_row(QLabel("Scale"), self.spot_button, self.gene_button))
        layout.addWidget(self.table)
        layout.addWidget(self.verdict)
        self.hide()

    def _set_up_table(self) -> None:
        table = self.table
        table.setColumnCount(1 + len(_COLUMNS))
        table.setHorizontalHeaderLabels(["Method", *(title for _, title, _ in _COLUMNS)])
        for column, (_, _, words) in enumerate(_COLUMNS, start=1):
            table.horizontalHeaderItem(column).setToolTip(words)
        table.setToolTip(
            "Correlation (Pearson's r) with the measurement on the sections kept for the test. "
            "Hover a number for its 95 % interval."
        )
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setShowGrid(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, 1 + len(_COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, 64)

    @property
    def scale(self) -> str:
        """The expression scale that is shown."""
        return "gene" if self.gene_button.isChecked() else "spot"

    def show_outcome(self, outcome: RunOutcome | None) -> None:
        """Show what an evaluation has found; hidden without one."""
        self._outcome = outcome
        self.setVisible(outcome is not None and bool(outcome.scores))
        self._fill()

    def _fill(self) -> None:
        outcome = self._outcome
        if outcome is None or not outcome.scores:
            return
        what = _SPLITS.get(outcome.split, "held out")
        self.title.setText(
            f"Tested on {join_words(outcome.held_out, 4)} ({what}). Mean correlation r over all "
            "genes (ACG) and over the 50 most expressed ones (HEG):"
        )
        scale = self.scale
        methods = [m for m in _METHODS if (m, scale) in outcome.scores]
        self.table.setRowCount(len(methods))
        for row, method in enumerate(methods):
            self._fill_row(row, method, outcome.scores[method, scale])
        height = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(height + _ROW_PX * len(methods) + 4)
        self.verdict.say(*describe_verdict(outcome, scale))

    def _fill_row(
        self, row: int, method: str, numbers: dict[str, tuple[float, float, float]]
    ) -> None:
        title, words = _METHODS[method]
        cells = [(title, words)]
        for metric, _, _ in _COLUMNS:
            value, low, high = numbers.get(metric, (math.nan,) * 3)
            interval = f"95 % interval {low:.3f} to {high:.3f}" if math.isfinite(low) else ""
            if not math.isfinite(value):
                interval = "It predicts the same for every spot, so nothing correlates."
            cells.append((f"{value:.3f}" if math.isfinite(value) else "-", interval))
        for column, (text, tooltip) in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(tooltip)
            if column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if method == "mclstexp":
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.table.setItem(row, column, item)


def describe_verdict(outcome: RunOutcome, scale: str) -> tuple[str, str]:
    """Return a kind of notice and a sentence on whether the model beats its baselines."""
    acg = {
        method: numbers["acg_pcc"]
        for (method, of), numbers in outcome.scores.items()
        if of == scale and "acg_pcc" in numbers and math.isfinite(numbers["acg_pcc"][0])
    }
    own, low, _ = acg.pop("mclstexp", (math.nan,) * 3)
    if not math.isfinite(own):
        return "warning", "The model predicts no variation at all: train it longer."
    if not acg:
        return "hint", f"Mean correlation {own:.3f} {_SCALES[scale]}."
    best = max(acg, key=lambda method: acg[method][0])
    name, value = _METHODS[best][0].lower() if best in _METHODS else best, acg[best][0]
    if own <= value:
        return "warning", (
            f"Does not beat the baseline “{name}” (ACG {own:.3f}, its {value:.3f}, "
            f"{_SCALES[scale]}). Train longer, on more sections, or with pretrained weights."
        )
    text = f"Beats the best baseline, “{name}”, by {own - value:.3f} in ACG, {_SCALES[scale]}"
    if math.isfinite(low) and low <= value:
        return "hint", f"{text}; that may be chance: the model's 95 % interval begins at {low:.3f}."
    return "done", f"{text}."
