"""Signatures and marker panels: one click shows a score, another lists its genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QModelIndex, QPoint, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.gene import GeneMatch, GeneSet
from napari_stexp.panels.genes.gene_links import GeneLinks
from napari_stexp.panels.genes.paste_form import PasteForm
from napari_stexp.panels.genes.signature_model import GENES, NAME, SignatureModel
from napari_stexp.panels.text import join_words
from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_stexp.panels.genes.genes_panel import GenesPanel

__all__ = ["SignatureTable", "SignaturesView"]

_ROW_PX = 20
_ROWS = 7  # that are seen at once
_COUNT_PX = 92
_FILTER_FROM = 16  # rows from which on there is a box to search them
_FEW = 3  # known genes below which a score says little


class SignatureTable(QTableView):
    """The table of signatures.

    Parameters
    ----------
    match : callable
        Takes names of genes and returns which of them are known.
    """

    def __init__(self, match: Callable[[tuple[str, ...]], GeneMatch]) -> None:
        super().__init__()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("Click a signature to see its score; click its number to list its genes.")
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.model_ = SignatureModel(match, self)
        self.setModel(self.model_)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(GENES, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(GENES, _COUNT_PX)
        self.setFixedHeight(_ROWS * _ROW_PX + header.sizeHint().height() + 4)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter shows a signature, as a click does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.clicked.emit(self.model_.index(self.currentIndex().row(), NAME))
        else:
            super().keyPressEvent(event)


class SignaturesView(QWidget):
    """Lists signatures, adds, loads and removes them.

    Parameters
    ----------
    panel : GenesPanel
        Whose session is shown.
    """

    def __init__(self, panel: GenesPanel) -> None:
        super().__init__()
        self._panel = panel
        self.session, self._control = panel.session, panel.controller.signatures
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a signature, or one with a gene …")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Type a part of a signature's name, or a gene that is in it.")
        self.table = SignatureTable(self._match)
        self.links = GeneLinks()
        self.trouble = Notice("warning")
        self.form = PasteForm(self._match)
        self.paste_button = make_button(
            "Paste…", "Make a signature of a list of genes.", self.form.open
        )
        self.load_button = make_button(
            "Load GMT…", "Read gene sets from a GMT file, as MSigDB offers them.", self._ask_gmt
        )
        self.remove_button = make_button(
            "Remove", "Remove the selected signature; built-in panels stay.", self._remove
        )
        self._build(panel)
        self._listed: str | None = None
        self._connect(panel)
        self.refresh()

    def _build(self, panel: GenesPanel) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.search, self.table, self.trouble, self.links):
            layout.addWidget(widget)
        layout.addLayout(make_row(self.paste_button, self.load_button, self.remove_button))
        layout.addWidget(self.form)
        panel.add_area("scores of signatures", "the scoring", layout)
        panel.add_area("signatures", "this", layout)

    def _connect(self, panel: GenesPanel) -> None:
        self.search.textChanged.connect(self._on_search)
        self.table.clicked.connect(self._on_clicked)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.links.gene_requested.connect(self._control.show)
        self.form.add_requested.connect(self._add)
        session = self.session
        for signal in (
            session.signatures.changed, session.signatures.names_changed, session.spots_changed,
            session.prediction_changed, session.source_changed, session.values_hidden_changed,
        ):  # fmt: skip
            panel.watch(signal, self._on_content)
        panel.watch(session.gene_changed, self._on_gene)

    # ---- showing -------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Have other names of genes found once somebody looks."""
        super().showEvent(event)
        self._control.want_names()
        self.refresh()

    def _on_content(self, _: Any = None) -> None:
        if self.isVisibleTo(self._panel):
            self.refresh()

    def _on_gene(self, gene: str | None) -> None:
        self.table.model_.mark(gene)
        if gene in self.session.signatures:
            self._listed = gene
            self._select(gene)
        self._show_genes()

    def refresh(self) -> None:
        """Show what there is, and which genes are known of it."""
        rows = self._control.offered
        self.search.setVisible(len(rows) >= _FILTER_FROM)
        self.table.model_.set_rows(rows.values())
        self.table.model_.mark(self.session.gene)
        self._select(self._listed)
        self._show_genes()
        if self.form.isVisible():
            self.form.check()

    def _match(self, genes: tuple[str, ...]) -> GeneMatch:
        expression = self.session.expression
        if expression is None:
            return GeneMatch((), genes)
        return self.session.signatures.match(genes, expression)

    def _select(self, name: str | None) -> None:
        row = self.table.model_.find(name)
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        if row < 0:
            self.table.clearSelection()
        else:
            self.table.selectRow(row)
            self.table.scrollTo(self.table.model_.index(row, NAME))
        selection.blockSignals(False)
        self.table.viewport().update()

    def _row(self) -> GeneSet | None:
        """Return the signature whose genes are listed."""
        row = self.table.model_.find(self._listed)
        return None if row < 0 else self.table.model_.rows[row]

    def _show_genes(self) -> None:
        row = self._row()
        self.links.setVisible(row is not None)
        own = row is not None and not self._control.is_built_in(row.name)
        self.remove_button.setEnabled(own)
        self.trouble.say("warning", "" if row is None else self._describe_trouble(row))
        if row is not None:
            match = self.table.model_.match(row)
            self.links.show_genes(match.known, match.unknown, row.source)

    def _describe_trouble(self, row: GeneSet) -> str:
        """Say why a signature that is shown has no score, or one that says little."""
        expression, signatures = self.session.expression, self.session.signatures
        if row.name != self.session.gene or expression is None or self.session.hides_values:
            return ""
        known = self.table.model_.match(row).known
        if not known:
            return "None of its genes is known here, so that it has no score."
        scores = signatures.values(row.name, expression)
        if signatures.has_scores(row.name, expression) and not np.isfinite(scores).any():
            return "No score: there are too few other genes to compare it with, or no values yet."
        if len(known) < min(_FEW, len(row.genes)):
            verb = "is" if len(known) == 1 else "are"
            return (
                f"Only {join_words(known)} of its {len(row.genes)} genes {verb} known here: the "
                "score says little of the others."
            )
        return ""

    # ---- asking --------------------------------------------------------------------------

    def _on_search(self, text: str) -> None:
        self.table.model_.set_filter(text)
        self._select(self._listed)
        self._show_genes()

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._listed = self.table.model_.rows[current.row()].name
            self._show_genes()

    def _on_clicked(self, index: QModelIndex) -> None:
        row = self.table.model_.rows[index.row()]
        self._listed = row.name
        if index.column() == NAME and self.table.model_.match(row).known:
            self._control.show(row.name)
        self._show_genes()

    def _add(self, name: str, text: str) -> None:
        if self._control.add_pasted(name, text):
            self.form.hide()
            self._listed = list(self.session.signatures)[-1]
            self.refresh()

    def _ask_gmt(self) -> None:
        path = self._panel.ask_file("Load gene sets", "Gene sets (*.gmt);;All files (*)")
        if path is not None:
            self._control.load_gmt(path)

    def _remove(self) -> None:
        row = self._row()
        if row is not None and not self._control.is_built_in(row.name):
            self._control.remove([row.name])

    def menu(self) -> QMenu:
        """Return what can be done with the selected signature."""
        menu = QMenu(self)
        row = self._row()
        if row is None:
            return menu
        actions: dict[str, Callable[[], None]] = {
            "Show its score": lambda: self._control.show(row.name),
            "Copy its genes": lambda: _copy(", ".join(row.genes)),
        }
        if not self._control.is_built_in(row.name):
            actions["Remove"] = self._remove
        for text, act in actions.items():
            menu.addAction(text).triggered.connect(lambda _on=False, act=act: act())
        menu.actions()[0].setEnabled(bool(self.table.model_.match(row).known))
        return menu

    def _show_menu(self, place: QPoint) -> None:
        if self.table.indexAt(place).isValid():
            self.menu().popup(self.table.viewport().mapToGlobal(place))


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
