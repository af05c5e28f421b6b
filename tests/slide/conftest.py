"""Slides with known pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _paint(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A (height, width, 3) uint8 picture with no two pieces alike: slopes, squares and grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([x / width * 200, y / height * 200, (x + y) % 97 * 2], axis=2)
    for _ in range(12):
        cy, cx, r = rng.integers(height), rng.integers(width), rng.integers(8, 60)
        top, left = max(cy - r, 0), max(cx - r, 0)
        piece = image[top : cy + r, left : cx + r]
        piece[...] = 255 - piece * rng.random(3).astype(np.float32)
    image += rng.standard_normal(image.shape, np.float32) * 8 + 20
    return np.clip(image, 0, 255).astype(np.uint8)


def _write_slide(
    path: Path,
    image: np.ndarray,
    *,
    levels: int = 1,
    factor: int = 2,
    tile: tuple[int, int] | None = (256, 256),
    subifds: bool = False,
    **options,
) -> Path:
    """Write a tiled TIFF with ``levels`` levels, each by means over ``factor`` x ``factor``."""
    import tifffile

    options.setdefault("photometric", "rgb")
    options.setdefault("metadata", None)
    ome = path.name.endswith(("ome.tif", "ome.tiff"))
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False), ome=ome) as writer:
        writer.write(image, tile=tile, subifds=levels - 1 if subifds else 0, **options)
        options.pop("description", None)
        if ome:
            options["metadata"] = None
        for _ in range(levels - 1):
            image = np.asarray(Image.fromarray(image).reduce(factor))
            writer.write(image, tile=tile, subfiletype=1, **options)
    return path


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """2,531 x 2,219 px of known pixels, no multiple of any tile."""
    return _paint(2219, 2531)


@pytest.fixture(scope="session")
def jpeg_slide(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> Path:
    """A two-level JPEG pyramid (YCbCr, 4:2:0) as scanners write them."""
    path = tmp_path_factory.mktemp("jpeg") / "jpeg.tif"
    return _write_slide(
        path, picture[:2218, :2530], levels=2, compression="jpeg", subsampling=(2, 2),
        resolution=(20000, 20000), resolutionunit="CENTIMETER",
    )  # fmt: skip


@pytest.fixture(scope="session")
def exact_slide(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> Path:
    """A lossless pyramid of `picture` with levels 1, 2 and 4, 0.5 µm/px."""
    path = tmp_path_factory.mktemp("exact") / "exact.tif"
    return _write_slide(
        path, picture, levels=3, compression="zstd", predictor=True,
        resolution=(20000, 20000), resolutionunit="CENTIMETER",
    )  # fmt: skip


@pytest.fixture(scope="session")
def exact_pages(exact_slide: Path) -> list[np.ndarray]:
    """The levels of `exact_slide`, as tifffile reads them."""
    import tifffile

    return [tifffile.imread(exact_slide, key=n) for n in range(3)]


@pytest.fixture(scope="session")
def broken_slide(tmp_path_factory: pytest.TempPathFactory, exact_slide: Path) -> Path:
    """`exact_slide` with garbage in the level-0 tile of row 2, column 3."""
    import tifffile

    with tifffile.TiffFile(exact_slide) as tif:
        page = tif.pages[0]
        index = 2 * -(-page.imagewidth // 256) + 3
        offset, count = page.dataoffsets[index], page.databytecounts[index]
    data = bytearray(exact_slide.read_bytes())
    data[offset : offset + count] = b"\xa5" * count
    path = tmp_path_factory.mktemp("broken") / "broken.tif"
    path.write_bytes(data)
    return path


def _cut(image: np.ndarray, x: int, y: int, width: int, height: int, fill=(0, 0, 0)) -> np.ndarray:
    """The naive answer: pad the whole picture, and slice it."""
    whole = np.empty((height, width, 3), np.uint8)
    whole[:] = fill
    y0, y1 = max(y, 0), min(y + height, image.shape[0])
    x0, x1 = max(x, 0), min(x + width, image.shape[1])
    if y1 > y0 and x1 > x0:
        whole[y0 - y : y1 - y, x0 - x : x1 - x] = image[y0:y1, x0:x1]
    return whole


@pytest.fixture(scope="session")
def cut() -> Callable[..., np.ndarray]:
    return _cut


@pytest.fixture(scope="session")
def paint() -> Callable[..., np.ndarray]:
    return _paint


@pytest.fixture(scope="session")
def write_slide() -> Callable[..., Path]:
    return _write_slide
