from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse
from scipy.stats import pearsonr

from napari_stexp.compare import pair_expression
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import compare_prediction
from napari_stexp.model import log_normalize

GENES = ["ERBB2", "KRT8", "FABP4", "unmeasured"]


def _make(scale="spot"):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (30, 4)).astype(np.float32)
    measured = AnnData(
        sparse.csr_matrix(counts),
        pd.DataFrame(index=[f"s{at}" for at in range(30)]),
        pd.DataFrame(index=["other", "FABP4", "KRT8", "ERBB2"]),
    )
    order = rng.permutation(30)[:25]
    prediction = AnnData(
        rng.random((27, 4)).astype(np.float32),
        pd.DataFrame(index=[*(f"s{at}" for at in order), "only predicted", "this too"]),
        pd.DataFrame(index=GENES),
        uns={"stexp": {"scale": scale}},
    )
    prediction.X[3] = np.nan
    truth = log_normalize(counts[:, [3, 2, 1]], scale)
    return prediction, measured, truth[order]


@pytest.mark.parametrize("scale", ["spot", "gene"])
def test_measurement_beside_the_prediction(scale):
    prediction, measured, truth = _make(scale)
    pair = pair_expression(prediction, measured)
    assert pair.genes.tolist() == GENES[:3]
    np.testing.assert_array_equal(pair.measured[:25], truth)
    assert np.isnan(pair.measured[25:]).all()
    np.testing.assert_array_equal(pair.predicted, prediction.X[:, :3])
    residual = pair.residual
    known = np.arange(27) < 25
    known[3] = False
    assert np.isnan(residual[~known]).all()
    np.testing.assert_array_equal(residual[known], prediction.X[known, :3] - truth[known[:25]])


def test_correlations_are_those_of_the_evaluation():
    prediction, measured, _ = _make()
    pair = pair_expression(prediction, measured)
    scores = compare_prediction(prediction, measured).scores
    known = np.isfinite(pair.residual[:, 0])
    for at, gene in enumerate(pair.genes):
        expected = pearsonr(
            pair.predicted[known, at].astype(float), pair.measured[known, at].astype(float)
        )
        assert scores.loc[gene, "pcc_spot"] == pytest.approx(expected.statistic, abs=1e-9)


def test_what_cannot_be_paired():
    prediction, measured, _ = _make()
    with pytest.raises(EvaluationError, match="none of the predicted genes was measured"):
        pair_expression(prediction, measured[:, ["other"]].copy())
    measured.X.data[:] = -1
    with pytest.raises(EvaluationError, match="can't be brought to the prediction's scale"):
        pair_expression(prediction, measured)
    del prediction.uns["stexp"]
    with pytest.raises(EvaluationError, match="doesn't say its expression scale"):
        pair_expression(prediction, measured)
