"""Confidence: how far the retrieved reference spots agree with each other.

A bank holds embeddings of *spots*. Similarities between images and spots live
on another scale than similarities between spots (the two sides of a contrastive
model keep apart in the shared space), so an image's similarity can't be ranked
among the bank's own. What a bank does allow: to ask whether the spots that a
patch retrieved resemble each other more than any spots of the bank do.

For a query with weights w over neighbours with expression e, prediction
m = Σ w e, and bank mean μ,

    within = (Σ w ‖e - μ‖² - ‖m - μ‖²) / (1 - Σ w²)
    total  = Σ ‖e - μ‖² over the bank / (N - 1)
    confidence = 1 - within / total, cut to 0..1

(both unbiased, summed over genes): the share of the reference's variance that
is gone among the neighbours. Spots drawn at random give 0, identical ones 1.
It is no probability, and it can't see that a patch is unlike all of the
reference: that is what the similarity is for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.predict.neighbours import Neighbours

__all__ = ["MEANING", "Agreement"]

MEANING = (
    "confidence: share of the reference's expression variance that is absent among the "
    "retrieved spots (0 = as different as random reference spots, 1 = identical); "
    "ranks spots, is no probability"
)
# Below this, one neighbour has all the weight and there is nothing to agree with.
_LEAST_SPREAD = 1e-6
_ROWS = 4096


class Agreement:
    """Bank statistics from which confidences are computed.

    Parameters
    ----------
    expression : (N, G) float32 array or scipy csr matrix
        The bank's, on the scale of the prediction.
    """

    def __init__(self, expression: Any) -> None:
        from scipy import sparse

        n, n_genes = expression.shape
        total = np.zeros(n_genes)
        blocks = [slice(low, min(low + _ROWS, n)) for low in range(0, n, _ROWS)]
        for block in blocks:
            total += np.asarray(expression[block].sum(axis=0, dtype=np.float64)).ravel()
        self._mean: NDArray[np.float64] = total / max(n, 1)
        self._squares = np.empty(n)
        for block in blocks:
            rows = expression[block]
            centred = (rows.toarray() if sparse.issparse(rows) else rows) - self._mean
            self._squares[block] = np.einsum("ng,ng->n", centred, centred)
        self._total = float(self._squares.sum() / (n - 1)) if n > 1 else 0.0

    def confidence(self, neighbours: Neighbours, predicted: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the confidence of M predictions.

        Parameters
        ----------
        neighbours : Neighbours
            Of M queries.
        predicted : (M, G) float32
            Their weighted averages.

        Returns
        -------
        (M,) float32
            0 to 1; NaN where a single reference spot decides (k = 1, or an
            exact match), or where the bank doesn't vary.
        """
        spread = 1.0 - 1.0 / neighbours.effective_k
        centred = predicted - self._mean
        around_mean = np.einsum("mk,mk->m", neighbours.weights, self._squares[neighbours.indices])
        within = around_mean - np.einsum("mg,mg->m", centred, centred)
        known = (spread > _LEAST_SPREAD) & (self._total > 0)
        denominator = np.where(known, spread * self._total, 1.0)
        share = np.clip(1.0 - within / denominator, 0.0, 1.0)
        return np.where(known, share, np.nan).astype(np.float32)
