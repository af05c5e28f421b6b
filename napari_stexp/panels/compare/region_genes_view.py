"""Which genes mark a region: the two sides, the table, and the shown gene per class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from napari_stexp.errors import StexpError
from napari_stexp.panels.compare.sides_form import SidesForm
from napari_stexp.panels.plots.class_plot import draw_classes
from napari_stexp.panels.plots.column_table import Column, ColumnTable, decimals, p_value
from napari_stexp.panels.plots.plot import Plot
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.compare import RegionGenes, Sides
    from napari_stexp.panels.compare.compare_panel import ComparePanel

__all__ = ["RegionGenesView"]

_COLUMNS = (
    Column("gene", "Gene", "The gene."),
    Column(
        "difference",
        "Δ mean",
        "Mean inside less mean outside, of log10(1 + expression).",
        decimals(2, signed=True),
        50,
        falling=True,
    ),
    Column(
        "log2_fold_change",
        "log2FC",
        "Log2 of the ratio of the two means, as scanpy defines it. 1 is twice as much.",
        decimals(2, signed=True),
        52,
        falling=True,
    ),
    Column(
        "auroc",
        "AUROC",
        "The chance that a spot inside has more than one outside: 1 always, 0.5 as often as "
        "not, 0 never.",
        decimals(2),
        52,
        falling=True,
    ),
    Column("p", "p", "Wilcoxon's rank-sum test, two-sided.", p_value, 44),
    Column("q", "q", "p adjusted for the number of genes (Benjamini and Hochberg).", p_value, 44),
)
_PLOT_PX, _TABLE_PX = 175, 120
_SOON_MS = 120


class RegionGenesView(QWidget):
    """Asks for two sides, and shows what marks them.

    Parameters
    ----------
    panel : ComparePanel
        Whose part it is.
    """

    def __init__(self, panel: ComparePanel) -> None:
        super().__init__()
        self._panel, self._control, self._session = panel, panel.control, panel.session
        self._shown: RegionGenes | None = None
        self.form = SidesForm()
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.counts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.button = make_button(
            "Rank genes", "Compare every gene between the two sides.", self._ask_rank
        )
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(5)
        self.column.addWidget(self.form)
        self.column.addWidget(self.counts)
        self.column.addWidget(self.button)
        panel.add_area("rank", "ranking the genes", self.column)
        self._build_result()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self._ask_counts)
        self.form.changed.connect(self._timer.start)
        self._control.sides_found.connect(self._on_sides)

    def _build_result(self) -> None:
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.title.setStyleSheet("QLabel { font-weight: 700; margin-top: 4px; }")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a gene …")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show the genes whose name holds this.")
        self.save_button = make_button("CSV…", "Save the whole table.", self._ask_save)
        self.tools = QWidget()
        self.tools.setLayout(make_row(self.search, self.save_button, stretch=0))
        self.table = ColumnTable(_COLUMNS, "Click a gene to see it on the slide.")
        self.table.setMinimumHeight(_TABLE_PX)
        self.plot = Plot(
            _PLOT_PX,
            "The shown gene in each class: median, quartiles, 5th to 95th percentile; with the "
            "number of spots.",
            self._control.plots,
        )
        self.caution = Notice("warning")
        for widget in (self.title, self.caution, self.tools):
            self.column.addWidget(widget)
        self.column.addWidget(self.table, 1)
        self._panel.add_area("table", "writing the table", self.column)
        self.column.addWidget(self.plot)
        self.search.textChanged.connect(self.table.search)
        self.table.chosen.connect(self._on_chosen)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what can be compared, and what was found."""
        session, busy = self._session, self._panel.controller.busy("rank")
        source = session.labelling.source_now
        classes = [] if source is None else self._panel.classes
        n_spots = 0 if session.selection is None else int(session.selection.sum())
        self.form.show_choices(classes, regions=len(session.regions.selected), spots=n_spots)
        self.form.show_sources(
            predicted=session.prediction is not None, measured=session.has_measurement
        )
        there = self.form.choice is not None
        self.form.setEnabled(there)
        self.button.setEnabled(there and not busy)
        self.button.setText("Ranking …" if busy else "Rank genes")
        self._timer.start()
        self.show_result()

    def show_result(self) -> None:
        """Show the table of genes, and the gene."""
        ranked = self._session.comparison.genes
        fresh = ranked is not self._shown
        if fresh:
            self._shown = ranked
            self._fill(ranked)
        self.title.setText("" if ranked is None else self._describe(ranked))
        for widget in (self.title, self.caution, self.tools, self.table):
            widget.setVisible(ranked is not None)
        self.show_gene(scroll=not fresh)

    def _describe(self, ranked: RegionGenes) -> str:
        sides, others = ranked.sides, self._session.comparison.other_labels("genes")
        text = (
            f"{sides.name_inside} ({ranked.n_inside:,}) against {sides.name_outside} "
            f"({ranked.n_outside:,}), {ranked.source}, per {ranked.scale}"
        )
        return f"{text}; found with the labels “{others}”" if others else text

    def _fill(self, ranked: RegionGenes | None) -> None:
        if ranked is None:
            return
        table = ranked.table
        self.caution.say("warning", ranked.caution.partition(". ")[0].rstrip(".") + ".")
        self.caution.setToolTip(ranked.caution)
        self.search.clear()
        self.table.show_values(
            {"gene": table.index.to_numpy(dtype=object)}
            | {column.key: table[column.key].to_numpy() for column in _COLUMNS[1:]}
        )

    def show_gene(self, *, scroll: bool = True) -> None:
        """Mark the shown gene in the table, in view or where the table is now, and draw it."""
        session, source = self._session, self._session.labelling.source_now
        gene = session.gene
        if self._shown is not None and gene is not None:
            found = self._shown.table.index.get_indexer([gene])
            self.table.mark(int(found[0]), scroll=scroll)
        values = session.values()
        if values is None or source is None or gene is None:
            self.plot.show_plot(None)
            return
        draw = partial(
            draw_classes,
            values=values.copy(),
            labels=source.values,
            colours=source.colours,
            title=f"{gene}, {session.source}",
            unit=session.value_unit,
        )
        self.plot.show_plot(draw)

    def _on_sides(self, found: Sides | StexpError | None) -> None:
        if isinstance(found, StexpError):
            self.counts.setText(found.message)
        elif found is not None:
            inside, outside = int(found.inside.sum()), int(found.outside.sum())
            text = f"{count(inside, 'spot')} in {found.name_inside}, {outside:,} in "
            text += found.name_outside
            if found.n_left_out:
                text += f"; {found.n_left_out:,} left out at the border"
            self.counts.setText(text + ".")
        self.counts.setVisible(found is not None)

    # ---- asking --------------------------------------------------------------------------

    def _ask_counts(self) -> None:
        choice = self.form.choice
        if choice is not None and not self._session.hides_values:
            self._control.count_sides(choice)
        else:
            self._on_sides(None)

    def _ask_rank(self) -> None:
        if (choice := self.form.choice) is not None:
            self._control.rank(choice, self.form.source)

    def _on_chosen(self, item: int) -> None:
        if self._shown is not None and item >= 0:
            self._panel.gene_requested.emit(str(self._shown.table.index[item]))

    def _ask_save(self) -> None:
        if self._shown is None:
            return
        name = f"genes_{self._shown.sides.name_inside}.csv".replace(" ", "_").replace("/", "_")
        if path := self._panel.ask_save("Save the table", name, "Table (*.csv)"):
            self._control.save_table(Path(path) if path.suffix else path.with_suffix(".csv"))

    def top_genes(self, number: int) -> list[str]:
        """Return the genes that mark the one side most, as far as they are known."""
        if self._shown is None:
            return []
        table: Any = self._shown.table
        higher = table[np.asarray(table["auroc"]) > 0.5]
        return [str(gene) for gene in higher.index[:number]]
