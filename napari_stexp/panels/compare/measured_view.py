"""Measured next to predicted: side by side on the slide, gene by gene, spot by spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.panels.plots.column_table import Column, ColumnTable, decimals, p_value
from napari_stexp.panels.plots.scatter import PairWords, Scatter, describe_pairs
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Notice, make_button

if TYPE_CHECKING:
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.panels.compare.compare_panel import ComparePanel

__all__ = ["MeasuredView"]

_COLUMNS = (
    Column("gene", "Gene", "The gene."),
    Column(
        "pcc",
        "r",
        "Pearson's correlation of predicted and measured over the spots.",
        decimals(3),
        62,
        falling=True,
    ),
    Column("mse", "MSE", "Mean squared error, in squared units of the values.", decimals(3), 62),
    Column("q", "q", "p of r, adjusted for the number of genes.", p_value, 60),
)
_TABLE_PX = 170


class MeasuredView(QWidget):
    """Shows the measurement beside the prediction.

    Parameters
    ----------
    panel : ComparePanel
        Whose part it is.
    """

    def __init__(self, panel: ComparePanel) -> None:
        super().__init__()
        self._panel, self._control, self._session = panel, panel.control, panel.session
        self._shown: EvaluationResult | None = None
        self._genes: Any = None  # of the table's rows
        self.side_check = QCheckBox("side by side, with the difference")
        self.side_check.setToolTip(
            "Three views of the slide that move together, with the same gene and the same colour "
            "limits; the third shows predicted less measured."
        )
        self.scatter = Scatter(panel.control.plots)
        self.none_button = make_button(
            "Select no spots",
            "Take the selection of spots back.",
            lambda: self._control.select(None),
        )
        self.button = make_button(
            "Score all genes",
            "Correlation and error of every gene that was both predicted and measured.",
            self._control.score,
        )
        self.summary = Notice("hint")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a gene …")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show the genes whose name holds this.")
        self.table = ColumnTable(_COLUMNS, "Click a gene to see it on the slide and above.")
        self.table.setMinimumHeight(_TABLE_PX)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(5)
        for widget in (self.side_check, self.scatter, self.none_button, self.button):
            self.column.addWidget(widget)
        panel.add_area("scores", "scoring the genes", self.column)
        self.column.addWidget(self.summary)
        self.column.addWidget(self.search)
        self.column.addWidget(self.table, 1)
        self.side_check.clicked.connect(self._control.show_side_by_side)
        self.scatter.lassoed.connect(self._control.select)
        self.search.textChanged.connect(self.table.search)
        self.table.chosen.connect(self._on_chosen)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what there is to compare, and what was found."""
        busy = self._panel.controller.busy("scores")
        self.side_check.setChecked(self._session.comparison.side_by_side)
        self.button.setEnabled(not busy)
        self.button.setText("Scoring …" if busy else "Score all genes")
        self.show_gene()
        self.show_result()

    def show_gene(self) -> None:
        """Draw the shown gene, with the selected spots, and mark it in the table."""
        session = self._session
        gene = session.gene
        pair = None if gene is None else session.paired_values(gene)
        self.none_button.setVisible(session.selection is not None)
        if pair is None or gene is None:
            self.scatter.show_plot(None)
        else:
            unit = session.value_unit
            title = describe_pairs(gene, np.column_stack(pair).astype(np.float64))
            words = PairWords(title, f"measured, {unit}", f"predicted, {unit}", diagonal=True)
            self.scatter.show_pairs(*pair, session.selection, words, session.focus)
        if self._shown is not None and gene is not None:
            self.table.mark(int(self._genes.get_indexer([gene])[0]))

    def show_result(self) -> None:
        """Show the scores of all genes."""
        result = self._session.comparison.scores
        for widget in (self.search, self.table):
            widget.setVisible(result is not None)
        if result is not self._shown:
            self._shown = result
            self.summary.say("hint", describe_scores(result) if result is not None else "")
            if result is not None:
                self._fill(result)
        self.summary.setVisible(result is not None)

    def _fill(self, result: EvaluationResult) -> None:
        scale = result.scale
        scores = result.scores.sort_values(f"pcc_{scale}", ascending=False, kind="stable")
        self._genes = scores.index
        self.search.clear()
        self.table.show_values(
            {
                "gene": scores.index.to_numpy(dtype=object),
                "pcc": scores[f"pcc_{scale}"].to_numpy(),
                "mse": scores[f"mse_{scale}"].to_numpy(),
                "q": scores[f"q_{scale}"].to_numpy(),
            }
        )

    def _on_chosen(self, item: int) -> None:
        if self._shown is not None and item >= 0:
            self._panel.gene_requested.emit(str(self._genes[item]))


def describe_scores(result: EvaluationResult) -> str:
    """Return a sentence on all genes together."""
    scale = result.scale
    pcc: Any = result.scores[f"pcc_{scale}"].to_numpy(dtype=np.float64)
    q: Any = result.scores[f"q_{scale}"].to_numpy(dtype=np.float64)
    known = np.isfinite(pcc)
    mean = float(pcc[known].mean()) if known.any() else np.nan
    better = int(((q < 0.05) & (pcc > 0)).sum())
    text = (
        f"Mean r {mean:.3f} over {count(int(known.sum()), 'gene')}, per {scale}; {better:,} of "
        "them with r > 0 and q < 0.05."
    )
    if result.missing_genes:
        text += f" {len(result.missing_genes):,} predicted genes weren't measured."
    if result.n_unpredicted:
        text += f" {result.n_unpredicted:,} spots have no prediction."
    return text
