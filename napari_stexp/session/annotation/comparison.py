"""What has been compared: genes of regions, agreement, scores, and how it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_stexp.session.views import Views

if TYPE_CHECKING:
    from napari_stexp.compare import Agreement, RegionGenes
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.session.annotation.labelling import Labelling

__all__ = ["Comparison"]


class Comparison:
    """Results of the last comparisons of the shown prediction; None until they are made.

    Parameters
    ----------
    views : Views, optional
        How the slide is shown.
    labelling : Labelling, optional
        The labels in use; kept with each result, see `other_labels`.
    """

    genes_changed = Signal(object)
    agreement_changed = Signal(object)
    scores_changed = Signal(object)
    side_by_side_changed = Signal(bool)

    def __init__(self, views: Views | None = None, labelling: Labelling | None = None) -> None:
        self._labelling = labelling
        self._found_with: dict[str, tuple[str | None, str]] = {}  # key and title of labels
        self._genes: RegionGenes | None = None
        self._agreement: Agreement | None = None
        self._scores: EvaluationResult | None = None
        self._views = views if views is not None else Views()
        self._side_by_side = False
        self._views.changed.connect(self._on_views_changed)

    @property
    def genes(self) -> RegionGenes | None:
        """Genes of one region against another."""
        return self._genes

    @genes.setter
    def genes(self, genes: RegionGenes | None) -> None:
        if genes is not self._genes:
            self._genes = genes
            self._note_labels("genes")
            self.genes_changed.emit(genes)

    @property
    def agreement(self) -> Agreement | None:
        """Spatial domains against labels."""
        return self._agreement

    @agreement.setter
    def agreement(self, agreement: Agreement | None) -> None:
        if agreement is not self._agreement:
            self._agreement = agreement
            self._note_labels("agreement")
            self.agreement_changed.emit(agreement)

    def other_labels(self, result: Literal["genes", "agreement"]) -> str:
        """Return the title of the labels a result was found with, if others are in use now.

        It is '' where they are the same, or there is no such result.
        """
        if getattr(self, result) is None or self._labelling is None:
            return ""
        key, title = self._found_with[result]
        return "" if key == self._labelling.active else title

    def _note_labels(self, result: str) -> None:
        if self._labelling is not None:
            key = self._labelling.active
            title = "none" if key is None else self._labelling.titles.get(key, "")
            self._found_with[result] = (key, title)

    @property
    def scores(self) -> EvaluationResult | None:
        """The prediction against the measurement, per gene."""
        return self._scores

    @scores.setter
    def scores(self, scores: EvaluationResult | None) -> None:
        if scores is not self._scores:
            self._scores = scores
            self.scores_changed.emit(scores)

    @property
    def side_by_side(self) -> bool:
        """Whether measured, predicted and residual are shown side by side."""
        return self._views.kind == "sides"

    @side_by_side.setter
    def side_by_side(self, shown: bool) -> None:
        if shown != self.side_by_side:
            self._views.show("sides" if shown else "single")

    def _on_views_changed(self) -> None:
        if self._side_by_side != self.side_by_side:
            self._side_by_side = self.side_by_side
            self.side_by_side_changed.emit(self._side_by_side)

    def clear(self) -> None:
        """Forget everything; called when spots or prediction change."""
        if self.side_by_side:
            self.side_by_side = False
        self.genes = self.agreement = self.scores = None
