"""Patches per second beside openslide-python, tiffslide and cuCIM (on the CPU), on the same files.

    uv pip install --target READERS tiffslide cucim-cu12      (neither is needed by the project)
    python benchmarks/slide_readers.py --readers READERS [--slide FILE ...] [--picture FILE]

Readers whose package isn't there are left out. The files: a JPEG pyramid and a JPEG 2000 SVS that
the script makes in a temporary folder, of a texture or of ``--picture``; and any other ``--slide``.

Each patch is 224 px of level 0, as an RGB array. All readers read the same patches, one after the
other within each round and from a slide opened anew; the table holds the medians over all rounds.
Before anything is timed, their pixels are compared. All are kept on one processor (the second
thread on another one). Patterns:

- ``random``: patches anywhere. ``one by one`` is a call of `Slide.read_region` for each; else the
  patches are given to `PatchReader` in batches of 64, as prediction does.
- ``dense``: patches in rows, side by side or with half of each shared with the next.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from slide_big import make_texture

PATCH = 224
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
BATCH = 64
Corners = np.ndarray  # (n, 2) int, x and y of upper left pixels
Patches = Iterator[np.ndarray]
Read = Callable[[Path, Corners], Patches]


def with_openslide(path: Path, corners: Corners) -> Patches:
    import openslide

    with openslide.OpenSlide(str(path)) as slide:
        for x, y in corners.tolist():
            yield np.asarray(slide.read_region((x, y), 0, (PATCH, PATCH)).convert("RGB"))


def with_tiffslide(path: Path, corners: Corners) -> Patches:
    import tiffslide

    with tiffslide.TiffSlide(str(path)) as slide:
        for x, y in corners.tolist():
            yield slide.read_region((x, y), 0, (PATCH, PATCH), as_array=True)


def with_cucim(path: Path, corners: Corners) -> Patches:
    from cucim import CuImage

    slide = CuImage(str(path))
    for x, y in corners.tolist():
        yield np.asarray(slide.read_region((x, y), (PATCH, PATCH), 0))
    slide.close()


def one_by_one(path: Path, corners: Corners) -> Patches:
    from napari_stexp.slide import open_slide

    with open_slide(path) as slide:
        for x, y in corners.tolist():
            yield slide.read_region(x, y, PATCH, PATCH)


def in_batches(path: Path, corners: Corners, threads: int = 1) -> Patches:
    from napari_stexp.slide import PatchReader, open_slide

    with open_slide(path) as slide:
        reader = PatchReader(slide, PATCH, threads=threads)
        for _, batch in (
            reader.stream(corners + PATCH // 2, BATCH)
            if threads > 1
            else (
                (None, reader.read(corners[n : n + BATCH] + PATCH // 2))
                for n in range(0, len(corners), BATCH)
            )
        ):
            yield from batch.pixels


READERS: dict[str, Read] = {
    "napari-stexp, one by one": one_by_one,
    "napari-stexp": in_batches,
    "napari-stexp, two threads": lambda path, corners: in_batches(path, corners, 2),
    "openslide-python": with_openslide,
    "tiffslide": with_tiffslide,
    "cuCIM (CPU)": with_cucim,
}


def random_corners(shape: tuple[int, int], n: int, seed: int) -> Corners:
    rng = np.random.default_rng(seed)
    high = np.array(shape[::-1]) - PATCH
    return rng.integers(0, high, (n, 2))


def dense_corners(shape: tuple[int, int], n: int, stride: int) -> Corners:
    """Return ``n`` corners in rows, of a field about as high as it is wide."""
    across = min(int(n**0.5) + 1, (shape[1] - PATCH) // stride + 1)
    down = min(-(-n // across), (shape[0] - PATCH) // stride + 1)
    y, x = np.mgrid[:down, :across]
    return np.stack([x.ravel(), y.ravel()], axis=1)[:n] * stride


# ---- files -------------------------------------------------------------------------------


def make_picture(path: Path | None) -> np.ndarray:
    """Return what the files hold, (h, w, 3) uint8."""
    if path is None:
        texture = make_texture()
        return np.tile(texture, (4, 4, 1))
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    return np.asarray(Image.open(path).convert("RGB"))


def write_jpeg_pyramid(path: Path, image: np.ndarray) -> Path:
    """Write what scanners write: JPEG tiles of 256 px, YCbCr 4:2:0, three levels."""
    import tifffile
    from PIL import Image

    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for n in range(3):
            writer.write(
                image, photometric="rgb", tile=(256, 256), subfiletype=1 if n else 0,
                compression="jpeg", compressionargs={"level": 80}, subsampling=(2, 2),
                metadata=None,
            )  # fmt: skip
            image = np.asarray(Image.fromarray(image).reduce(4))
    return path


def write_jpeg2000_svs(path: Path, image: np.ndarray) -> Path:
    """Write an Aperio SVS whose tiles are JPEG 2000 codestreams in RGB (compression 33005)."""
    import imagecodecs
    import tifffile

    height, width = (side // 256 * 256 for side in image.shape[:2])

    def tiles() -> Iterator[bytes]:
        for y in range(0, height, 256):
            for x in range(0, width, 256):
                piece = np.ascontiguousarray(image[y : y + 256, x : x + 256])
                yield imagecodecs.jpeg2k_encode(piece, level=30, codecformat="j2k", mct=True)

    tifffile.imwrite(
        path, tiles(), shape=(height, width, 3), dtype=np.uint8, photometric="rgb",
        tile=(256, 256), compression=33005, metadata=None,
        description=f"Aperio Image Library v11\r\n{width}x{height} (256x256) J2K/KDU Q=30"
        "|AppMag = 20|MPP = 0.5",
    )  # fmt: skip
    return path


# ---- measuring ---------------------------------------------------------------------------


def available(path: Path) -> dict[str, Read]:
    """Return the readers that can read a file, and tell which can't."""
    found = {}
    for name, read in READERS.items():
        try:
            next(iter(read(path, np.array([[0, 0]]))))
        except Exception as error:  # noqa: BLE001 - a missing package, or a file it doesn't take
            print(f"{name} is left out for {path.name}: {type(error).__name__}: {error}")
        else:
            found[name] = read
    return found


