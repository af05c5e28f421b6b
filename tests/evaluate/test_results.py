from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import BASELINES, METHOD_TITLES, METHODS, MODEL
from napari_stexp.model import log_normalize
from tests.evaluate.studies import make_evaluation


def test_every_method_has_a_title_and_all_but_the_model_are_baselines():
    assert tuple(METHOD_TITLES) == METHODS == (MODEL, *BASELINES)
    assert all(METHOD_TITLES.values())


def test_what_a_section_knows():
    section = make_evaluation(methods=("ridge_features", "mclstexp"))
    assert section.methods == ("mclstexp", "ridge_features")  # in the order of tables
    assert section.scales == ("spot", "gene")
    assert (section.name, section.n_spots) == ("A1", 45)
    expected = log_normalize(section.counts, "gene")
    np.testing.assert_array_equal(section.measured("gene"), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "spots"}, "A1: unknown split"),
        ({"genes": ("a",) * 60}, "genes must be some, each once"),
        ({"spot_ids": np.array(["a"] * 45)}, "spot ids must be some, each once"),
        ({"spot_ids": np.array(["a"])}, "counts of another shape"),
        ({"centers": np.zeros((45, 3))}, "centres of another shape"),
        ({"labels": pd.Series(["a"])}, "labels of other spots"),
        ({"predicted": {"magic": {}}}, "unknown method.*magic"),
        ({"predicted": {"mean": {"log": np.zeros((45, 60))}}}, "unknown expression scale"),
        ({"predicted": {"mean": {"spot": np.zeros((45, 59))}}}, "mean predicted another shape"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(EvaluationError, match=message):
        replace(make_evaluation(), **changes)


@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_counts_that_are_none(value):
    counts = np.ones((45, 60), dtype=np.float32)
    counts[3, 4] = value
    section = replace(make_evaluation(), counts=sparse.csr_array(counts))
    with pytest.raises(EvaluationError, match="section A1: counts must be finite"):
        section.measured("spot")
