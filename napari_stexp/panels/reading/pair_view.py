"""The shown gene against another one, a dot per spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QStringListModel, Qt
from qtpy.QtWidgets import QCompleter, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.panels.plots.scatter import PairWords, Scatter
from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_stexp.panels.reading.plots_panel import PlotsPanel

__all__ = ["PairView", "describe_correlation"]

_MOST_OFFERED = 12


class PairView(QWidget):
    """Draws two genes, and selects the spots in a lasso.

    Parameters
    ----------
    panel : PlotsPanel
        Whose part it is.

    Attributes
    ----------
    other : str or None
        The gene of the other axis; the shown gene is that of the first.
    """

    def __init__(self, panel: PlotsPanel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.other: str | None = None
        self._names: tuple[str, ...] = ()
        self.hint = Notice("hint")
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setToolTip("The shown gene; choose another one in the tab Genes.")
        self.field = QLineEdit()
        self.field.setPlaceholderText("Another gene …")
        self.field.setToolTip("The gene of the other axis: type a part of its name, press Enter.")
        self.swap_button = make_button(
            "Swap", "Show the other gene on the slide, and plot this one against it.", self._swap
        )
        self.plot = Scatter(panel.controller.plots)
        self.none_button = make_button(
            "Select no spots", "Take the selection of spots back.", panel.select_none
        )
        self.words = Notice("hint")
        self._model = QStringListModel(self)
        self._complete()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.title)
        column.addLayout(make_row(self.field, self.swap_button, stretch=0))
        for widget in (self.hint, self.plot, self.none_button, self.words):
            column.addWidget(widget)
        column.addStretch(1)
        self.field.editingFinished.connect(self._on_typed)
        self.plot.lassoed.connect(panel.control.select)

    def _complete(self) -> None:
        completer = QCompleter(self._model, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(_MOST_OFFERED)
        completer.activated.connect(lambda _text: self._on_typed())
        self.field.setCompleter(completer)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw the two genes."""
        session = self._session
        names = (*session.signatures, *session.genes)
        if names != self._names:
            self._names = names
            self._model.setStringList(list(names))
        if self.other not in names or (self.other == session.gene and not self.field.hasFocus()):
            self.other = self._choose_other()
        if not self.field.hasFocus():
            self.field.setText(self.other or "")
        self.title.setText(f"{session.gene} against")
        x = session.shown_values()
        y = None if self.other is None else session.shown_values(self.other)
        self.none_button.setVisible(session.selection is not None)
        there = x is not None and y is not None
        self.hint.say("hint", "" if there else "There is no second gene to plot.")
        self.swap_button.setEnabled(there)
        if x is None or y is None:
            self.words.say("hint", "")
            self.plot.show_plot(None)
            return
        gene, other = str(session.gene), self.other
        words = PairWords(
            f"{gene} and {other}, {session.source}",
            f"{gene}, {session.unit_of(gene)}",
            f"{other}, {session.unit_of(other)}",
        )
        self.plot.show_pairs(x, y, session.selection, words, session.focus)
        self.words.say("hint", describe_correlation(x, y, session.selection))

    def _choose_other(self) -> str | None:
        """Return the best-scored or most variable gene that isn't the shown one.

        Of a large section whose means nobody has asked for yet, the first one.
        """
        session, ranked = self._session, list(self._session.genes)
        if session.expression is not None and session.expression.has_statistics:
            known = "score" in session.gene_table().columns
            ranked = session.rank_genes("score" if known else "variance")
        return next((gene for gene in ranked if gene != session.gene), None)

    # ---- asking --------------------------------------------------------------------------

    def _on_typed(self) -> None:
        wanted = self.field.text().strip().casefold()
        found = next((name for name in self._names if name.casefold() == wanted), None)
        if found is None:
            self.field.setText(self.other or "")
        elif found != self.other:
            self.other = found
            self._panel.refresh()

    def _swap(self) -> None:
        shown, other = self._session.gene, self.other
        if shown is not None and other is not None:
            self.other = shown
            self._panel.controller.set_gene(other)


def describe_correlation(
    x: NDArray[np.float32], y: NDArray[np.float32], chosen: NDArray[np.bool_] | None = None
) -> str:
    """Return Pearson's and Spearman's correlation in words, of all and of the chosen spots.

    Parameters
    ----------
    x, y : (N,) float array
        NaN for none.
    chosen : (N,) bool array, optional
        Some of the spots.
    """
    parts = [f"All spots: {_correlate(x, y)}"]
    if chosen is not None:
        parts.append(f"Selected: {_correlate(x[chosen], y[chosen])}")
    return "\n".join(parts)


def _correlate(x: NDArray[np.float32], y: NDArray[np.float32]) -> str:
    from scipy.stats import rankdata

    finite = np.isfinite(x) & np.isfinite(y)
    a, b = x[finite].astype(np.float64), y[finite].astype(np.float64)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return f"no correlation ({len(a):,} spots; a gene doesn't vary, or there are too few)"
    pearson = np.corrcoef(a, b)[0, 1]
    spearman = np.corrcoef(rankdata(a), rankdata(b))[0, 1]
    return f"Pearson r = {pearson:.3f}, Spearman r = {spearman:.3f}, {len(a):,} spots"
