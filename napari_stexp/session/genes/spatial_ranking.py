"""Moran's I of the shown genes, found off the main thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.session.genes.expression import Expression
    from napari_stexp.session.state import Session

__all__ = ["start_morans_i"]

_GENES_AT_ONCE = 1000


def start_morans_i(session: Session) -> Generator[Progress, None, NDArray[np.float64]]:
    """Find Moran's I of every shown gene; `Session.gene_table` has it from then on.

    The definition is that of `napari_stexp.gene.find_morans_i`, on the log values, over the
    spots that have one. Predictions are smooth, because neighbours look alike: theirs is
    higher than that of what was measured.

    Parameters
    ----------
    session : Session
        The shown source is taken now, in the thread of the caller.

    Yields
    ------
    Progress
        Genes that are done.

    Returns
    -------
    (G,) float64 array
        In the source's order.

    Raises
    ------
    PredictionError
        There are no genes, or they are hidden.
    """
    expression, spots = session.expression, session.spots
    if expression is None or spots is None or session.hides_values:
        raise PredictionError(
            "there are no genes to rank", hint="Predict, or load measured spots, first."
        )
    return _find(expression, np.array(spots.obsm["spatial"], dtype=np.float64))


def _find(
    expression: Expression, positions: NDArray[np.float64]
) -> Generator[Progress, None, NDArray[np.float64]]:
    from napari_stexp.gene import find_morans_i

    matrix = yield from _matrix_of(expression)
    found = yield from find_morans_i(positions, matrix)
    expression.morans_i = found
    return found


def _matrix_of(expression: Any) -> Generator[Progress, None, Any]:
    """Return a source's log values (N, G); counts are normalised bit by bit, to be cancelled."""
    n_genes = len(expression.genes)
    yield Progress(0, n_genes, "reading values")
    if not hasattr(expression, "matrix"):
        return expression.adata.X
    from scipy.sparse import hstack

    parts = []
    for start in range(0, n_genes, _GENES_AT_ONCE):
        parts.append(expression.matrix(slice(start, start + _GENES_AT_ONCE)))
        yield Progress(start, n_genes, "reading values")
    return hstack(parts, format="csc")