def compare(path: Path, readers: dict[str, Read], corners: Corners) -> None:
    """Print by how much the pixels of other readers differ."""
    wanted = np.stack(list(one_by_one(path, corners))).astype(int)
    for name, read in readers.items():
        found = np.stack([patch[..., :3] for patch in read(path, corners)])
        if name.endswith("two threads"):  # in an order of its own
            continue
        print(f"{name}: largest difference {np.abs(found - wanted).max()}")


def measure(
    path: Path, readers: dict[str, Read], patterns: dict[str, list[Corners]]
) -> dict[str, dict[str, float]]:
    """Return patches per second by pattern and reader."""
    rates: dict[str, dict[str, list[float]]] = {p: {r: [] for r in readers} for p in patterns}
    for pattern, rounds in patterns.items():
        for n, corners in enumerate(rounds):
            names = list(readers)
            for name in names[n % len(names) :] + names[: n % len(names)]:
                use_cores(2 if name.endswith("two threads") else 1)
                start = time.perf_counter()
                count = sum(1 for _ in readers[name](path, corners))
                rates[pattern][name].append(count / (time.perf_counter() - start))
    return {p: {r: statistics.median(v) for r, v in found.items()} for p, found in rates.items()}


def use_cores(n: int) -> None:
    """Keep this process, and the threads it starts from now on, on so many processors."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(CORES[:n]))


def print_table(path: Path, rates: dict[str, dict[str, float]]) -> None:
    names = list(next(iter(rates.values())))
    print(f"\n| {path.name}, patches/s | " + " | ".join(rates) + " |")
    print("| --- |" + " --- |" * len(rates))
    for name in names:
        print(f"| {name} | " + " | ".join(f"{rates[p][name]:,.0f}" for p in rates) + " |")
    print()


def main() -> None:
    from napari_stexp.memory import keep_freed_memory

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=Path, help="folder that the others are installed in")
    parser.add_argument("--slide", type=Path, action="append", default=[])
    parser.add_argument("--picture", type=Path, help="what the made files hold")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patches", type=int, default=400, help="per round")
    options = parser.parse_args()
    keep_freed_memory()  # as in the project's programs; for all readers alike
    if options.readers is not None:
        sys.path.append(str(options.readers))
    with tempfile.TemporaryDirectory() as folder:
        image = make_picture(options.picture)
        files = [
            *options.slide,
            write_jpeg_pyramid(Path(folder) / "jpeg.tif", image),
            write_jpeg2000_svs(Path(folder) / "jpeg2000.svs", image[:4096, :4096]),
        ]
        del image
        for path in files:
            run(path, options.rounds, options.patches)


def run(path: Path, rounds: int, n: int) -> None:
    from napari_stexp.slide import open_slide

    with open_slide(path) as slide:
        shape = slide.shape
    readers = available(path)
    compare(path, readers, random_corners(shape, 16, 99))
    n = n // 4 if "2000" in path.name else n
    patterns = {
        "random": [random_corners(shape, n, seed) for seed in range(rounds)],
        "dense, stride 224": [dense_corners(shape, n, 224)] * rounds,
        "dense, stride 112": [dense_corners(shape, n, 112)] * rounds,
    }
    print_table(path, measure(path, readers, patterns))


if __name__ == "__main__":
    main()
