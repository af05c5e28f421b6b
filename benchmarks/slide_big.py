"""Memory and time for a 37,000 x 40,000 px slide, without and with looking around.

    python benchmarks/slide_big.py [--width 37000 --height 40000] [--views 300] [--single-level]

Makes a JPEG-tiled pyramid in a temporary folder, and reports in a fresh
process: opening it, reading the coarsest level, and panning a 1280 x 800 view
over all levels through the dask arrays that napari is given.
`write_big_slide` can be used elsewhere to make the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TILE = 256
VIEW = (800, 1280)


def make_texture(side: int = 2048, seed: int = 0) -> np.ndarray:
    """Return a (side, side, 3) uint8 texture with the detail of an H&E slide at 20x.

    Haematoxylin nuclei over uneven eosin, mixed as optical densities
    (Ruifrok and Johnston 2001) with camera noise; periodic, so that it tiles.
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)

    def blobs(sigma: float) -> np.ndarray:
        field = gaussian_filter(
            rng.standard_normal((side, side)).astype(np.float32), sigma, mode="wrap"
        )
        return field / field.std()

    stroma = np.clip(0.35 + 0.10 * blobs(24) + 0.08 * blobs(3), 0.02, None)
    nuclei = np.clip(blobs(4) - 1.2, 0, 0.8) * np.clip(1 + 0.4 * blobs(48), 0, None)
    haematoxylin, eosin = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
    density = nuclei[..., None] * 1.6 * haematoxylin + stroma[..., None] * eosin
    light = 245 * np.exp(-density) + rng.normal(0, 2.5, density.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def _encoded_tiles(texture: np.ndarray, shape: tuple[int, int], quality: int) -> Iterator[bytes]:
    """Yield a level's JPEG tiles; each different piece of ``texture`` is coded once."""
    import imagecodecs

    side = texture.shape[0]
    repeated = np.tile(texture, (2 if side >= TILE else -(-2 * TILE // side),) * 2 + (1,))
    coded: dict[tuple[int, int], bytes] = {}
    for top in range(0, shape[0], TILE):
        for left in range(0, shape[1], TILE):
            y, x = top % side, left % side
            if (y, x) not in coded:
                coded[y, x] = imagecodecs.jpeg8_encode(
                    np.ascontiguousarray(repeated[y : y + TILE, x : x + TILE]),
                    level=quality, colorspace="rgb", outcolorspace="ycbcr", subsampling="420",
                )  # fmt: skip
            yield coded[y, x]


def write_big_slide(
    path: str | Path,
    width: int = 37_000,
    height: int = 40_000,
    *,
    mpp: float = 0.5,
    quality: int = 80,
    single_level: bool = False,
    texture: np.ndarray | None = None,
) -> Path:
    """Write a JPEG-tiled pyramidal TIFF of any size without holding it in memory.

    Parameters
    ----------
    path : path-like
    width, height : int
        Level 0, in px.
    mpp : float
        µm per level-0 pixel, written as resolution tags.
    quality : int
        JPEG quality; chroma is subsampled 4:2:0, as scanners do.
    single_level : bool
        Leave out the coarser levels.
    texture : (side, side, 3) uint8 array, optional
        What is repeated; ``side`` a power of two.
    """
    import tifffile
    from PIL import Image

    path = Path(path)
    texture = make_texture() if texture is None else texture
    shapes = [(height, width)]
    while not single_level and max(shapes[-1]) > 1024:
        shapes.append((shapes[-1][0] // 2, shapes[-1][1] // 2))
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for n, shape in enumerate(shapes):
            writer.write(
                _encoded_tiles(texture, shape, quality),
                shape=(*shape, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="ycbcr",
                compression="jpeg", subsampling=(2, 2), subfiletype=1 if n else 0, metadata=None,
                resolution=(1e4 / mpp / 2**n,) * 2, resolutionunit="CENTIMETER",
            )  # fmt: skip
            if texture.shape[0] > 1:
                texture = np.asarray(Image.fromarray(texture).reduce(2))
    return path


def resident_mb() -> float:
    """Resident memory of this process now, in MB (10^6 bytes)."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


def pan(levels: list, views: int, seed: int = 0) -> tuple[list[float], float]:
    """Read random views of all levels; return seconds of each and the most memory seen (MB)."""
    rng = np.random.default_rng(seed)
    seconds, peak = [], 0.0
    for _ in range(views):
        array = levels[rng.integers(len(levels))]
        top = rng.integers(max(1, array.shape[0] - VIEW[0]))
        left = rng.integers(max(1, array.shape[1] - VIEW[1]))
        start = time.perf_counter()
        np.asarray(array[top : top + VIEW[0], left : left + VIEW[1]])
        seconds.append(time.perf_counter() - start)
        peak = max(peak, resident_mb())
    return seconds, peak


def measure(path: Path, views: int) -> dict[str, float]:
    """Open, show and pan, in this process."""
    before = resident_mb()
    from napari_stexp.progress import exhaust
    from napari_stexp.slide import open_slide, prepare_slide

    start = time.perf_counter()
    exhaust(prepare_slide(path))
    prepared = time.perf_counter()
    with open_slide(path) as slide:
        opened = time.perf_counter()
        levels = slide.dask_levels()
        listed = time.perf_counter()
        np.asarray(levels[-1])
        shown = time.perf_counter()
        after_open = resident_mb()
        seconds, peak = pan(levels, views)
        return {
            "levels": len(levels),
            "prepare s": prepared - start,
            "open s": opened - prepared,
            "dask arrays s": listed - opened,
            "coarsest level s": shown - listed,
            "view, median s": float(np.median(seconds)),
            "view, 95 % s": float(np.percentile(seconds, 95)),
            "view, slowest s": max(seconds),
            "memory at start MB": before,
            "memory with picture MB": after_open,
            "memory, most while panning MB": peak,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=37_000)
    parser.add_argument("--height", type=int, default=40_000)
    parser.add_argument("--views", type=int, default=300)
    parser.add_argument("--single-level", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.views)))
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = write_big_slide(
            Path(folder) / "big.tif", arguments.width, arguments.height,
            single_level=arguments.single_level,
        )  # fmt: skip
        print(
            f"{arguments.width} x {arguments.height} px, {path.stat().st_size / 1e6:,.0f} MB, "
            f"written in {time.perf_counter() - start:.1f} s"
        )
        command = [
            sys.executable,
            __file__,
            "--measure",
            str(path),
            "--views",
            str(arguments.views),
        ]
        import os

        environment = {**os.environ, "STEXP_CACHE_DIR": str(Path(folder) / "cache")}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        for name, value in json.loads(done.stdout).items():
            print(f"{name:32} {value:10.3f}")


if __name__ == "__main__":
    main()
