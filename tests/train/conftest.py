"""Small measured sections whose patches show what is expressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_stexp.dataset import TrainingSet
from napari_stexp.model import InputContract
from napari_stexp.train import TrainSettings

GENES = [f"GENE{i}" for i in range(8)]
SIDE = 32
CONTRACT = InputContract(patch_px=SIDE, mpp=0.5)


def build_section(
    name: str, n: int = 20, *, patient: str = "", seed: int = 0, genes: list[str] | None = None
) -> tuple[np.ndarray, AnnData]:
    """Patches (n, 32, 32, 3) whose hue follows the first two genes' share; and the spots."""
    rng = np.random.default_rng(seed)
    names = genes or GENES
    share = rng.uniform(0, 1, n)
    rates = np.full((n, len(names)), 4.0)
    rates[:, 0] += 60 * share
    rates[:, 1 % len(names)] += 60 * (1 - share)
    patches = rng.integers(0, 40, (n, SIDE, SIDE, 3)).astype(np.uint8)
    patches[..., 0] += (180 * share).astype(np.uint8)[:, None, None]
    patches[..., 2] += (180 * (1 - share)).astype(np.uint8)[:, None, None]
    places = rng.permutation(64)[:n]
    obs = pd.DataFrame(
        {"array_col": places % 8, "array_row": places // 8},
        index=[f"{p % 8}x{p // 8}" for p in places],
    )
    adata = AnnData(
        X=sparse.csr_matrix(rng.poisson(rates).astype(np.float32)),
        obs=obs,
        var=pd.DataFrame(index=names),
    )
    adata.obsm["spatial"] = 100.0 * obs.to_numpy(float) + 50
    adata.uns["stexp_spots"] = {"section": name, "pitch_um": 50.0} | (
        {"patient": patient} if patient else {}
    )
    return patches, adata


def build_data(*sections: tuple[str, int], **changes: Any) -> TrainingSet:
    """Make a training set of sections (name, number of spots)."""
    pairs = [build_section(name, n, seed=ord(name[0])) for name, n in sections]
    options = {"genes": GENES, "contract": CONTRACT} | changes
    return TrainingSet.from_arrays(pairs, **options)


def tiny(**changes: Any) -> TrainSettings:
    """Make settings of a network that trains in a blink: hand-made features, narrow."""
    options = {
        "encoder": "stain_statistics",
        "feature_norm": "batch",
        "projection": 8,
        "layers": 1,
        "heads": 2,
        "head_width": 4,
        "epochs": 3,
        "batch_size": 16,
        "workers": 0,
    }
    return TrainSettings(**(options | changes))


@pytest.fixture
def make_section() -> Callable[..., tuple[np.ndarray, AnnData]]:
    return build_section


@pytest.fixture
def make_data() -> Callable[..., TrainingSet]:
    return build_data
