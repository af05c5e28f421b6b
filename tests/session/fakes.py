"""Small stand-ins with the shape of the real slide, model and prediction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.predict import Prediction, SpotBatch
from napari_stexp.slide.facts import SlideFacts


@dataclass(frozen=True)
class FakeSlide:
    path: Path = Path("slide.ome.tif")
    shape: tuple[int, int] = (1000, 2000)
    mpp: float | None = 0.5
    mpp_source: str = "metadata"
    closed: list = field(default_factory=list, compare=False)
    facts: SlideFacts = field(default_factory=lambda: SlideFacts("OME-TIFF"))
    settled: tuple = ()
    colour: str = "stored"
    has_profile: bool = False
    associated: tuple = ()

    @property
    def name(self):
        return self.path.name

    @property
    def objective(self):
        return self.facts.objective

    @property
    def mpp_xy(self):
        return None if self.mpp is None else (self.mpp, self.mpp)

    def with_mpp(self, mpp, source="user", settled=()):
        return replace(self, mpp=mpp, mpp_source=source, settled=tuple(settled), closed=[])

    def fingerprint(self):
        return "0" * 64

    def dask_levels(self):
        import dask.array as da

        height, width = self.shape
        rows = np.linspace(120, 250, height, dtype=np.uint8)[:, None, None]
        image = np.broadcast_to(rows, (height, width, 3)).copy()
        image[::50] = 40
        return [da.from_array(image[::step, ::step], chunks=(512, 512, 3)) for step in (1, 2)]

    def close(self):
        self.closed.append(True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def make_prediction(spots, genes, var=None, uns=None):
    """Return an empty prediction of these spots."""
    n = spots.n_obs
    obs = pd.DataFrame({"status": np.full(n, "pending")}, index=spots.obs_names)
    return Prediction(
        AnnData(
            np.full((n, len(genes)), np.nan, np.float32),
            obs=obs,
            var=pd.DataFrame(var or {}, index=list(genes)),
            obsm={"spatial": spots.obsm["spatial"].copy()},
            uns=uns or {},
        )
    )


def make_spots(n=6, genes=(), counts=None, first=(200.0, 300.0), step=200.0, prefix="spot"):
    """Spots in a row, ``step`` px apart."""
    xy = np.array(first) + np.arange(n)[:, None] * np.array([step, 0.0])
    matrix = np.zeros((n, len(genes)), np.float32) if counts is None else np.asarray(counts)
    return AnnData(
        csr_matrix(matrix, dtype=np.float32),
        obs=pd.DataFrame(index=[f"{prefix}{i}" for i in range(n)]),
        var=pd.DataFrame(index=list(genes)),
        obsm={"spatial": xy},
        uns={"spatial": {"a": {"scalefactors": {"spot_diameter_fullres": 110.0}}}},
    )


def make_region(x=100.0, y=200.0, width=400.0, height=200.0, class_name="Tumor", **facts):
    """Return a rectangle, (x, y) level-0 px, of its upper left corner."""
    return Region(box(x, y, x + width, y + height), class_name=class_name, **facts)


def make_batch(index, values, status="ok", confidence=0.5):
    n = len(index)
    level = np.full(n, confidence, np.float32)
    return SpotBatch(
        index=np.asarray(index),
        values=np.asarray(values, np.float32),
        similarity=level,
        effective_k=level,
        confidence=level,
        status=np.broadcast_to(np.asarray(status, dtype="<U10"), n).copy(),
    )


def make_bundle(genes=("A", "B", "C"), mpp=None, scores=None):
    header = SimpleNamespace(input=SimpleNamespace(mpp=mpp), genes=tuple(genes))
    table = None if scores is None else pd.DataFrame({"pcc_spot": scores}, index=list(genes))
    return SimpleNamespace(header=header, genes=tuple(genes), scores=table)
