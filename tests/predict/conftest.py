"""A small slide on disk, spots on it, and a real (tiny, random) mclSTExp bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.builders import write_ome_tiff

GENES = ("ERBB2", "COL1A1", "IGKC", "ADIPOQ", "KRT19", "CD74", "SFRP2")
PATCH = 32
MPP = 0.5


@pytest.fixture(scope="session")
def slide_path(tmp_path_factory):
    """A tiled 600 x 800 OME-TIFF of noise and stripes at 0.5 µm/px."""
    rng = np.random.default_rng(0)
    image = rng.integers(60, 250, (600, 800, 3)).astype(np.uint8)
    image[:, ::40] = (200, 20, 120)
    return write_ome_tiff(tmp_path_factory.mktemp("slide") / "small.ome.tif", image, MPP)


@pytest.fixture(scope="session")
def unscaled_path(tmp_path_factory, slide_path):
    """The same pixels in a file that doesn't say how large they are."""
    import tifffile

    path = tmp_path_factory.mktemp("slide") / "unscaled.tif"
    tifffile.imwrite(path, tifffile.imread(slide_path), tile=(128, 128), photometric="rgb")
    return path


@pytest.fixture
def slide(slide_path):
    from napari_stexp.slide import open_slide

    with open_slide(slide_path) as opened:
        yield opened


@pytest.fixture
def unscaled(unscaled_path):
    from napari_stexp.slide import open_slide

    with open_slide(unscaled_path) as opened:
        yield opened


def build_spots(xy, **record):
    """Spots without measurement at (x, y) level-0 px."""
    from anndata import AnnData

    xy = np.asarray(xy, dtype=float)
    adata = AnnData(obs=pd.DataFrame(index=[f"spot-{i}" for i in range(len(xy))]))
    adata.obsm["spatial"] = xy
    adata.uns["stexp_spots"] = record
    adata.uns["spatial"] = {"lib": {"scalefactors": {"spot_diameter_fullres": 50.0}}}
    return adata


@pytest.fixture
def make_spots():
    return build_spots


@pytest.fixture
def spots():
    """Thirty spots: 24 in the image, 4 at its border, 2 outside."""
    rng = np.random.default_rng(1)
    inside = rng.uniform([20, 20], [780, 580], (24, 2))
    border = [[2, 300], [797.5, 300], [400, 1], [400, 598]]
    outside = [[-500, 100], [400, 900]]
    order = rng.permutation(30)
    return build_spots(np.vstack([inside, border, outside])[order])


def build_bundle(n=40, seed=0, **changes):
    """A bundle of a ResNet-18 with random weights and a bank of n spots in three sections.

    Changes are fields of the header, or ``input``'s and ``retrieval``'s.
    """
    import torch
    from scipy import sparse

    from napari_stexp import model

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    contract = {"patch_px": PATCH, "mpp": MPP, "fill": (0, 0, 0)} | changes.pop("input", {})
    retrieval = {"k": 5} | changes.pop("retrieval", {})
    section = np.sort(rng.integers(0, 3, n)).astype(np.int32)
    sections = tuple(
        model.SectionInfo(name=name, patient=patient, n_spots=int((section == i).sum()))
        for i, (name, patient) in enumerate([("A1", "A"), ("B1", "B"), ("B2", "B")])
    )
    header = model.BundleHeader(
        name="tiny",
        encoder="resnet18",
        genes=GENES,
        sizes=model.ModelSizes(projection=16, n_positions=(8, 8)),
        input=model.InputContract(**contract),
        retrieval=model.Retrieval(**retrieval),
        sections=sections,
        **changes,
    )
    network = model.MclSTExp(
        "resnet18",
        len(GENES),
        (8, 8),
        projection=16,
        patch_px=contract["patch_px"],
        context=header.input.n_fields,
    )
    bank = model.ReferenceBank(
        embeddings=rng.normal(size=(n, 16)).astype(np.float32),
        section=section,
        sections=sections,
        spot_ids=np.array([f"s{i}" for i in range(n)]),
        positions=np.zeros((n, 2), np.int32),
        centers=np.zeros((n, 2)),
        counts=sparse.csr_array(rng.poisson(3.0, (n, len(GENES))).astype(np.float32)),
    )
    return model.ModelBundle(header=header, state=network.state_dict(), bank=bank)


@pytest.fixture(scope="session")
def bundle():
    return build_bundle()


@pytest.fixture
def make_bundle():
    return build_bundle
