"""Small held-out sections with known structure, for the tests of this room."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from napari_stexp.evaluate import METHODS, SectionEvaluation
from napari_stexp.model import SectionInfo, log_normalize

#: Method -> noise added to the truth: the smaller, the better the prediction.
NOISE = {
    "mclstexp": 0.4,
    "nearest_colour": 3.0,
    "ridge_statistics": 0.8,
    "ridge_features": 1.0,
    "tissue_density": 1.6,
}
CLASSES = ("invasive cancer", "connective tissue", "adipose tissue")


def make_counts(n=45, g=60, seed=0):
    """Counts of three kinds of tissue, and which kind each spot is."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    rates = rng.gamma(1.0, 6.0, (3, g))
    return rng.poisson(rates[kind] * rng.uniform(0.5, 2, (n, 1))), kind


def make_evaluation(
    name="A1", patient="A", split="patient", n=45, g=60, seed=0, methods=METHODS, labels=True
):
    counts, kind = make_counts(n, g, seed)
    counts = sparse.csr_array(counts.astype(np.float32))
    rng = np.random.default_rng(seed + 1)
    predicted = {method: {} for method in methods}
    for scale in ("spot", "gene"):
        truth = log_normalize(counts, scale)
        for method in methods:
            noise = NOISE.get(method)
            values = (
                np.tile(truth.mean(axis=0), (n, 1))
                if noise is None
                else truth + rng.normal(0, noise, truth.shape)
            )
            predicted[method][scale] = values.astype(np.float32)
    names = np.array(CLASSES, dtype=object)[kind]
    names[0], names[1:2] = "undetermined", np.nan
    return SectionEvaluation(
        section=SectionInfo(name, patient, "breast"),
        split=split,
        genes=tuple(f"g{i}" for i in range(g)),
        spot_ids=np.array([f"{i}x1" for i in range(n)]),
        centers=np.stack([np.arange(n) * 256.0, np.ones(n)], axis=1),
        counts=counts,
        predicted=predicted,
        labels=pd.Series(names) if labels else None,
    )
