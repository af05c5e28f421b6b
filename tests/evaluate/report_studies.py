"""Small invented studies for the tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from napari_stexp.evaluate.assess import assess
from napari_stexp.evaluate.results import SectionEvaluation, StudyResult
from napari_stexp.model.expression import log_normalize
from napari_stexp.model.header import SectionInfo
from napari_stexp.progress import exhaust

#: How much of the measurement each method follows.
SKILL = {
    "mclstexp": 0.6,
    "mean": 0.0,
    "nearest_colour": 0.1,
    "ridge_statistics": 0.4,
    "ridge_features": 0.3,
    "tissue_density": 0.2,
}
LABELS = ("invasive cancer", "connective tissue", "adipose tissue")


def make_section(
    name: str = "S1",
    patient: str = "P1",
    *,
    seed: int = 0,
    n_genes: int = 30,
    side: int = 9,
    split: str = "section",
    skill: dict[str, float] | None = None,
    labels: bool = True,
    thumbnail: bool = True,
    scales: Sequence[str] = ("spot", "gene"),
    genes: Sequence[str] | None = None,
    blank_genes: int = 0,
    unpredicted: int = 0,
) -> SectionEvaluation:
    """Make a section of side² spots in three bands that differ in expression.

    The first ``blank_genes`` genes have no count, the last ``unpredicted`` spots no
    prediction.
    """
    rng = np.random.default_rng(seed)
    n_spots = side**2
    row, column = np.divmod(np.arange(n_spots), side)
    band = row * 3 // side
    level = rng.gamma(2.0, 2.0, size=(3, n_genes))[band] * rng.gamma(1.0, 4.0, size=n_genes)
    counts = rng.poisson(level * rng.uniform(0.5, 1.5, size=(n_spots, 1))).astype(np.float32)
    counts[:, :blank_genes] = 0
    predicted = {
        method: {
            scale: _follow(log_normalize(counts, scale), part, rng, unpredicted) for scale in scales
        }
        for method, part in (skill or SKILL).items()
    }
    text = np.array([LABELS[at] for at in band], dtype=object)
    text[:2] = "undetermined", np.nan
    centers = np.stack([column, row], axis=1) * 200.0 + 150.0
    return SectionEvaluation(
        section=SectionInfo(name, patient, "breast", "st", n_spots),
        split=split,
        genes=tuple(genes or (f"GENE{at + 1}" for at in range(n_genes))),
        spot_ids=np.array([f"{x}x{y}" for x, y in zip(column, row, strict=True)]),
        centers=centers,
        counts=sparse.csr_array(counts),
        predicted=predicted,
        labels=pd.Series(text) if labels else None,
        thumbnail=_paint(side, rng) if thumbnail else None,
        thumbnail_scale=10.0,
    )


def _follow(
    truth: np.ndarray, skill: float, rng: np.random.Generator, unpredicted: int
) -> np.ndarray:
    mean = truth.mean(axis=0)
    if not skill:
        values = np.tile(mean, (len(truth), 1))
    else:
        noise = rng.normal(size=truth.shape) * truth.std()
        values = mean + 0.4 * (skill * (truth - mean) + (1 - skill) * noise)
    if unpredicted:
        values[-unpredicted:] = np.nan
    return values.astype(np.float32)


def _paint(side: int, rng: np.random.Generator) -> np.ndarray:
    size = side * 20 + 10
    shade = np.linspace(200, 120, size)[:, None, None] * np.array([1.0, 0.75, 0.95])
    noise = rng.normal(0, 12, size=(size, size, 1))
    return np.clip(shade + noise, 0, 255).astype(np.uint8)


def make_study(
    sections: Sequence[SectionEvaluation], facts: dict[str, Any] | None = None, **settings: Any
) -> StudyResult:
    """Assess sections, with few resamples and without Leiden."""
    settings = {"n_bootstrap": 40, "algorithms": ("kmeans",)} | settings
    return exhaust(assess(sections, facts, **settings))
