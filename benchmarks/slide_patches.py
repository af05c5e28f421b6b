"""Dense 224-px patches per second: dask slices, openslide-python, napari-stexp.

    python benchmarks/slide_patches.py [--side 8192] [--seconds 5]

Same file (a JPEG-tiled pyramid made in a temporary folder), same patches in
the same order, one core, the file in the system's cache. Every reader's first
patches are compared with each other before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from slide_big import write_big_slide

PATCH = 224
BATCH = 64
Patches = Iterator[np.ndarray]


def dense_centers(side: int, stride: int) -> np.ndarray:
    """Centres (x, y) of patches side by side, in rows."""
    at = np.arange(PATCH // 2, side - PATCH // 2, stride)
    x, y = np.meshgrid(at, at)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(float)


def with_dask(path: Path, centers: np.ndarray) -> Patches:
    """Slice tifffile's zarr store as a dask array, one patch after another."""
    import dask.array as da
    import tifffile

    with tifffile.imread(path, aszarr=True, level=0) as store:
        array = da.from_zarr(store)
        for x, y in centers.astype(int) - PATCH // 2:
            yield array[y : y + PATCH, x : x + PATCH].compute(scheduler="synchronous")[None]


def with_openslide(path: Path, centers: np.ndarray) -> Patches:
    import openslide

    with openslide.OpenSlide(str(path)) as slide:
        for x, y in centers.astype(int) - PATCH // 2:
            region = slide.read_region((int(x), int(y)), 0, (PATCH, PATCH))
            yield np.asarray(region.convert("RGB"))[None]


def with_ours(path: Path, centers: np.ndarray, mpp: float | None = None) -> Patches:
    from napari_stexp.slide import PatchReader, open_slide

    with open_slide(path) as slide:
        reader = PatchReader(slide, PATCH, mpp, threads=1)
        for start in range(0, len(centers), BATCH):
            yield reader.read(centers[start : start + BATCH]).pixels


def rate(make: Callable[[], Patches], seconds: float) -> float:
    """Patches per second, over at least ``seconds`` or all patches once."""
    count, start = 0, time.perf_counter()
    for patches in make():
        count += len(patches)
        if time.perf_counter() - start > seconds:
            break
    return count / (time.perf_counter() - start)


def check_equal(path: Path, centers: np.ndarray) -> None:
    """Stop unless all readers give the same pixels."""
    ours = np.concatenate(list(with_ours(path, centers[:32])))
    for reader in (with_dask, with_openslide):
        theirs = np.concatenate(list(reader(path, centers[:32])))
        if not np.array_equal(ours, theirs):
            raise SystemExit(f"{reader.__name__} reads other pixels than PatchReader")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192, help="of the test slide, px")
    parser.add_argument("--seconds", type=float, default=5.0, help="per reader")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = write_big_slide(Path(folder) / "slide.tif", arguments.side, arguments.side)
        check_equal(path, dense_centers(arguments.side, PATCH))
        print(f"{'stride':>8} {'reader':<34} {'patches/s':>10}")
        for stride in (PATCH, PATCH // 2):
            centers = dense_centers(arguments.side, stride)
            readers = {
                "dask slices (tifffile, zarr)": lambda c=centers: with_dask(path, c),
                "openslide-python": lambda c=centers: with_openslide(path, c),
                "napari-stexp": lambda c=centers: with_ours(path, c),
                "napari-stexp, resampled x 1.3": lambda c=centers: with_ours(path, c, 0.65),
            }
            for name, make in readers.items():
                print(f"{stride:>8} {name:<34} {rate(make, arguments.seconds):>10,.0f}")


if __name__ == "__main__":
    main()
