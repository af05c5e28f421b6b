from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import compare_prediction, score_genes
from napari_stexp.model import log_normalize


def _section(n=30, g=8, seed=0):
    counts = np.random.default_rng(seed).poisson(3, (n, g)).astype(np.float32)
    return AnnData(
        X=csr_matrix(counts),
        obs=pd.DataFrame(index=[f"s{i}" for i in range(n)]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(g)]),
    )


def _prediction(section, scale="spot", noise=0.3, uns=None):
    values = log_normalize(section.X, scale)
    values = values + np.random.default_rng(1).normal(0, noise, values.shape).astype(np.float32)
    provenance = {"stexp": {"scale": scale}} if uns is None else uns
    return AnnData(X=values, obs=section.obs.copy(), var=section.var.copy(), uns=provenance)


@pytest.mark.parametrize("scale", ["spot", "gene"])
def test_measurement_is_brought_to_the_predictions_scale(scale):
    section = _section()
    prediction = _prediction(section, scale)
    result = compare_prediction(prediction, section)
    assert result.scale == result.summary["scale"] == scale
    expected = score_genes(
        prediction.X, log_normalize(section.X, scale), list(section.var_names), scale
    )
    pd.testing.assert_frame_equal(result.scores, expected)


def test_a_perfect_prediction_is_perfect_on_its_own_scale_only():
    section = _section()
    exact = _prediction(section, "gene", noise=0)
    assert compare_prediction(exact, section).summary["mse_gene"] == 0
    exact.uns["stexp"]["scale"] = "spot"
    assert compare_prediction(exact, section).summary["mse_spot"] > 0.01


def test_the_per_gene_scale_is_over_all_measured_spots():
    section = _section()
    prediction = _prediction(section, "gene", noise=0)[:10].copy()
    assert compare_prediction(prediction, section).summary["mse_gene"] == 0


def test_missing_genes_and_spots_are_reported():
    section = _section()
    prediction = _prediction(section)
    prediction.X[[2, 5]] = np.nan
    result = compare_prediction(prediction, section[:20, :6].copy())
    assert result.missing_genes == ("g6", "g7")
    assert result.n_unpredicted == 2
    assert result.summary["n_spots"] == 18
    assert result.summary["n_genes"] == 6


def test_scale_is_also_found_among_the_parameters():
    section = _section()
    prediction = _prediction(section, uns={"stexp": {"parameters": {"scale": "spot"}}})
    assert compare_prediction(prediction, section).scale == "spot"


def test_what_cannot_be_compared():
    section = _section()
    with pytest.raises(EvaluationError, match="doesn't say its expression scale"):
        compare_prediction(_prediction(section, uns={}), section)
    other = _section()
    other.var.index = [f"x{i}" for i in range(8)]
    with pytest.raises(EvaluationError, match="none of the predicted genes was measured"):
        compare_prediction(_prediction(section), other)
    with pytest.raises(EvaluationError, match="spots without counts"):
        compare_prediction(_prediction(section), section[:, :0].copy())
    negative = section.copy()
    negative.X = csr_matrix(-section.X.toarray())
    with pytest.raises(EvaluationError, match="can't be brought"):
        compare_prediction(_prediction(section), negative)
    twice = section.copy()
    twice.var.index = ["g0", "g0", *[f"g{i}" for i in range(2, 8)]]
    with pytest.raises(EvaluationError, match="names genes twice"):
        compare_prediction(_prediction(section), twice)
