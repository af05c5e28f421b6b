"""Small measured sections as files: a slide each, and spots whose colour it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_stexp.spots import SectionSource, write_spots
from tests.builders import write_ome_tiff
from tests.train.conftest import build_section

PATCH = 16


def draw_slide(seed: int = 0, side: int = 400) -> np.ndarray:
    """A picture of noise with a gradient: no two patches are alike."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 120, (side, side, 3))
    image[..., 0] += np.linspace(0, 120, side).astype(int)[:, None]
    return image.astype(np.uint8)


def write_section(
    folder: Path, name: str, *, n: int = 12, seed: int = 0, mpp: float | None = None, **kwargs
) -> SectionSource:
    """Write a slide (tiled OME-TIFF where ``mpp`` is given, else PNG) and spots."""
    folder.mkdir(parents=True, exist_ok=True)
    _, adata = build_section(name, n, seed=seed, patient=name[0], **kwargs)
    adata.obsm["spatial"] = adata.obsm["spatial"] * 0.5
    del adata.uns["stexp_spots"]["pitch_um"]
    spots = write_spots(adata, folder / f"{name}.h5ad")
    image = draw_slide(seed)
    slide = folder / f"{name}.png"
    if mpp is None:
        Image.fromarray(image).save(slide)
    else:
        slide = write_ome_tiff(folder / f"{name}.ome.tif", image, mpp)
    return SectionSource(name, name[0], organ="breast", technology="test", slide=slide, spots=spots)
