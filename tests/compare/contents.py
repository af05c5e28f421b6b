"""A small section with everything that a comparison report can show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from shapely.geometry import Polygon, box

from napari_stexp.annotation import Region
from napari_stexp.compare import (
    ReportContent,
    SpotLabels,
    choose_sides,
    find_agreement,
    rank_region_genes,
)
from napari_stexp.evaluate import compare_prediction
from napari_stexp.model import log_normalize

MPP = 0.5
PITCH = 200.0  # px
SIDE = 10
N = SIDE * SIDE
GENES = tuple(f"GENE{at}" for at in range(12))
COLOURS = {"Tumor": (200, 0, 0), "Stroma": (20, 160, 90), "Necrosis": (50, 50, 50)}
LEFT, RIGHT = box(150, 150, 1100, 2150), box(1100, 150, 2150, 2150)
HOLE = box(1500, 1500, 1800, 1800)
REGIONS = (
    Region(LEFT, "Tumor", color=COLOURS["Tumor"]),
    Region(RIGHT.difference(HOLE), "Stroma", color=COLOURS["Stroma"]),
    Region(Polygon([(150, 150), (350, 150), (350, 350)]), None),
)


def make_centers() -> np.ndarray:
    rows, cols = (at.ravel() for at in np.mgrid[:SIDE, :SIDE])
    return np.column_stack([PITCH * (cols + 1), PITCH * (rows + 1)]).astype(float)


def make_counts(seed: int = 0) -> np.ndarray:
    """Counts (N, G): even genes are higher on the left, odd ones on the right."""
    rng = np.random.default_rng(seed)
    left = make_centers()[:, 0] < 1100
    even = np.arange(len(GENES)) % 2 == 0
    return rng.poisson(np.where(left[:, None] == even, 12.0, 3.0)).astype(np.float32)


def make_spots(counts: np.ndarray | None = None, genes: Any = GENES) -> AnnData:
    counts = make_counts() if counts is None else counts
    rows, cols = (at.ravel() for at in np.mgrid[:SIDE, :SIDE])
    adata = AnnData(
        X=sparse.csr_matrix(counts),
        obs=pd.DataFrame(
            {"array_row": rows, "array_col": cols},
            index=[f"{c}x{r}" for r, c in zip(rows, cols, strict=True)],
        ),
        var=pd.DataFrame(index=list(genes)),
    )
    adata.obsm["spatial"] = make_centers()
    adata.uns["stexp_spots"] = {"section": "Q1", "patient": "Q", "pitch_um": PITCH * MPP}
    return adata


def make_prediction(seed: int = 1, genes: Any = GENES, unpredicted: int = 0) -> AnnData:
    values = log_normalize(make_counts(), "spot")
    noise = np.random.default_rng(seed).normal(0, 0.15, values.shape)
    adata = make_spots(np.maximum(0.6 * values + 0.4 * values.mean() + noise, 0), genes)
    adata.X = np.asarray(adata.X.todense(), dtype=np.float32)
    adata.X[:unpredicted] = np.nan
    status = np.where(np.arange(N) < unpredicted, "outside", "ok")
    adata.obs["status"] = pd.Categorical(status)
    adata.uns["stexp"] = {
        "scale": "spot",
        "values": "log10(1 + counts scaled to 10000 per spot over the gene list)",
        "created": "2026-01-02T03:04:05+00:00",
        "slide": {"name": "slide one", "file": "one.tif", "fingerprint": "ab" * 32, "mpp": MPP},
        "model": {"name": "small model", "sha256": "cd" * 32, "encoder": "resnet18"},
        "reference": {"n_spots": 20, "sections": "A1", "overlap": "none"},
    }
    return adata


def make_labels(colours: dict[str, tuple[int, int, int]] | None = None) -> SpotLabels:
    """Left and right of the middle; a few spots without, and two of the third class."""
    colours = COLOURS if colours is None else colours
    first, second, third = colours
    values = np.where(make_centers()[:, 0] < 1100, first, second).astype(object)
    values[[3, 44]], values[[50, 51]] = "", third
    return SpotLabels("labels.geojson", "regions", values, colours)


def make_thumbnail() -> tuple[np.ndarray, float]:
    picture = np.full((230, 230, 3), 240, dtype=np.uint8)
    picture[20:200, 20:200] = (200, 120, 180)
    return picture, 10.0


def make_content(measured: bool = True, **changes: Any) -> ReportContent:
    prediction = changes.pop("prediction", make_prediction(unpredicted=2))
    labels = changes.pop("labels", make_labels())
    spots = make_spots(genes=prediction.var_names) if measured else None
    genes, values = list(prediction.var_names), np.asarray(prediction.X)
    names = list(labels.colours)
    sides = choose_sides(labels.values, names[0])
    contrasts = [rank_region_genes(values, genes, sides)]
    if measured:
        truth = log_normalize(spots.X, "spot")
        contrasts.append(rank_region_genes(truth, genes, sides, source="measured"))
    facts = {
        "section": "slide one",
        "prediction": prediction,
        "spots": spots,
        "labels": labels,
        "regions": REGIONS,
        "thumbnail": make_thumbnail(),
        "mpp": MPP,
        "genes": genes[:2],
        "contrasts": contrasts,
        "agreements": [find_agreement(values, labels.values)],
        "scores": compare_prediction(prediction, spots) if measured else None,
        "provenance": {"created": "2026-02-03", "parameters": {"margin_um": 0.0}},
    }
    return ReportContent(**(facts | changes))


def write_slide(folder: Path) -> Path:
    """A slide of 2300 px with tissue where the spots are."""
    from tests.builders import write_ome_tiff

    picture = np.kron(make_thumbnail()[0], np.ones((10, 10, 1), dtype=np.uint8))
    return write_ome_tiff(folder / "one.ome.tif", picture, MPP)
