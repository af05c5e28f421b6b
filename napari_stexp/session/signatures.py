"""Signatures: named sets of genes that are shown like one gene, by a score per spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import GeneListError

if TYPE_CHECKING:
    from napari_stexp.session.expression import Expression

__all__ = ["Signature", "Signatures"]


@dataclass(frozen=True)
class Signature:
    """A named set of genes.

    Attributes
    ----------
    name : str
        As it is shown; no gene has the same.
    genes : tuple of str
        Symbols, without repeats.
    source : str
        Where the list comes from: a publication, a file, 'pasted'.
    """

    name: str
    genes: tuple[str, ...]
    source: str = ""


class Signatures:
    """Signatures by name, and their scores on what is open.

    Scores are found off the main thread (`put_scores`) and are NaN until then.
    """

    changed = Signal()
    scores_changed = Signal(str)

    def __init__(self) -> None:
        self._items: dict[str, Signature] = {}
        self._scores: WeakKeyDictionary[Expression, dict[str, NDArray[np.float32]]]
        self._scores = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._items))

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __getitem__(self, name: str) -> Signature:
        return self._items[name]

    @property
    def items(self) -> tuple[Signature, ...]:
        """All of them, in order."""
        return tuple(self._items.values())

    def add(self, signature: Signature) -> None:
        """Add a signature, or put another one in the place of one of the same name.

        Raises
        ------
        GeneListError
            It has no name or no genes.
        """
        if not signature.name.strip() or not signature.genes:
            raise GeneListError("a signature needs a name and genes", found=signature.name)
        self._items[signature.name] = signature
        for scores in self._scores.values():
            scores.pop(signature.name, None)
        self.changed.emit()

    def remove(self, names: Sequence[str]) -> None:
        """Remove signatures."""
        for name in names:
            self._items.pop(name, None)
        self.changed.emit()

    def values(self, name: str, expression: Expression) -> NDArray[np.float32]:
        """Return each spot's score, (N,); NaN where it isn't known (yet)."""
        found = self._scores.get(expression, {}).get(name)
        if found is None:
            n = len(expression.values(expression.genes[0])) if expression.genes else 0
            return np.full(n, np.nan, np.float32)
        return found

    def has_scores(self, name: str, expression: Expression) -> bool:
        """Whether a signature's scores are known."""
        return name in self._scores.get(expression, {})

    def put_scores(self, name: str, expression: Expression, scores: NDArray[np.float32]) -> None:
        """Take scores (N,) that were found."""
        self._scores.setdefault(expression, {})[name] = np.asarray(scores, dtype=np.float32)
        self.scores_changed.emit(name)
