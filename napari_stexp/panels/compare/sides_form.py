"""Which two sides are compared: a class, a region or chosen spots, and what beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.widgets import ignore_idle_wheel, make_row
from napari_stexp.session import SELECTED_REGIONS, SELECTED_SPOTS

if TYPE_CHECKING:
    from napari_stexp.panels.compare.compare_tasks import SidesChoice

__all__ = ["SidesForm"]

_ONE_HELP = (
    "The side whose genes are looked for: a class, the region that is selected (one just drawn "
    "is), or spots that were chosen with the tool Select spots, in a plot or a table."
)
_OTHER_HELP = (
    "What it is compared with. All other classes: only spots that have one. Everything else: "
    "spots without a class, too."
)
_MARGIN_HELP = (
    "Spots whose centre is this near the border are left out: a spot of 100 µm on the border "
    "holds cells of both sides."
)


class SidesForm(QWidget):
    """Chooses the sides; every change is told."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._classes: list[str] = []
        self.one_box = _make_box(_ONE_HELP)
        self.other_box = _make_box(_OTHER_HELP)
        self.margin_box = ignore_idle_wheel(QDoubleSpinBox())
        self.margin_box.setRange(0, 5000)
        self.margin_box.setDecimals(0)
        self.margin_box.setSingleStep(25)
        self.margin_box.setSuffix(" µm")
        self.margin_box.setKeyboardTracking(False)
        self.margin_box.setToolTip(_MARGIN_HELP)
        self.predicted_button = QRadioButton("predicted")
        self.predicted_button.setToolTip("Compare what the model predicts.")
        self.measured_button = QRadioButton("measured")
        self.measured_button.setToolTip("Compare what was measured, on the prediction's scale.")
        self._sources = QButtonGroup(self)
        for button in (self.predicted_button, self.measured_button):
            self._sources.addButton(button)
            button.clicked.connect(self._on_source)
        self.predicted_button.setChecked(True)
        self._source_is_chosen = False
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, box in (
            ("Genes of", self.one_box),
            ("against", self.other_box),
            ("Margin", self.margin_box),
        ):
            label = QLabel(name)
            label.setToolTip(box.toolTip())
            form.addRow(label, box)
        self._values = QLabel("Values")
        form.addRow(self._values, make_row(self.predicted_button, self.measured_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        self.one_box.activated.connect(self._on_one)
        self.other_box.activated.connect(lambda _at: self.changed.emit())
        self.margin_box.valueChanged.connect(lambda _value: self.changed.emit())

    # ---- showing -------------------------------------------------------------------------

    def show_choices(self, classes: list[str], *, regions: int, spots: int) -> None:
        """Offer classes, and what is selected.

        Parameters
        ----------
        classes : list of str
            Classes that spots have.
        regions, spots : int
            How many are selected.
        """
        self._classes = list(classes)
        items: list[tuple[str, Any]] = [(name, (name,)) for name in classes]
        if regions:
            words = "the selected region" if regions == 1 else f"the {regions} selected regions"
            items.append((words, (SELECTED_REGIONS,)))
        if spots:
            items.append((f"the {spots:,} selected spots", (SELECTED_SPOTS,)))
        _fill(self.one_box, items)
        self._fill_other()

    def show_sources(self, *, predicted: bool, measured: bool) -> None:
        """Offer the sources of values that there are."""
        both = predicted and measured
        for widget in (self._values, self.predicted_button, self.measured_button):
            widget.setVisible(both)
        if not both or not self._source_is_chosen:
            (self.predicted_button if predicted else self.measured_button).setChecked(True)

    def _fill_other(self) -> None:
        one = self.one
        others = [name for name in self._classes if name != one]
        items: list[tuple[str, Any]] = []
        if one in self._classes and others:
            items.append(("all other classes", (None,)))
        items.append(("everything else", ("",)))
        items.extend((name, (name,)) for name in others)
        _fill(self.other_box, items if one is not None else [])

    # ---- asking --------------------------------------------------------------------------

    def _on_one(self, _at: int) -> None:
        self._fill_other()
        self.changed.emit()

    def _on_source(self, _on: bool = False) -> None:
        self._source_is_chosen = True
        self.changed.emit()

    @property
    def one(self) -> str | None:
        """The one side; None where there is nothing to choose."""
        found = self.one_box.currentData()
        return None if found is None else str(found[0])

    @property
    def choice(self) -> SidesChoice | None:
        """Both sides and the margin; None where there is nothing to choose."""
        one, other = self.one, self.other_box.currentData()
        if one is None or other is None:
            return None
        return one, other[0], float(self.margin_box.value())

    @property
    def source(self) -> str:
        """'predicted' or 'measured'."""
        return "measured" if self.measured_button.isChecked() else "predicted"


def _make_box(tooltip: str) -> QComboBox:
    box: QComboBox = ignore_idle_wheel(QComboBox())
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _fill(box: QComboBox, items: list[tuple[str, Any]]) -> None:
    """Offer these, and keep what was chosen while it is among them."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, data in items:
        box.addItem(text, data)
    keys = [data for _, data in items]
    box.setCurrentIndex(keys.index(chosen) if chosen in keys else (0 if items else -1))
    box.blockSignals(False)
