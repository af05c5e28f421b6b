"""How far domains of the expression agree with the labels, and where they don't."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_stexp.panels.compare.confusion_table import ConfusionTable
from napari_stexp.panels.plots.column_table import Column, ColumnTable, decimals
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    ignore_idle_wheel,
    make_button,
    make_heading,
)

if TYPE_CHECKING:
    from napari_stexp.compare import Agreement
    from napari_stexp.panels.compare.compare_panel import ComparePanel

__all__ = ["AgreementView", "describe_agreement"]

_COLUMNS = (
    Column("spot", "Spot", "The spot's barcode."),
    Column("label", "Label", "The pathologist's class.", None, 92),
    Column("matched", "Looks like", "The class that its domain is matched to.", None, 92),
    Column(
        "score",
        "Score",
        "1: in the middle of the other domain; 0: as near to its own class.",
        decimals(2, signed=True),
        48,
        falling=True,
    ),
)
_METHODS = {
    "kmeans": ("k-means", "Nine principal components, then k-means: the paper's protocol."),
    "leiden": ("Leiden", "Communities of the graph of similar spots."),
}
_TABLE_PX = 150


class AgreementView(QWidget):
    """Asks for domains, and compares them with the labels.

    Parameters
    ----------
    panel : ComparePanel
        Whose part it is.
    """

    def __init__(self, panel: ComparePanel) -> None:
        super().__init__()
        self._panel, self._control, self._session = panel, panel.control, panel.session
        self._shown: Agreement | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(5)
        self._build_form()
        self.button = make_button(
            "Find domains",
            "Divide the spots by their expression alone, and compare that with the labels.",
            self._ask,
        )
        self.column.addWidget(self.button)
        panel.add_area("agreement", "finding domains", self.column)
        self._build_result()

    def _build_form(self) -> None:
        self.method_box = ignore_idle_wheel(QComboBox())
        for method, (title, tooltip) in _METHODS.items():
            self.method_box.addItem(title, method)
            self.method_box.setItemData(self.method_box.count() - 1, tooltip, 3)
        self.method_box.setToolTip(
            "How spots are divided by their expression. k-means on nine principal components is "
            "the paper's protocol; Leiden finds communities of similar spots."
        )
        if find_spec("igraph") is None or find_spec("scanpy") is None:
            self.method_box.model().item(1).setEnabled(False)
            self.method_box.setToolTip(
                f"{self.method_box.toolTip()} Leiden needs packages that are not installed: "
                "pip install 'napari-stexp[train]'."
            )
        self.number_box = ignore_idle_wheel(QSpinBox())
        self.number_box.setRange(1, 30)
        self.number_box.setSpecialValueText("as many as classes")
        self.number_box.setToolTip("How many domains there are to be.")
        self.over_box = ignore_idle_wheel(QComboBox())
        self.over_box.addItem("labelled spots only", "labelled")
        self.over_box.addItem("all spots", "all")
        self.over_box.setToolTip(
            "Which spots are divided. The paper leaves out those without a label, and those "
            "labelled 'undetermined'. They are compared over labelled spots either way."
        )
        self.source_box = ignore_idle_wheel(QComboBox())
        self.source_box.setToolTip("Whether predicted or measured expression is divided.")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, box in (
            ("Method", self.method_box),
            ("Domains", self.number_box),
            ("Divide", self.over_box),
            ("Values", self.source_box),
        ):
            label = QLabel(name)
            label.setToolTip(box.toolTip())
            form.addRow(label, box)
        self.column.addLayout(form)

    def _build_result(self) -> None:
        self.facts = Facts()
        self.words = Notice("hint")
        self.confusion = ConfusionTable()
        self.confusion_title = make_heading("Classes and domains")
        self.spots_title = make_heading("Spots that disagree most")
        self.table = ColumnTable(_COLUMNS, "Click a spot to go there.")
        self.table.setMinimumHeight(_TABLE_PX)
        for widget in (self.facts, self.words, self.confusion_title, self.confusion,
                       self.spots_title):  # fmt: skip
            self.column.addWidget(widget)
        self.column.addWidget(self.table, 1)
        self.confusion.cell_chosen.connect(self._control.select_cell)
        self.table.chosen.connect(self._on_spot)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what can be found, and what was."""
        session, busy = self._session, self._panel.controller.busy("agreement")
        sources = ["predicted"] if session.prediction is not None else []
        sources += ["measured"] if session.has_measurement else []
        if [self.source_box.itemText(i) for i in range(self.source_box.count())] != sources:
            self.source_box.clear()
            self.source_box.addItems(sources)
        self.button.setEnabled(len(self._panel.classes) > 1 and not busy)
        self.button.setText("Finding domains …" if busy else "Find domains")
        self.show_result()

    def show_result(self) -> None:
        """Show the agreement that was found."""
        comparison = self._session.comparison
        agreement = comparison.agreement
        there = agreement is not None
        for widget in (self.confusion_title, self.spots_title, self.table):
            widget.setVisible(there)
        if agreement is not None:
            others = comparison.other_labels("agreement")
            known = f"Found with the labels “{others}”, not with those in use. " if others else ""
            self.words.say("hint", known + describe_agreement(agreement))
        if agreement is self._shown and there:
            return
        self._shown = agreement
        self.facts.show_facts(_facts_of(agreement) if agreement is not None else {})
        if agreement is None:
            self.words.say("hint", "")
        self.confusion.show_agreement(agreement)
        if agreement is not None:
            table = agreement.disagreement
            names = np.asarray(self._session.spots.obs_names, dtype=object)
            self.spots_title.setText(f"Spots that disagree most ({len(table):,})")
            self.table.show_values(
                {
                    "spot": names[table["spot"].to_numpy(dtype=np.intp)],
                    "label": table["label"].to_numpy(dtype=object),
                    "matched": table["matched"].to_numpy(dtype=object),
                    "score": table["score"].to_numpy(dtype=np.float64),
                }
            )

    # ---- asking --------------------------------------------------------------------------

    def _ask(self) -> None:
        number = self.number_box.value()
        self._control.find_domains(
            self.source_box.currentText(),
            self.method_box.currentData(),
            None if number == self.number_box.minimum() else number,
            self.over_box.currentData(),
        )

    def _on_spot(self, item: int) -> None:
        if self._shown is None or item < 0:
            return
        spot = int(self._shown.disagreement["spot"].iloc[item])
        mask: Any = np.zeros(self._session.spots.n_obs, dtype=bool)
        mask[spot] = True
        self._control.select(mask)
        self._panel.fly_to_spot(spot)


def _facts_of(agreement: Agreement) -> dict[str, str]:
    title = _METHODS[agreement.method][0]
    return {
        "ARI, NMI": f"{agreement.ari:.3f}, {agreement.nmi:.3f}",
        "Domains": f"{agreement.n_domains}, {title}, {agreement.source}, per {agreement.scale}",
        "Compared": f"{agreement.n_compared:,} spots; {agreement.n_left_out:,} left out",
    }


def describe_agreement(agreement: Agreement) -> str:
    """Return one sentence on what ARI and NMI say here."""
    chance = "no more than chance" if agreement.ari < 0.05 else "where 0 is chance"
    return (
        f"ARI {agreement.ari:.2f}, {chance} and 1 the same division. NMI {agreement.nmi:.2f}: the "
        "information that domains and labels share, 0 to 1; it isn't corrected for chance."
    )
