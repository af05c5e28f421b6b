"""The table of genes behind the list: searched and sorted in arrays, drawn row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QModelIndex, QObject, Qt

from napari_stexp.panels.text import short_number
from napari_stexp.panels.titled_model import TitledModel

if TYPE_CHECKING:
    from napari_stexp.gene import GeneNames

__all__ = ["COLUMN_NAMES", "GENE", "MEAN", "MORAN", "SCORE", "STAR", "VARIANCE", "GeneTableModel"]

STAR, GENE, MEAN, VARIANCE, MORAN, SCORE = range(6)
NUMBERS = (MEAN, VARIANCE, MORAN, SCORE)

#: Columns of `Session.gene_table`, by the column of the list that shows them.
COLUMN_NAMES = {MEAN: "mean", VARIANCE: "variance", MORAN: "morans_i", SCORE: "score"}

_TITLES = ("★", "Gene", "Mean", "Variance", "Moran's I", "Held-out r")
_TOOLTIPS = (
    "Favourites: click a star to keep a gene at hand, on every slide.",
    "Click to sort by name.",
    "Mean of the log values over the spots that have one. Click to sort.",
    "Variance of the log values over the spots: how much the gene differs from place to place. "
    "Click to sort.",
    "How far high and low spots lie together: near 1 for patches, about 0 without any pattern "
    "(Moran's I over each spot's neighbours, as squidpy defines it). Click to sort.",
    "How well this gene was predicted on sections that the model had not seen: Pearson "
    "correlation with the measurement, where the model's maker tested it. Click to sort.",
)


class GeneTableModel(TitledModel):
    """Genes with a star for favourites, mean, variance, Moran's I and held-out score.

    Filtering and sorting work on arrays, so that 40,000 genes answer at once;
    a proxy model would ask Python for every cell.
    """

    titles, tooltips = _TITLES, _TOOLTIPS

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._genes: list[str] = []
        self._folded: list[str] = []
        self._names: GeneNames | None = None
        self._by_name: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._index_of: dict[str, int] = {}
        self._columns: dict[int, NDArray[np.float64]] = {}
        self._stars: frozenset[str] = frozenset()
        self._subset: Sequence[str] | None = None
        self._rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._row_of: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._text = ""
        self._sorting = (GENE, Qt.SortOrder.AscendingOrder)

    # ---- content -------------------------------------------------------------------------

    def set_genes(self, genes: Sequence[str]) -> None:
        """Show these genes, of which nothing else is known yet."""
        self.beginResetModel()
        self._genes = list(genes)
        self._folded = [gene.casefold() for gene in self._genes]
        self._names = None
        order = sorted(range(len(genes)), key=self._folded.__getitem__)
        self._by_name = np.array(order, dtype=np.intp)
        self._index_of = {gene: i for i, gene in enumerate(self._genes)}
        self._columns = {column: np.full(len(genes), np.nan) for column in NUMBERS}
        self._arrange()
        self.endResetModel()

    def set_names(self, names: GeneNames) -> None:
        """Let genes be found by their other names, too; names of other genes are passed over."""
        if list(names.genes) == self._genes and names is not self._names:
            self._names = names
            if self._text:
                self._rearrange()

    def set_numbers(self, numbers: Mapping[int, NDArray[np.float64] | None]) -> None:
        """Set columns of numbers, None for unknown; rows change places only if they must."""
        unknown = np.full(len(self._genes), np.nan)
        for column, values in numbers.items():
            known = unknown if values is None else np.asarray(values, dtype=np.float64)
            self._columns[column] = known
        if not len(self._rows):
            return
        if self._sorting[0] in numbers:
            self._rearrange()
        else:
            last = self.index(max(0, self.rowCount() - 1), SCORE)
            self.dataChanged.emit(self.index(0, MEAN), last)

    def set_stars(self, genes: Collection[str]) -> None:
        """Mark favourites."""
        self._stars = frozenset(genes)
        if len(self._rows):
            self.dataChanged.emit(self.index(0, STAR), self.index(self.rowCount() - 1, STAR))

    def set_filter(self, text: str) -> None:
        """Show the genes one of whose names holds ``text``, whatever its case."""
        self._text = text.strip()
        self._rearrange()

    def set_subset(self, genes: Sequence[str] | None) -> None:
        """Show these genes alone, in this order unless sorted by a number; None for all."""
        self._subset = genes
        self._rearrange()

    def gene(self, row: int) -> str | None:
        """Return the gene in a row of the view."""
        return self._genes[self._rows[row]] if 0 <= row < len(self._rows) else None

    def row(self, gene: str | None) -> int:
        """Return the row that shows a gene, -1 if it is filtered out."""
        index = self._index_of.get(gene, -1) if gene is not None else -1
        return int(self._row_of[index]) if index >= 0 else -1

    @property
    def has_subset(self) -> bool:
        """Whether only some of the genes are let through, whatever the text."""
        return self._subset is not None

    @property
    def total(self) -> int:
        """How many genes there are without the filter."""
        return len(self._genes)

    def has_numbers(self, column: int) -> bool:
        """Whether anything is known in a column of numbers."""
        return bool(np.isfinite(self._columns.get(column, np.empty(0))).any())

    # ---- order ---------------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; genes without a number come last either way."""
        self._sorting = (GENE if column == STAR else column, order)
        self._rearrange()

    def _rearrange(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        genes = [self.gene(index.row()) for index in before]
        self._arrange()
        after = [
            self.index(row, index.column()) if (row := self.row(gene)) >= 0 else QModelIndex()
            for index, gene in zip(before, genes, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._sorting
        descending = order == Qt.SortOrder.DescendingOrder
        rows = self._candidates()
        if column in NUMBERS:
            numbers = self._columns[column][rows]
            key = np.where(np.isnan(numbers), np.inf, -numbers if descending else numbers)
            rows = rows[np.argsort(key, kind="stable")]
        elif descending:
            rows = rows[::-1]
        if self._text:
            rows = self._keep_found(rows, best_first=column not in NUMBERS)
        self._rows = rows
        self._row_of = np.full(len(self._genes), -1, dtype=np.intp)
        self._row_of[rows] = np.arange(len(rows))

    def _candidates(self) -> NDArray[np.intp]:
        """Return the genes that the subset lets through: by name, or in the subset's order."""
        if self._subset is None:
            return self._by_name
        found = (self._index_of.get(gene) for gene in self._subset)
        return np.array([index for index in found if index is not None], dtype=np.intp)

    def _keep_found(self, rows: NDArray[np.intp], *, best_first: bool) -> NDArray[np.intp]:
        """Keep the genes that match the text, those that are called just so before others."""
        if self._names is not None:
            found, ranks = self._names.search(self._text)
        else:
            found, ranks = _search_plainly(self._folded, self._text.casefold())
        rank = np.full(len(self._genes), -1, dtype=np.intp)
        rank[found] = ranks if best_first else np.minimum(ranks, 2)
        kept = rows[rank[rows] >= 0]
        return kept[np.argsort(rank[kept], kind="stable")]

    # ---- Qt ------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many genes pass the filter."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, its tooltip, or that numbers are sorted from the highest."""
        if role == Qt.ItemDataRole.InitialSortOrderRole and section in NUMBERS:
            return Qt.SortOrder.DescendingOrder.value
        return super().headerData(section, orientation, role)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, alignment or tooltip."""
        if not index.isValid():
            return None
        row, column = int(self._rows[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text_of(row, column)
        if role == Qt.ItemDataRole.ToolTipRole and column in (STAR, GENE):
            return self._tooltip_of(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column != GENE:
            side = Qt.AlignmentFlag.AlignHCenter if column == STAR else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _text_of(self, row: int, column: int) -> str:
        gene = self._genes[row]
        if column == STAR:
            return "★" if gene in self._stars else "☆"
        if column == GENE:
            reason = "" if self._names is None else self._names.reason(row, self._text)
            return f"{gene}  ({reason})" if reason else gene
        value = float(self._columns[column][row])
        if np.isnan(value):
            return "-"
        return short_number(value) if column in (MEAN, VARIANCE) else f"{value:.2f}"

    def _tooltip_of(self, row: int, column: int) -> str:
        gene = self._genes[row]
        if column == STAR:
            known = gene in self._stars
            return f"{gene} is a favourite. Click to drop it." if known else f"Keep {gene} at hand."
        others = () if self._names is None else self._names.others(row)
        return f"{gene}, also called {', '.join(others)}" if others else gene


def _search_plainly(folded: list[str], text: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find genes by a part of their name alone; see `GeneNames.search`."""
    found = [row for row, name in enumerate(folded) if text in name]
    ranks = [0 if folded[row] == text else 3 - folded[row].startswith(text) for row in found]
    return np.array(found, dtype=np.intp), np.array(ranks, dtype=np.intp)
