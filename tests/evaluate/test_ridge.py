from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import ALPHAS
from napari_stexp.evaluate.ridge import fit_ridge


def _data(n=90, w=12, g=15, noise=3.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, rng.uniform(0.1, 50, w), (n, w)) + 100
    y = (x - 100) / x.std(axis=0) @ rng.normal(size=(w, g)) + rng.normal(0, noise, (n, g))
    return x, y


def _acg(measured, predicted):
    return np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(measured.T, predicted.T, strict=True)])


def test_the_choice_of_a_grid_search_over_left_out_sections():
    x, y = _data()
    section = np.repeat([4, 7, 9], 30)
    alphas = (0.5, 5.0, 50.0, 500.0, 5000.0)
    model, choice = fit_ridge(x, y, section, alphas)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": alphas},
        scoring=make_scorer(_acg),
        cv=LeaveOneGroupOut(),
    ).fit(x, y, groups=section)
    assert choice.alpha == search.best_params_["ridge__alpha"]
    for alpha, score in zip(alphas, search.cv_results_["mean_test_score"], strict=True):
        assert choice.scores[alpha] == pytest.approx(score)
    np.testing.assert_allclose(model.predict(x), search.predict(x))
    assert choice.folds == "one section"


def test_noise_asks_for_a_larger_penalty():
    alphas = [fit_ridge(*_data(noise=n), np.repeat([0, 1], 45))[1].alpha for n in (0.01, 300)]
    assert alphas[0] < alphas[1]


def test_what_is_left_out():
    x, y = _data(60)
    assert "fifth" in fit_ridge(x, y, np.zeros(60, dtype=int))[1].folds
    assert fit_ridge(x, y, np.arange(60) // 5)[1].folds == "one of 8 groups of sections"


def test_too_few_spots_to_choose_by():
    x, y = _data(4)
    _, choice = fit_ridge(x, y, np.zeros(4, dtype=int))
    assert choice.alpha == max(ALPHAS)
    assert np.isnan(list(choice.scores.values())).all()


def test_the_grid_holds_the_fixed_penalty_and_is_positive():
    assert 5000 in ALPHAS
    for alphas in ((), (0.0, 1.0)):
        with pytest.raises(EvaluationError, match="penalties above 0"):
            fit_ridge(*_data(), np.repeat([0, 1], 45), alphas)
