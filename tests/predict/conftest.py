"""A small slide on disk, spots on it, and a real (tiny, random) mclSTExp bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.builders import build_tiny_bundle, write_ome_tiff

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
    rng = np.random.default_rng(seed)
    counts = np.bincount(rng.integers(0, 3, n), minlength=3).tolist()
    contract = {"patch_px": PATCH, "mpp": MPP, "fill": (0, 0, 0)} | changes.pop("input", {})
    sections = dict(zip(("A1", "B1", "B2"), counts, strict=True))
    return build_tiny_bundle(GENES, sections, input=contract, seed=seed, rng=rng, **changes)


@pytest.fixture(scope="session")
def bundle():
    return build_bundle()


@pytest.fixture
def make_bundle():
    return build_bundle
