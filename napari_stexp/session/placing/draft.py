"""What is tried out of an alignment: where the spots would lie, and pairs of points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_stexp.spots.alignment import Transform

__all__ = ["Draft", "Pair", "Place"]

Place = tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """The same place in the spots' own image and on the slide; one of them may be missing.

    Attributes
    ----------
    own : (x, y) or None
        In pixels of the positions that the spots' file had.
    slide : (x, y) or None
        Level-0 px.
    """

    own: Place | None = None
    slide: Place | None = None

    @property
    def whole(self) -> bool:
        """Whether both places are set."""
        return self.own is not None and self.slide is not None


@dataclass(frozen=True, eq=False)
class Draft:
    """What is tried out and not yet applied.

    Attributes
    ----------
    move : Transform
        From where the spots lie to where they are shown, level-0 px.
    steps : tuple of str
        What it consists of, in words.
    pairs : tuple of Pair
    kind : {'similarity', 'affine'}
        What is fitted to them.
    """

    move: Transform = field(default_factory=Transform.identity)
    steps: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    kind: str = "similarity"

    @property
    def whole(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both places of the pairs that are whole: own and on the slide, (N, 2) each."""
        whole = [pair for pair in self.pairs if pair.whole]
        own = np.array([pair.own for pair in whole], np.float64).reshape(-1, 2)
        return own, np.array([pair.slide for pair in whole], np.float64).reshape(-1, 2)
