"""Measured and predicted expression of the same spots and genes, on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate import normalize_measured

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["PairedExpression", "pair_expression"]


@dataclass(frozen=True)
class PairedExpression:
    """A prediction's spots and measured genes, with the measurement beside them.

    Attributes
    ----------
    measured, predicted : (N, G) float32
        Over all spots of the prediction; NaN where a spot wasn't measured or predicted.
    genes : pandas.Index, G
        Predicted genes that were measured.
    """

    measured: NDArray[np.float32]
    predicted: NDArray[np.float32]
    genes: pd.Index

    @property
    def residual(self) -> NDArray[np.float32]:
        """Predicted less measured (N, G), NaN where either is missing."""
        return self.predicted - self.measured


def pair_expression(prediction: AnnData, measured: AnnData) -> PairedExpression:
    """Put a measurement beside a prediction.

    Parameters
    ----------
    prediction : AnnData
        Expression on the scale that its provenance names, NaN for spots without.
    measured : AnnData
        Raw counts of one section. They are brought to that scale over the predicted genes
        that were measured and over all measured spots, as `compare_prediction` does; spots
        are matched by barcode.

    Raises
    ------
    EvaluationError
        The prediction doesn't say its scale, no gene is in common, or the measurement holds
        no counts.
    """
    truth = normalize_measured(prediction, measured)
    rows = truth.obs_names.get_indexer(prediction.obs_names)
    beside = np.full((prediction.n_obs, truth.n_vars), np.nan, dtype=np.float32)
    beside[rows >= 0] = truth.X[rows[rows >= 0]]
    predicted = np.asarray(prediction[:, truth.var_names].X, dtype=np.float32)
    return PairedExpression(beside, predicted, truth.var_names)
