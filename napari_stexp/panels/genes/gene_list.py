"""Search box and list of genes; the arrow keys step through it from either."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.genes.gene_model import (
    COLUMN_NAMES,
    GENE,
    MEAN,
    MORAN,
    NUMBERS,
    SCORE,
    GeneTableModel,
)
from napari_stexp.panels.genes.gene_table import GeneTable
from napari_stexp.panels.genes.gene_words import describe_nothing
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import ignore_idle_wheel, make_row

if TYPE_CHECKING:
    from napari_stexp.gene import GeneNames

__all__ = ["GeneList"]

_CHOICE_PX = 76
_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}

_ALL, _FAVOURITES, _RECENT = "all", "favourites", "recent"
_NOTHING = {
    _FAVOURITES: "No favourites among these genes yet: click the star beside a gene.",
    _RECENT: "None of these genes was shown yet.",
}


class GeneList(QWidget):
    """Searchable, sortable list of genes with one current gene."""

    gene_requested = Signal(str)
    star_requested = Signal(str)  # give it, or take it away
    columns_requested = Signal(object)  # names as in `Session.gene_table`
    morans_i_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = GeneTableModel(self)
        self.table = GeneTable(self.model)
        self._build_top()
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(make_row(self.search, self.choice, self.menu_button, stretch=0))
        layout.addWidget(self.table, 1)
        layout.addWidget(self.line)
        self._gene: str | None = None
        self._choosing = False
        self._chosen_columns: set[int] | None = None
        self._marks: dict[str, Sequence[str]] = {_FAVOURITES: (), _RECENT: ()}
        self._connect()
        self._show_columns()

    def _build_top(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a gene …  (↑ ↓ step)")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip(
            "Type a part of a gene's name, a common name such as HER2 or Ki-67, or an Ensembl "
            "id. Arrow keys step through the genes, Enter takes the first one."
        )
        self.choice = ignore_idle_wheel(QComboBox())
        for words, kind in (("All", _ALL), ("★", _FAVOURITES), ("Recent", _RECENT)):
            self.choice.addItem(words, kind)
        self.choice.setToolTip("Which genes are listed: all, your favourites (★), or recent ones.")
        self.choice.setFixedWidth(_CHOICE_PX)
        self.menu_button = QToolButton()
        self.menu_button.setText("⋯")
        self.menu_button.setToolTip("Sort the genes, and choose what is listed beside them.")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0; }")
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.menu_button.setMenu(self.menu)

    def _connect(self) -> None:
        self.search.installEventFilter(self)
        self.search.textChanged.connect(self._on_search)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.table.star_clicked.connect(self.star_requested)
        self.table.typed.connect(self._on_typed)
        self.table.menu_requested.connect(self._add_to_menu)
        header = self.table.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(
            lambda place: self.menu.exec(header.mapToGlobal(place))
        )

    # ---- content -------------------------------------------------------------------------

    def set_genes(self, genes: list[str]) -> None:
        """List these genes."""
        self._quietly(self.model.set_genes, genes)

    def set_names(self, names: GeneNames) -> None:
        """Let the genes be found by their other names, too."""
        self._quietly(self.model.set_names, names)

    def set_marks(self, favourites: Sequence[str], recent: Sequence[str]) -> None:
        """Show which genes are favourites, and which were shown last."""
        marks: dict[str, Sequence[str]]
        marks = {_FAVOURITES: sorted(favourites, key=str.casefold), _RECENT: recent}
        self.model.set_stars(favourites)
        kind = self.choice.currentData()
        if kind in marks and marks[kind] != self._marks[kind]:
            self._marks = marks
            self._on_choice()
        self._marks = marks

    def show_gene(self, gene: str | None) -> None:
        """Mark a gene as the current one, without asking for it."""
        self._gene = gene
        row = self.model.row(gene)
        if not (self._choosing and row == self.table.currentIndex().row()):
            self.table.mark(row)  # else Qt is about to select it, or to add it to the selected

    def show_numbers(self, table: Any) -> None:
        """Show a `Session.gene_table`: means, and what else is known."""
        self.model.set_numbers(
            {
                column: table[name].to_numpy() if name in table.columns else None
                for column, name in COLUMN_NAMES.items()
            }
        )
        self._show_columns()

    def selected_genes(self) -> list[str]:
        """Return the selected genes, in the order of the list."""
        return self.table.selected_genes()

    def top_genes(self, n: int) -> list[str]:
        """Return the first ``n`` genes of the list as it is sorted and filtered."""
        rows = range(min(n, self.model.rowCount()))
        return [gene for row in rows if (gene := self.model.gene(row)) is not None]

    def _quietly(self, change: Any, *arguments: Any) -> None:
        """Change the list without taking the row that moves under the cursor for a choice."""
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        change(*arguments)
        selection.blockSignals(False)
        self._show_line()
        self.show_gene(self._gene)
        self.table.reveal()

    def _show_line(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        kind = self.choice.currentData()
        if not total:
            words = ""
        elif shown == total:
            words = count(total, "gene")
        elif shown:
            words = f"{shown:,} of {count(total, 'gene')}"
        elif kind in _NOTHING and not self.search.text().strip():
            words = _NOTHING[kind]
        else:
            typed = self.search.text().strip()
            words = describe_nothing(typed, total, in_part=self.model.has_subset)
        self.line.setText(words)

    # ---- columns and order ---------------------------------------------------------------

    def show_columns(self, names: Collection[str]) -> None:
        """Show these numbers beside the genes, as `Session.gene_table` calls them; () for usual."""
        chosen = {column for column, name in COLUMN_NAMES.items() if name in names}
        self._chosen_columns = chosen or None
        self._show_columns()

    def _show_columns(self) -> None:
        usual = {MEAN} | ({SCORE} if self.model.has_numbers(SCORE) else set())
        self.table.show_columns(usual if self._chosen_columns is None else self._chosen_columns)

    @property
    def wants_morans_i(self) -> bool:
        """Whether Moran's I is listed."""
        return not self.table.isColumnHidden(MORAN)

    def sort_by(self, column: int) -> None:
        """Sort by a column, shown from now on: names from A, numbers from the highest."""
        if column in NUMBERS and self.table.isColumnHidden(column):
            self._ask_columns(self.table.shown_columns() | {column})
        down = column in NUMBERS
        order = Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder
        self.table.sortByColumn(column, order)

    def _ask_columns(self, columns: set[int]) -> None:
        names = [COLUMN_NAMES[column] for column in sorted(columns)]
        self.show_columns(names)
        self.columns_requested.emit(names)
        if MORAN in columns and not self.model.has_numbers(MORAN):
            self.morans_i_requested.emit()

    def _fill_menu(self) -> None:
        self.menu.clear()
        self._add_title("Sort by")
        for column in (GENE, *NUMBERS):
            action = self.menu.addAction(self.model.titles[column])
            action.setToolTip(self.model.tooltips[column].replace(" Click to sort.", ""))
            action.triggered.connect(lambda _=False, column=column: self.sort_by(column))
        self.menu.addSeparator()
        self._add_title("Columns")
        shown = self.table.shown_columns()
        for column in NUMBERS:
            action = self.menu.addAction(self.model.titles[column])
            action.setToolTip(self.model.tooltips[column].replace(" Click to sort.", ""))
            action.setCheckable(True)
            action.setChecked(column in shown)
            action.triggered.connect(
                lambda _=False, column=column: self._ask_columns(shown ^ {column})
            )

    def _add_title(self, words: str) -> None:
        """Add a line to the menu that can't be chosen: napari's themes hide those of sections."""
        self.menu.addAction(words).setEnabled(False)

    def _add_to_menu(self, menu: QMenu) -> None:
        for gene in self.selected_genes()[:1]:
            known = gene in self._marks[_FAVOURITES]
            words = "Remove from favourites" if known else "Add to favourites"
            menu.addAction(words).triggered.connect(self._star_selected)

    def _star_selected(self) -> None:
        """Give all that is selected a star, or take it away, as the first one needs it."""
        genes = self.selected_genes()
        favourites = self._marks[_FAVOURITES]
        known = genes[:1] != [] and genes[0] in favourites
        for gene in genes:
            if (gene in favourites) == known:
                self.star_requested.emit(gene)

    # ---- stepping and searching ----------------------------------------------------------

    def step(self, steps: int) -> None:
        """Go ``steps`` genes down the list (up if negative), from the current one."""
        rows = self.model.rowCount()
        if not rows:
            return
        row = self.table.currentIndex().row()
        target = (0 if steps > 0 else rows - 1) if row < 0 else row + steps
        self.table.selectRow(min(max(target, 0), rows - 1))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Step through the list from the search box."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            if event.key() in _STEPS:
                self.step(_STEPS[event.key()])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.model.rowCount():
                self.table.selectRow(0)
                return True
        return super().eventFilter(watched, event)

    def _on_search(self, text: str) -> None:
        self._quietly(self.model.set_filter, text)

    def _on_typed(self, letters: str) -> None:
        self.search.setFocus()
        self.search.setText(letters)

    def _on_choice(self, _index: int = 0) -> None:
        kind = self.choice.currentData()
        self._quietly(self.model.set_subset, self._marks.get(kind))

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        gene = self.model.gene(current.row()) if current.isValid() else None
        if gene is not None and gene != self._gene:
            self._gene = gene
            self._choosing = True
            self.gene_requested.emit(gene)
            self._choosing = False
