"""How many pictures of the spots there are, and of what each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from psygnal import Signal

__all__ = ["MOST_GENES", "ViewKind", "Views"]

ViewKind = Literal["single", "sides", "genes", "models"]

#: Small multiples that fit on a screen.
MOST_GENES = 16


class Views:
    """One picture, or several linked ones beside each other.

    ``single``: the active gene. ``sides``: measured, predicted and their difference.
    ``genes``: small multiples of `genes`. ``models``: the active gene in every prediction.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._kind: ViewKind = "single"
        self._genes: tuple[str, ...] = ()

    @property
    def kind(self) -> ViewKind:
        """What is shown side by side; 'single' for nothing."""
        return self._kind

    @property
    def genes(self) -> tuple[str, ...]:
        """Genes (or signatures) of the small multiples, at most `MOST_GENES`."""
        return self._genes

    def show(self, kind: ViewKind, genes: Sequence[str] = ()) -> None:
        """Show pictures of another kind, or of other genes.

        Parameters
        ----------
        kind : {'single', 'sides', 'genes', 'models'}
        genes : sequence of str
            For 'genes': which, without repeats.

        Raises
        ------
        ValueError
            No such kind; or 'genes' with none or more than `MOST_GENES` of them.
        """
        genes = tuple(dict.fromkeys(genes)) if kind == "genes" else ()
        if kind not in get_args(ViewKind):
            raise ValueError(f"views are {', '.join(get_args(ViewKind))}, not {kind!r}")
        if kind == "genes" and not 1 <= len(genes) <= MOST_GENES:
            raise ValueError(f"small multiples show 1 to {MOST_GENES} genes, not {len(genes)}")
        if (kind, genes) != (self._kind, self._genes):
            self._kind, self._genes = kind, genes
            self.changed.emit()
