"""Small slides, spots and a tiny random bundle on disk, and a cluster in this process."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import build_tiny_bundle, write_ome_tiff

GENES = ("ERBB2", "COL1A1", "IGKC")
PATCH = 32
MPP = 0.5


@pytest.fixture
def make_slide(tmp_path):
    """Write a tiled 400 x 500 OME-TIFF at 0.5 µm/px: stained noise, the right part white."""

    def write(name="a", seed=0):
        rng = np.random.default_rng(seed)
        image = np.full((400, 500, 3), 245, dtype=np.uint8)
        image[:, :300] = rng.integers(-40, 40, (400, 300, 1)) + np.array([170, 90, 160])
        return write_ome_tiff(tmp_path / f"{name}.ome.tif", image, MPP)

    return write


@pytest.fixture
def spots_path(tmp_path):
    """Write a square grid of spots as h5ad."""
    from napari_stexp.spots import make_grid, write_spots

    grid = make_grid((400, 500), MPP, pitch_um=40, diameter_um=20, layout="square")
    return write_spots(grid, tmp_path / "spots.h5ad")


@pytest.fixture
def bundle_path(tmp_path):
    """Write a ResNet-18 with random weights and a bank of forty random spots."""
    return save_tiny_bundle(tmp_path / "tiny.safetensors")


def save_tiny_bundle(path, seed=0):
    from napari_stexp.model import save_bundle

    contract = {"patch_px": PATCH, "mpp": MPP, "fill": (0, 0, 0)}
    return save_bundle(build_tiny_bundle(GENES, {"A1": 40}, input=contract, seed=seed), path)


@pytest.fixture(autouse=True)
def _own_scratch(tmp_path):
    """Keep dask's scratch files out of the machine's temporary folder."""
    import dask

    with dask.config.set({"temporary-directory": str(tmp_path / "scratch")}):
        yield


@pytest.fixture
def client():
    """Return a client of a cluster of two workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as connected,
    ):
        yield connected
