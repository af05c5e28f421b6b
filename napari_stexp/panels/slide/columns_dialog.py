"""Asks which column of a table holds what, with its first rows in view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.widgets import Notice, make_button, make_row
from napari_stexp.spots import SpotColumns, SpotOptions
from napari_stexp.spots.columns import ALL_OTHERS

if TYPE_CHECKING:
    from napari_stexp.session.opening.spot_questions import SpotsQuestion

__all__ = ["ColumnsDialog"]

_ROWS_SHOWN, _COLUMNS_SHOWN = 8, 40
_ROLES = {
    "x": ("x (across)", "Centre of the spot, from the slide's left edge."),
    "y": ("y (down)", "Centre of the spot, from the slide's upper edge."),
    "id": ("Spot's name", "Its barcode or another name, each one once."),
    "array_col": ("Array column", "Column of the spot on its array, a whole number."),
    "array_row": ("Array row", "Row of the spot on its array, a whole number."),
    "in_tissue": ("In tissue", "Spots with 0, false or no are left out."),
    "label": ("Label", "What a pathologist called the spot."),
}
_UNITS = {"": "choose …", "px": "pixels of the slide", "um": "µm"}
_NONE, _OWN_FILE = "none", "file"


class ColumnsDialog(QDialog):
    """Shows a table's first rows and a guess; the user corrects it and reads the spots.

    Parameters
    ----------
    question : SpotsQuestion
        About a table.
    slide : Slide or None
        What the spots will lie on: says whether they do.
    hides_values : bool
        Show no numbers but places and positions on the array: counts give expression away.
    parent : QWidget, optional
    """

    answered = Signal(object, object, bool)  # SpotOptions, counts Path or None, whether to keep

    def __init__(
        self,
        question: SpotsQuestion,
        slide: Any = None,
        hides_values: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        assert question.look is not None and question.guess is not None  # noqa: PT018
        self.setWindowTitle(f"Which column is what? — {question.path.name}")
        self.setMinimumWidth(760)
        self._look, self._guess, self._slide = question.look, question.guess, slide
        self._hides_values, self._counts = hides_values, question.counts
        self._build_choices()
        self._build_preview()
        self._lay_out()
        self._fill_in()
        for box in (*self.roles.values(), self.units, self.genes):
            box.currentIndexChanged.connect(lambda _: self._show_state())
        self._show_state()

    # ---- building ------------------------------------------------------------------------

    def _build_choices(self) -> None:
        self.roles: dict[str, QComboBox] = {}
        for role, (title, tooltip) in _ROLES.items():
            box = _make_box(f"{title}: {tooltip}")
            box.addItem("—", "")
            for name, number in zip(self._look.names, self._look.numeric, strict=True):
                if number or role in ("id", "label", "in_tissue"):
                    box.addItem(name, name)
            self.roles[role] = box
        self.units = _make_box("Whether x and y are counted in the slide's pixels or in µm.")
        for key, title in _UNITS.items():
            self.units.addItem(title, key)
        self.genes = _make_box("Where the counts of the genes are.")
        self.genes.addItem("no counts: positions only", _NONE)
        self.genes.addItem("", ALL_OTHERS)
        self.genes.addItem("in a file of their own", _OWN_FILE)
        self.counts_button = make_button(
            "Choose the counts file…",
            "A table with spots in rows and genes in columns, or 10x Genomics' .h5 or matrix.mtx.",
            self._ask_counts,
        )
        self.keep = QCheckBox("Read tables with these columns in the same way from now on")
        self.keep.setToolTip("The button Columns… asks again.")
        self.keep.setChecked(True)

    def _build_preview(self) -> None:
        names = self._look.names[:_COLUMNS_SHOWN]
        rows = self._look.rows[:_ROWS_SHOWN]
        self.preview = QTableWidget(len(rows), len(names))
        self.preview.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.preview.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.preview.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.preview.verticalHeader().setVisible(False)
        self.preview.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.preview.setToolTip("The first rows of the table; above, what each column is read as.")
        self.preview.setMinimumHeight(210)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        hidden = len(self._look.names) - _COLUMNS_SHOWN
        more = f"; the first {_COLUMNS_SHOWN} are shown" if hidden > 0 else ""
        self.about = QLabel(f"{len(self._look.names)} columns{more}; {self._look.wording}.")
        self.about.setWordWrap(True)
        column.addWidget(self.about)
        column.addWidget(self.preview, 1)
        left, right = QFormLayout(), QFormLayout()
        for form, roles in ((left, ("x", "y", "id")), (right, tuple(_ROLES)[3:])):
            for role in roles:
                form.addRow(_ROLES[role][0], self.roles[role])
        left.addRow("x and y are", self.units)
        halves = make_row(stretch=None)
        halves.takeAt(0)
        for form in (left, right):
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            form.setContentsMargins(0, 0, 0, 0)
            half = QWidget()
            half.setLayout(form)
            half.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
            halves.addWidget(half, 1)
        halves.setSpacing(24)
        column.addLayout(halves)
        counts = QLabel("Counts")
        counts.setToolTip(self.genes.toolTip())
        column.addLayout(make_row(counts, self.genes, self.counts_button, stretch=1))
        self.notice = Notice("hint")
        column.addWidget(self.notice)
        column.addWidget(self.keep)
        self.read_button = make_button(
            "Read spots", "Read the spots with these columns.", self._read
        )
        self.cancel_button = make_button("Cancel", "Leave the spots as they are.", self.reject)
        self.read_button.setDefault(True)
        column.addLayout(make_row(self.cancel_button, self.read_button))

    def _fill_in(self) -> None:
        """Set the boxes to the guess."""
        columns = self._guess.columns
        for role, name in columns.chosen.items():
            self.roles[role].setCurrentIndex(max(0, self.roles[role].findData(name)))
        self.units.setCurrentIndex(self.units.findData(self._guess.units))
        kind = ALL_OTHERS if columns.genes else _NONE
        if self._counts is not None:
            kind = _OWN_FILE
        self.genes.setCurrentIndex(self.genes.findData(kind))

    # ---- what is chosen ------------------------------------------------------------------

    def columns(self) -> SpotColumns:
        """Return what is chosen."""
        chosen = {role: str(box.currentData()) for role, box in self.roles.items()}
        if self.genes.currentData() != ALL_OTHERS:
            return SpotColumns(**chosen)  # type: ignore[arg-type]  # roles are names
        given = self._guess.columns.genes
        return SpotColumns.of({**chosen, "genes": given or ALL_OTHERS})

    def _problem(self) -> str:
        """Return what is still missing, '' for nothing."""
        columns, unit = self.columns(), self.units.currentData()
        names = list(columns.chosen.values())
        own_file = self.genes.currentData() == _OWN_FILE
        problems = {
            "Choose the columns of x and y.": not (columns.x and columns.y),
            "One column is chosen for two things.": len(set(names)) < len(names),
            "Positions on the array need both columns, or none.": (
                bool(columns.array_col) != bool(columns.array_row)
            ),
            "Are x and y pixels of the slide, or µm?": not unit,
            "Places in µm need the slide's pixel size: open the slide and set it first.": (
                unit == "um" and getattr(self._slide, "mpp", None) is None
            ),
            "Choose the file of counts.": own_file and self._counts is None,
            "Counts in another file are found by the spots' names: choose their column.": (
                own_file and not columns.id
            ),
        }
        return next((text for text, wrong in problems.items() if wrong), "")

    def _extent(self) -> tuple[str, str]:
        """Return a kind of notice and a sentence: where the first rows' spots lie."""
        columns, um = self.columns(), self.units.currentData() == "um"
        x, y = (np.array(self._look.numbers(name)) for name in (columns.x, columns.y))
        good = np.isfinite(x) & np.isfinite(y)
        if not good.any():
            return "warning", "These columns hold no numbers in the first rows."
        x, y, unit = x[good], y[good], "µm" if um else "px"
        text = (
            f"First {len(x)} spots: x {x.min():,.0f} to {x.max():,.0f} {unit}, "
            f"y {y.min():,.0f} to {y.max():,.0f} {unit}."
        )
        if self._slide is None:
            return "hint", text
        scale = self._slide.mpp if um else 1.0
        height, width = self._slide.shape
        inside = np.mean((x >= 0) & (y >= 0) & (x < width * scale) & (y < height * scale))
        if inside == 1:
            return "done", f"{text} All of them lie on the slide."
        return "warning", (
            f"{text} {inside:.0%} of them lie on the slide, which is {width * scale:,.0f} by "
            f"{height * scale:,.0f} {unit}: are columns and unit right?"
        )

    # ---- showing -------------------------------------------------------------------------

    def _show_state(self) -> None:
        columns = SpotColumns.of(
            {**{r: b.currentData() for r, b in self.roles.items()}, "genes": "*"}
        )
        genes = columns.gene_names(self._look.names, self._look.numeric)
        self.genes.setItemText(1, f"the other columns of numbers ({len(genes)})")
        self.counts_button.setVisible(self.genes.currentData() == _OWN_FILE)
        if self._counts is not None:
            self.counts_button.setText(self._counts.name)
        problem = self._problem()
        kind, text = ("warning", problem) if problem else self._extent()
        self.notice.say(kind, text)
        self.read_button.setEnabled(not problem)
        self.read_button.setToolTip(problem or "Read the spots with these columns.")
        self._show_preview(set(genes) if self.genes.currentData() == ALL_OTHERS else set())

    def _show_preview(self, genes: set[str]) -> None:
        titles = {name: _ROLES[role][0] for role, name in self.columns().chosen.items()}
        names = self._look.names[:_COLUMNS_SHOWN]
        self.preview.setHorizontalHeaderLabels(
            [f"{titles.get(name, 'gene' if name in genes else '·')}\n{name}" for name in names]
        )
        for place, name in enumerate(names):
            header = self.preview.horizontalHeaderItem(place)
            font = header.font()
            font.setBold(name in titles)
            header.setFont(font)
            header.setToolTip(name)
            for row, cells in enumerate(self._look.rows[:_ROWS_SHOWN]):
                hidden = self._hides_values and self._look.numeric[place] and name not in titles
                text = "hidden" if hidden else cells[place] if place < len(cells) else ""
                item = QTableWidgetItem(text)
                item.setForeground(self.palette().text())
                self.preview.setItem(row, place, item)
        self.preview.resizeColumnsToContents()

    # ---- answering -----------------------------------------------------------------------

    def _ask_counts(self) -> None:
        patterns = "Counts (*.csv *.tsv *.txt *.gz *.parquet *.h5 *.mtx);;All files (*)"
        folder = str(self._look.path.parent)
        path, _ = QFileDialog.getOpenFileName(self, "Choose the counts", folder, patterns)
        if path:
            self._counts = Path(path)
            if "matrix.mtx" in self._counts.name:  # 10x Genomics' folder is what is read
                self._counts = self._counts.parent
            self._show_state()

    def _read(self) -> None:
        decimal = self._look.form.decimal if self._look.form is not None else None
        options = SpotOptions(self.columns(), self.units.currentData(), decimal)
        own = self.genes.currentData() == _OWN_FILE
        self.answered.emit(options, self._counts if own else None, self.keep.isChecked())
        self.accept()


def _make_box(tooltip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tooltip)
    box.setMinimumContentsLength(14)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
