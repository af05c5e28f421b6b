"""Which sections are trained on, which are held out, and by patient or by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QLabel,
    QRadioButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.text import count, join_words
from napari_stexp.panels.train.section_model import SECTION, TRAIN, SectionTableModel
from napari_stexp.panels.train.ticks import TickDelegate
from napari_stexp.panels.widgets import Notice, make_row

if TYPE_CHECKING:
    from napari_stexp.session import Training

__all__ = ["SectionList"]

_ROW_PX = 22
_MOST_ROWS = 8
_WIDTHS = (0, 52, 46, 44, 46, 40)


class SectionList(QWidget):
    """Shows sections with ticks, and says what that amounts to."""

    use_requested = Signal(str, str)
    split_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model = SectionTableModel(self)
        self.model.use_requested.connect(self.use_requested)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setToolTip("Tick what each section is for. Hover a title to read what it means.")
        self._set_up_table()
        self.patient_button = QRadioButton("whole patients")
        self.patient_button.setToolTip(
            "A tick counts for all sections of the patient, so that the model is tested on "
            "patients it has never seen. This is the honest test."
        )
        self.section_button = QRadioButton("single sections")
        self.section_button.setToolTip(
            "Sections are ticked one by one; others of the same patient may be trained on. So "
            "the paper did it. The scores come out higher than on a new patient."
        )
        group = QButtonGroup(self)
        for button, split in ((self.patient_button, "patient"), (self.section_button, "section")):
            group.addButton(button)
            button.clicked.connect(lambda _on=False, split=split: self.split_requested.emit(split))
        self.notice = Notice("hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addLayout(make_row(QLabel("Tick"), self.patient_button, self.section_button))
        layout.addWidget(self.notice)

    def _set_up_table(self) -> None:
        table = self.table
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        ticks = TickDelegate(table)
        for column in range(TRAIN, len(_WIDTHS)):
            table.setItemDelegateForColumn(column, ticks)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(30)
        for column, width in enumerate(_WIDTHS):
            if column == SECTION:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                header.resizeSection(column, width)

    def show_state(self, training: Training, locked: bool) -> None:
        """Show a training's sections."""
        rows = training.sections
        self.model.set_rows(rows)
        self.model.set_uses(training.uses)
        self.model.set_locked(locked)
        shown = min(max(len(rows), 2), _MOST_ROWS)
        title = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(title + shown * _ROW_PX + 4)
        self.patient_button.setChecked(training.split == "patient")
        self.section_button.setChecked(training.split == "section")
        for button in (self.patient_button, self.section_button):
            button.setEnabled(not locked)
        self.notice.say(*describe_uses(training))


def describe_uses(training: Training) -> tuple[str, str]:
    """Return a kind of notice and a sentence on what the ticks amount to."""
    lost = [row.name for row in training.sections if not row.usable]
    if len(lost) == len(training.sections):
        return "warning", "None of these sections can be used; hover a name to read why."
    train, test = training.names("train"), training.names("hold out")
    if not train:
        return "warning", "Tick at least one section to train on."
    spots = {row.name: row.n_spots or 0 for row in training.sections}
    total = sum(spots[name] for name in train)
    text = f"Trains on {count(len(train), 'section')}"
    text += f" ({count(total, 'spot')})" if total else ""
    if checks := training.names("validate"):
        text += f", checks on {join_words(checks, 4)}"
    if not test:
        alone = len({row.donor for row in training.sections if row.usable}) == 1
        text += ". Nothing is kept for a test, so nobody will know how good the model is"
        if alone and training.split == "patient" and len(train) > 1:
            text += "; all sections are of one patient: choose “single sections” to test on one"
        return "warning", f"{text}."
    text += f", tests on {join_words(test, 4)}."
    if lost:
        text += f" Can't be used: {join_words(lost, 3)}; hover the name to read why."
    if mixed := training.mixed_patients():
        who = f"Patient {mixed[0]} is" if len(mixed) == 1 else f"Patients {join_words(mixed)} are"
        return "warning", f"{text} {who} on both sides: the test will flatter the model."
    return "hint", text
