"""Small slides, spots and a tiny random bundle on disk, and a cluster in this process."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import write_ome_tiff

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
    import torch
    from scipy import sparse

    from napari_stexp import model

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sections = (model.SectionInfo(name="A1", patient="A", n_spots=40),)
    header = model.BundleHeader(
        name="tiny",
        encoder="resnet18",
        genes=GENES,
        sizes=model.ModelSizes(projection=16, n_positions=(8, 8)),
        input=model.InputContract(patch_px=PATCH, mpp=MPP, fill=(0, 0, 0)),
        retrieval=model.Retrieval(k=5),
        sections=sections,
    )
    network = model.MclSTExp("resnet18", len(GENES), (8, 8), projection=16, patch_px=PATCH)
    bank = model.ReferenceBank(
        embeddings=rng.normal(size=(40, 16)).astype(np.float32),
        section=np.zeros(40, np.int32),
        sections=sections,
        spot_ids=np.array([f"s{i}" for i in range(40)]),
        positions=np.zeros((40, 2), np.int32),
        centers=np.zeros((40, 2)),
        counts=sparse.csr_array(rng.poisson(3.0, (40, len(GENES))).astype(np.float32)),
    )
    bundle = model.ModelBundle(header=header, state=network.state_dict(), bank=bank)
    return model.save_bundle(bundle, path)


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
