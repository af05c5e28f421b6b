"""Retrieved reference spots: their weights, and the average of their expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

__all__ = ["Neighbours", "average_expression", "weigh", "weigh_softmax"]


@dataclass(frozen=True)
class Neighbours:
    """The k reference spots of each of M queries, most similar first.

    Attributes
    ----------
    indices : (M, k) int64
        Rows of the bank.
    similarity : (M, k) float64
        Cosine similarity, -1 to 1; descending, equal ones by index.
    weights : (M, k) float64
        They sum to 1; see `weigh` and `weigh_softmax`.
    """

    indices: NDArray[np.int64]
    similarity: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def mean_similarity(self) -> NDArray[np.float64]:
        """(M,) weighted mean of the similarities."""
        return np.einsum("mk,mk->m", self.weights, self.similarity)

    @property
    def effective_k(self) -> NDArray[np.float64]:
        """(M,) how many equally weighted spots the weights amount to, 1/Σw² (1 to k)."""
        return 1.0 / np.einsum("mk,mk->m", self.weights, self.weights)


def weigh(distance: torch.Tensor) -> torch.Tensor:
    """Turn (m, k) distances into weights 1/d² that sum to 1.

    (d_min / d)² can neither overflow nor divide by zero; exact matches (d = 0)
    take all the weight, in equal shares.
    """
    import torch

    nearest = distance.amin(dim=1, keepdim=True)
    exact = nearest == 0
    ratio = torch.where(exact, (distance == 0).double(), nearest / distance)
    weights = ratio.square()
    return weights / weights.sum(dim=1, keepdim=True)


def weigh_softmax(similarity: torch.Tensor, temperature: float) -> torch.Tensor:
    """Turn (m, k) cosines into weights exp(cosine / temperature) that sum to 1."""
    return (similarity / temperature).softmax(dim=1)


def average_expression(expression: Any, neighbours: Neighbours) -> NDArray[np.float32]:
    """Average the neighbours' expression with their weights, in float64.

    Parameters
    ----------
    expression : (N, G) float32 array or scipy csr matrix
        Normalised expression of the bank.
    neighbours : Neighbours
        Of M queries.

    Returns
    -------
    (M, G) float32
    """
    from scipy import sparse

    indices, weights = neighbours.indices, neighbours.weights
    result = np.empty((len(indices), expression.shape[1]), np.float32)
    for row, (index, weight) in enumerate(zip(indices, weights, strict=True)):
        rows = expression[index]  # one query at a time: k x G, whatever the bank's size
        dense = rows.toarray() if sparse.issparse(rows) else rows
        result[row] = weight @ dense.astype(np.float64, copy=False)
    return result
