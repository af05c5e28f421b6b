"""Small measured spots, and a prediction for some of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

PITCH, DIAMETER = 200.0, 100.0


@pytest.fixture
def spots():
    columns, rows = np.meshgrid(np.arange(3), np.arange(2))
    array = np.column_stack([columns.ravel(), rows.ravel()])
    obs = pd.DataFrame(
        {"array_col": array[:, 0], "array_row": array[:, 1]},
        index=[f"{x}x{y}" for x, y in array],
    )
    adata = AnnData(
        csr_matrix(np.arange(12, dtype=np.float32).reshape(6, 2)),
        obs=obs,
        var=pd.DataFrame(index=["ERBB2", "KRT5"]),
    )
    adata.obsm["spatial"] = 300 + array * PITCH
    factors = {"spot_diameter_fullres": DIAMETER}
    adata.uns["spatial"] = {"Q1": {"images": {}, "scalefactors": factors}}
    adata.uns["stexp_spots"] = {"section": "Q1", "pitch_um": 100.0}
    return adata


@pytest.fixture
def prediction(spots):
    some = spots.obs_names[[5, 0, 2]]
    values = np.array([[0.5, 1.0], [np.nan, np.nan], [0.25, 2.0]], np.float32)
    adata = AnnData(
        values,
        obs=pd.DataFrame(
            {"status": ["ok", "outside", "ok"], "confidence": [0.9, np.nan, 0.8]}, index=some
        ),
        var=pd.DataFrame(index=["ERBB2", "GATA3"]),
    )
    adata.obsm["spatial"] = spots[some].obsm["spatial"]
    return adata
