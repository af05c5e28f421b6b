from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import BASELINES, BaselineInput, predict_baselines
from napari_stexp.evaluate.baselines import COLOUR_STATISTICS, TISSUE_STATISTICS
from napari_stexp.model import log_normalize

NAMES = ("eosin_mean", *TISSUE_STATISTICS, *COLOUR_STATISTICS)
F, FIELDS, G = len(NAMES), 2, 6
COLOUR = [NAMES.index(name) for name in COLOUR_STATISTICS]
TISSUE = [NAMES.index(name) for name in TISSUE_STATISTICS]


def _input(n_sections=2, n=25, seed=0, width=7):
    rng = np.random.default_rng(seed)
    total = n_sections * n
    return BaselineInput(
        statistics=rng.normal(5, rng.uniform(0.1, 9, FIELDS * F), (total, FIELDS * F)),
        features=rng.normal(size=(total, width)),
        counts=sparse.csr_array(rng.poisson(4, (total, G)).astype(np.float32)),
        section=np.repeat(np.arange(n_sections), n),
    )


def _predict(train, test, scale="spot", **settings):
    return predict_baselines(train, test, scale, names=NAMES, **settings)


@pytest.mark.parametrize("scale", ["spot", "gene"])
def test_equal_to_formulas_by_hand(scale):
    train, test = _input(), _input(1, 11, seed=1)
    found = _predict(train, test, scale, alphas=(5000.0,))
    assert set(found) == set(BASELINES)
    assert all(v.shape == (11, G) and v.dtype == np.float32 for v in found.values())
    halves = [log_normalize(train.counts[rows], scale) for rows in (slice(25), slice(25, None))]
    y = np.concatenate(halves).astype(np.float64)  # each section brought to the scale by itself

    np.testing.assert_allclose(found["mean"], np.tile(y.mean(axis=0), (11, 1)), rtol=1e-6)

    x, z = train.statistics, test.statistics
    scaled = [(part[:, COLOUR] - x[:, COLOUR].mean(0)) / x[:, COLOUR].std(0) for part in (x, z)]
    nearest = ((scaled[1][:, None] - scaled[0][None]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(found["nearest_colour"], y[nearest])

    design = np.column_stack([np.ones(50), x[:, TISSUE]])
    solution = np.linalg.lstsq(design, y)[0]
    expected = np.column_stack([np.ones(11), z[:, TISSUE]]) @ solution
    np.testing.assert_allclose(found["tissue_density"], expected, rtol=1e-4)

    for method, (mine, theirs) in {
        "ridge_statistics": (x, z),
        "ridge_features": (train.features, test.features),
    }.items():
        a, b = ((part - mine.mean(0)) / mine.std(0) for part in (mine, theirs))
        weights = np.linalg.solve(a.T @ a + 5000 * np.eye(a.shape[1]), a.T @ (y - y.mean(0)))
        np.testing.assert_allclose(found[method], b @ weights + y.mean(0), rtol=1e-5)
        assert found.choices[method].alpha == 5000


def test_the_alpha_is_chosen_inside_the_training_sections():
    train, test = _input(), _input(1, 11, seed=1)
    found = _predict(train, test)
    other = _predict(train, replace(test, counts=test.counts * 100))
    assert found.choices == other.choices
    assert found.choices.keys() == {"ridge_statistics", "ridge_features"}


def test_patches_that_could_not_be_read():
    train, test = _input(), _input(1, 11, seed=1)
    expected = _predict(replace(train, **_rows(train, slice(2, None))), test)
    train.statistics[:2] = np.nan
    test.statistics[3] = np.nan
    test.features[4] = np.nan
    for method, values in _predict(train, test).items():
        assert np.flatnonzero(np.isnan(values).any(axis=1)).tolist() == [3, 4]
        kept = ~np.isnan(values).any(axis=1)
        np.testing.assert_allclose(values[kept], expected[method][kept], rtol=1e-4)


def _rows(part, rows):
    names = ("statistics", "features", "counts", "section")
    return {name: getattr(part, name)[rows].copy() for name in names}


def test_without_features_there_is_no_ridge_on_them():
    train, test = (replace(part, features=None) for part in (_input(), _input(1)))
    assert set(_predict(train, test)) == set(BASELINES) - {"ridge_features"}


def test_the_statistics_of_the_model_are_the_default():
    from napari_stexp.model.statistics import STATISTICS

    rng = np.random.default_rng(0)
    train, test = (
        replace(part, statistics=rng.normal(size=(len(part.section), 4 * len(STATISTICS))))
        for part in (_input(), _input(1))
    )
    assert set(predict_baselines(train, test, "spot")) == set(BASELINES)


def test_inputs_that_do_not_fit():
    train, test = _input(), _input(1)
    with pytest.raises(EvaluationError, match=r"of other spots.*statistics 24"):
        replace(test, statistics=test.statistics[1:])
    with pytest.raises(EvaluationError, match="described in other ways"):
        _predict(train, replace(test, features=None))
    with pytest.raises(EvaluationError, match="described in other ways"):
        _predict(train, replace(test, counts=test.counts[:, 1:]))
    with pytest.raises(EvaluationError, match="no red_mean"):
        predict_baselines(train, test, "spot", names=["a"] * F)
    with pytest.raises(EvaluationError, match="columns per field of view"):
        predict_baselines(train, test, "spot", names=(*NAMES, "one more"))
    train.statistics[:] = np.nan
    with pytest.raises(EvaluationError, match="no training spot has a patch"):
        _predict(train, test)
    with pytest.raises(EvaluationError, match="no held-out spot has a patch"):
        _predict(test, train)
