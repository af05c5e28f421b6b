"""Signatures: named sets of genes that are shown like one gene, by a score per spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import GeneListError
from napari_stexp.gene.sets import GeneMatch, match_genes
from napari_stexp.gene.sets import GeneSet as Signature
from napari_stexp.session.named import Named

if TYPE_CHECKING:
    from napari_stexp.gene import GeneNames
    from napari_stexp.session.genes.expression import Expression
    from napari_stexp.session.genes.signature_scores import SignatureScores

__all__ = ["Signature", "Signatures", "count_known"]


class Signatures(Named[Signature]):
    """Signatures by name, and their scores on what is open.

    Scores are found off the main thread (`napari_stexp.session.start_signature_scores`,
    `put_scores`) and are NaN until then.
    """

    changed = Signal()
    scores_changed = Signal(str)
    names_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._scores: WeakKeyDictionary[Expression, dict[str, NDArray[np.float32]]]
        self._scores = WeakKeyDictionary()
        self._known: WeakKeyDictionary[Expression, dict[str, int]] = WeakKeyDictionary()
        self._nothing: WeakKeyDictionary[Expression, NDArray[np.float32]] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Expression, GeneNames] = WeakKeyDictionary()

    @property
    def items(self) -> tuple[Signature, ...]:
        """All of them, in order."""
        return tuple(self._items.values())

    # ---- which there are -----------------------------------------------------------------

    def add(self, *signatures: Signature) -> None:
        """Add signatures, or put others in the place of those of the same name.

        Raises
        ------
        GeneListError
            One has no name or no genes; none of them was added.
        """
        for signature in signatures:
            if not signature.name.strip() or not signature.genes:
                raise GeneListError("a signature needs a name and genes", found=signature.name)
        new = [one for one in signatures if self._items.get(one.name) != one]
        for signature in new:
            self._items[signature.name] = signature
            self._forget(signature.name)
        if new:
            self.changed.emit()

    def remove(self, names: Sequence[str]) -> None:
        """Remove signatures; unknown names are passed over."""
        gone = [name for name in names if self._items.pop(name, None) is not None]
        for name in gone:
            self._forget(name)
        if gone:
            self.changed.emit()

    def _forget(self, name: str) -> None:
        for scores in self._scores.values():
            scores.pop(name, None)

    # ---- which of their genes are known --------------------------------------------------

    def put_names(self, names: Mapping[Expression, GeneNames]) -> None:
        """Take the other names of sources' genes, by which signatures' genes are found, too."""
        self._names.update(names)
        self.names_changed.emit()

    def names_of(self, expression: Expression) -> GeneNames | None:
        """Return the other names of a source's genes, where they are known."""
        return self._names.get(expression)

    def match(self, genes: Iterable[str], expression: Expression) -> GeneMatch:
        """Return which genes of a list a source has, under its own names.

        Until `put_names` has told of other names, only the very names are found.
        """
        names = self._names.get(expression)
        if names is not None:
            return match_genes(genes, (), names.meanings)
        return match_genes(genes, (), lambda name: name if name in expression else None)

    # ---- scores --------------------------------------------------------------------------

    def values(self, name: str, expression: Expression) -> NDArray[np.float32]:
        """Return each spot's score, (N,); NaN where it isn't known (yet)."""
        found = self._scores.get(expression, {}).get(name)
        if found is None:
            found = self._nothing.get(expression)
        if found is None:
            n = len(expression.values(expression.genes[0])) if expression.genes else 0
            found = self._nothing[expression] = np.full(n, np.nan, np.float32)
            found.setflags(write=False)
        return found

    def has_scores(self, name: str, expression: Expression) -> bool:
        """Whether a signature's scores are known."""
        return name in self._scores.get(expression, {})

    def is_current(self, name: str, expression: Expression) -> bool:
        """Whether scores are known, and no spot has got values since they were found."""
        return self.has_scores(name, expression) and (
            self._known[expression].get(name) == count_known(expression)
        )

    def put_scores(
        self,
        name: str,
        expression: Expression,
        scores: NDArray[np.float32],
        known: int | None = None,
    ) -> None:
        """Take scores (N,) that were found.

        Parameters
        ----------
        known : int, optional
            How many spots had values when they were found; default: as many as have scores.
        """
        self._keep(name, expression, scores, known)
        self.scores_changed.emit(name)

    def put_many(self, found: Iterable[SignatureScores]) -> None:
        """Take what `napari_stexp.session.start_signature_scores` found; tell of each once."""
        names: dict[str, None] = {}
        new_names = {}
        for one in found:
            if one.names is not None and one.expression not in self._names:
                new_names[one.expression] = one.names
            for name, values in one.scores.items():
                if name in self._items:  # it may have gone meanwhile
                    self._keep(name, one.expression, values, one.known)
                    names[name] = None
        if new_names:
            self.put_names(new_names)
        for name in names:
            self.scores_changed.emit(name)

    def _keep(
        self, name: str, expression: Expression, scores: NDArray[np.float32], known: int | None
    ) -> None:
        scores = np.asarray(scores, dtype=np.float32)
        known = int(np.isfinite(scores).sum()) if known is None else known
        self._scores.setdefault(expression, {})[name] = scores
        self._known.setdefault(expression, {})[name] = known


def count_known(expression: Expression) -> int:
    """Return how many spots have values in a source; it grows while a prediction runs."""
    if not expression.genes:
        return 0
    return int(np.isfinite(expression.values(expression.genes[0])).sum())
