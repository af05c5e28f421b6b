"""A session shown in a viewer without Qt, and small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_stexp.session import Session
from tests.builders import write_ome_tiff
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

GENES = ("ERBB2", "COL1A1", "IGKC")


@pytest.fixture
def viewer():
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def adapter(session, viewer):
    from napari_stexp.viewer import LayerAdapter

    adapter = LayerAdapter(session, viewer)
    yield adapter
    adapter.close()


@pytest.fixture
def predicted(session, adapter):
    """Six spots: four with values, one that failed, one pending."""
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(6))
    scores = {"pcc_spot": [0.6, 0.5, 0.4]}
    session.set_prediction(make_prediction(session.spots, GENES, var=scores))
    values = np.array([[0, 3, 9], [1, 2, 9], [2, 1, 9], [3, 0, 9], [np.nan] * 3], dtype=np.float32)
    session.add_batch(make_batch(range(5), values, ["ok", "ok", "border", "ok", "unreadable"]))
    return session


def write_slide(path: Path, size: int = 1024, mpp: float = 0.5) -> Path:
    """Write a tiled pink-and-white OME-TIFF."""
    image = np.full((size, size, 3), 240, np.uint8)
    image[size // 4 : -size // 4, size // 4 : -size // 4] = (205, 120, 170)
    return write_ome_tiff(path, image, mpp, tile=256)


def write_svs(path: Path, size: int = 1024, mpp: float = 0.5) -> Path:
    """Write what an Aperio scanner would: a tiled TIFF whose description says so."""
    image = np.full((size, size, 3), 235, np.uint8)
    tifffile.imwrite(
        path, image, photometric="rgb", tile=(256, 256), compression="jpeg", metadata=None,
        description=f"Aperio Image Library v1\r\n{size}x{size} (256x256) JPEG/RGB Q=70"
                    f"|AppMag = 20|MPP = {mpp}",
    )  # fmt: skip
    return path
