"""The session's view: which gene of which source is shown, its values and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import GeneListError, PredictionError, SpotsError
from napari_stexp.session.genes.composite import CompositeStyle
from napari_stexp.session.genes.display import DisplaySettings, effective_limits
from napari_stexp.session.genes.expression import find_scores, make_gene_table
from napari_stexp.session.genes.gene_values import GeneValues

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction

__all__ = ["MOST_CHANNELS", "Browsing"]

#: Red, green and blue.
MOST_CHANNELS = 3

_RANKINGS = ("score", "variance", "mean", "morans_i", "name")


class Browsing(GeneValues):
    """What is shown of the spots; the part of `Session` that panels and layers read most."""

    gene_changed = Signal(object)
    source_changed = Signal(str)
    display_changed = Signal(object)
    composite_changed = Signal(object)
    focus_changed = Signal(object)  # row of a spot, or None

    _spots: Any
    _bundle: ModelBundle | None
    _prediction: Prediction | None

    def __init__(self) -> None:
        super().__init__()
        self._display = DisplaySettings()
        self._source = "predicted"
        self._gene: str | None = None
        self._gene_is_chosen = False  # by the user
        self._default_is_settled = False
        self._composite: tuple[str, ...] = ()
        self._composite_style = CompositeStyle()
        self._focus: int | None = None
        self.signatures.changed.connect(self._drop_unknown)
        self.signatures.scores_changed.connect(self._on_scores)

    # ---- settings ------------------------------------------------------------------------

    @property
    def display(self) -> DisplaySettings:
        """How the active gene is drawn."""
        return self._display

    @display.setter
    def display(self, display: DisplaySettings) -> None:
        if display != self._display:
            self._display = display
            self.display_changed.emit(display)

    @property
    def source(self) -> str:
        """Which values are shown: 'predicted' or 'measured'."""
        return self._source

    @source.setter
    def source(self, source: str) -> None:
        if source == self._source:
            return
        if source == "predicted" and self._prediction is None:
            raise PredictionError("nothing has been predicted yet")
        if source == "measured" and not self.has_measurement:
            raise SpotsError("these spots come without measured counts")
        if source not in ("predicted", "measured"):
            raise ValueError(f"source must be 'predicted' or 'measured', not {source!r}")
        self._source = source
        old = self._gene
        self._settle_gene()
        self.source_changed.emit(source)
        if self._gene != old:
            self.gene_changed.emit(self._gene)

    @property
    def gene(self) -> str | None:
        """The active gene; None while there are no values to show.

        Choosing one ends a composite.
        """
        return self._gene

    @gene.setter
    def gene(self, gene: str) -> None:
        self._check_known(gene)
        self._gene_is_chosen = True
        before = (self._gene, self._composite)
        self._gene, self._composite = gene, ()
        if gene != before[0]:
            self.gene_changed.emit(gene)
        if before[1]:
            self.composite_changed.emit(())

    def keep_gene(self) -> None:
        """Take the active gene for the user's choice, whatever it was: no default follows it."""
        self._gene_is_chosen = self._gene is not None

    def _check_known(self, gene: str) -> None:
        """Raise where a name is neither a gene of the shown source nor a signature."""
        genes = () if self.expression is None else self.expression.genes
        if gene not in genes and gene not in self.signatures:
            raise GeneListError(f"{gene!r} is not among the {len(genes)} {self._source} genes")

    @property
    def composite(self) -> tuple[str, ...]:
        """Up to three genes or signatures shown at once as red, green and blue; mostly none."""
        return self._composite

    @composite.setter
    def composite(self, genes: Sequence[str]) -> None:
        genes = tuple(dict.fromkeys(genes))
        if len(genes) > MOST_CHANNELS:
            raise GeneListError("red, green and blue show three genes", found=len(genes))
        for gene in genes:
            self._check_known(gene)
        if genes != self._composite:
            self._composite = genes
            self.composite_changed.emit(genes)

    @property
    def composite_style(self) -> CompositeStyle:
        """How the genes of `composite` are mixed, and limits set by hand."""
        return self._composite_style

    @composite_style.setter
    def composite_style(self, style: CompositeStyle) -> None:
        if style != self._composite_style:
            self._composite_style = style
            self.composite_changed.emit(self._composite)

    def channel_limits(
        self, gene: str, compared: Sequence[NDArray[np.float32]] | None = None
    ) -> tuple[float, float]:
        """Return the ends of a gene's own scale in a composite, finite and low < high.

        Those set by hand in `composite_style` for the transform in use, else the
        percentiles of `display`: over all sources where limits are shared, else over
        what is shown.

        Parameters
        ----------
        gene : str
        compared : sequence of (N,) float arrays, optional
            What is shown of the gene beside each other; default: the shown source's values.
        """
        display = self._display
        by_hand = self._composite_style.limits.get((gene, display.transform))
        if by_hand is not None:
            return by_hand
        found: Sequence[NDArray[np.float32] | None]
        if display.limits_mode == "shared":
            found = self.values_everywhere(gene)
        else:
            found = [self.shown_values(gene)] if compared is None else compared
        values = [part for part in found if part is not None]
        free = replace(display, limits_mode="percentile")
        return effective_limits(np.concatenate(values) if values else None, free)

    @property
    def focus(self) -> int | None:
        """Row of the spot that was clicked last, None for none."""
        return self._focus

    def focus_spot(self, index: int | None) -> None:
        """Look at one spot: its profile is shown.

        Parameters
        ----------
        index : int or None
            Row of the spots.

        Raises
        ------
        SpotsError
            There is no such spot.
        """
        n = 0 if self._spots is None else self._spots.n_obs
        if index is not None and not 0 <= index < n:
            raise SpotsError("there is no such spot", expected=f"0 … {n - 1}", found=index)
        if index != self._focus:
            self._focus = index
            self.focus_changed.emit(index)

    # ---- ranking -------------------------------------------------------------------------

    def gene_table(self) -> pd.DataFrame:
        """Return the shown genes with 'mean', 'variance' and what else is known of them.

        That is Moran's I ('morans_i') once `start_morans_i` has found it, and the held-out
        'score'. While a prediction runs, mean and variance are over the spots so far.
        """
        import pandas as pd

        if self.expression is None:
            empty = pd.Index([], name="gene", dtype=object)
            return pd.DataFrame({"mean": [], "variance": []}, index=empty, dtype=float)
        return make_gene_table(self.expression, self._scores(self.expression.genes))

    def rank_genes(self, by: str = "score") -> list[str]:
        """Return the shown genes, best first.

        Parameters
        ----------
        by : {'score', 'variance', 'mean', 'morans_i', 'name'}
            What to rank by; genes of which it isn't known come last, and ties
            (or an unknown score altogether) keep the source's own order.
        """
        if by not in _RANKINGS:
            raise ValueError(f"genes are ranked by {', '.join(_RANKINGS)}, not {by!r}")
        if by == "name":
            return sorted(self.genes, key=str.casefold)
        table = self.gene_table()
        if by not in table.columns:
            return list(table.index)
        return list(table.sort_values(by, ascending=False, kind="stable").index)

    def _scores(self, genes: list[str]) -> NDArray[np.float64] | None:
        """Held-out scores: the prediction's own, else the loaded model's."""
        if self._prediction is not None:
            return find_scores(genes, self._prediction.adata.var, self.scale)
        table = self._bundle.scores if self._bundle is not None else None
        return find_scores(genes, table, self.scale)

    def _settle_gene(self) -> None:
        """Keep the user's choice where there are values for it; else choose the best default."""
        genes = self.expression.genes if self.expression is not None else []
        known = {*genes, *self.signatures} if genes else set()
        self._composite = tuple(gene for gene in self._composite if gene in known)
        if self._gene not in known:
            self._gene_is_chosen = False
            self._gene = None
        self._default_is_settled = self._gene_is_chosen
        self._improve_default()

    def _on_scores(self, name: str) -> None:
        """Let all that shows a signature follow its scores, as if it had just been chosen."""
        if name == self._gene:
            self.gene_changed.emit(name)
        if name in self._composite:
            self.composite_changed.emit(self._composite)

    def _drop_unknown(self) -> None:
        """Show something else where the active signature, or one of a composite, is gone."""
        before = (self._gene, self._composite)
        if set(before[1]) | {before[0]} <= {*self.genes, *self.signatures, None}:
            return
        self._settle_gene()
        if self._gene != before[0]:
            self.gene_changed.emit(self._gene)
        if self._composite != before[1]:
            self.composite_changed.emit(self._composite)

    def improve_default(self) -> None:
        """Show the best gene instead of a provisional one, now that the genes' means are known.

        What the user chose stays.
        """
        before = self._gene
        self._improve_default()
        if self._gene != before:
            self.gene_changed.emit(self._gene)

    def _improve_default(self) -> None:
        """Choose the best-scored gene, else the most variable one once two spots have values.

        Means that take a while to find are left to others; see `improve_default`.
        """
        expression = self.expression
        if self._default_is_settled or expression is None or not expression.genes:
            return
        scores = self._scores(expression.genes)
        if scores is None:
            statistics = expression.statistics if expression.has_statistics else None
            if statistics is None or statistics.count < 2:
                self._gene = self._gene or expression.genes[0]
                return
            scores = statistics.variance
        self._gene = expression.genes[int(np.nanargmax(scores))]
        self._default_is_settled = True
