"""Pitch of very many spots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_stexp.spots import scale, spot_pitch_px


def lattice(n, pitch):
    column, row = np.meshgrid(np.arange(n), np.arange(n))
    xy = np.column_stack([(column + 0.5 * (row % 2)).ravel(), row.ravel() * 0.75**0.5]) * pitch
    jitter = np.random.default_rng(0).normal(0, 0.02 * pitch, xy.shape)
    return xy + jitter, column.ravel(), row.ravel()


@pytest.mark.parametrize("with_array", [False, True])
def test_the_middle_of_very_many_spots_has_the_pitch_of_all(monkeypatch, with_array):
    xy, column, row = lattice(60, 37.0)
    obs = pd.DataFrame(index=[f"s{i}" for i in range(len(xy))])
    if with_array:
        obs["array_col"], obs["array_row"] = 2 * column + row % 2, row
    spots = AnnData(np.zeros((len(xy), 0), np.float32), obs=obs, obsm={"spatial": xy})
    everywhere = spot_pitch_px(spots)
    monkeypatch.setattr(scale, "_MOST_LOOKED_AT", 500)
    assert spot_pitch_px(spots) == pytest.approx(everywhere, rel=0.01)


def test_a_middle_that_is_one_place_is_not_taken_for_all(monkeypatch):
    monkeypatch.setattr(scale, "_MOST_LOOKED_AT", 5)
    xy = np.concatenate([np.zeros((20, 2)), [[10.0, 0.0], [20.0, 0.0], [-10.0, 0.0]]])
    spots = AnnData(np.zeros((23, 0), np.float32), obsm={"spatial": xy})
    assert spot_pitch_px(spots) == pytest.approx(10.0)
