"""Whole files of every format, damage to them, and reading what is left, for fuzz_formats.py."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

#: Sides of the pictures: several tiles, and quickly read.
SIZE = (420, 520)
#: Numbers that break sums: none, all bits, the largest with a sign, and the smallest.
_EXTREMES = (b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\1")


def picture(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """Slopes and grain, (h, w, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([x * 200 // width, y * 200 // height, (x + y) % 97 * 2], axis=2)
    grain = np.random.default_rng(0).integers(0, 30, slopes.shape)
    return (slopes + grain).astype(np.uint8)


def build_all(folder: Path) -> dict[str, Path]:
    """Write a whole file (or folder) of each format; what to open of each, by its name."""
    made: dict[str, Path] = {}
    for build in (_tiffs, _makers, _stores, _flat, _spots):
        for name, make in build():
            place = folder / name.replace(" ", "-")
            place.mkdir(parents=True)
            made[name] = make(place)
    return made


Maker = Iterator[tuple[str, Callable[[Path], Path]]]


def _tiffs() -> Maker:
    import tifffile
    from PIL import Image, ImageCms

    from tests.slide.builders import makers

    image = picture()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kinds: dict[str, dict] = {
        "raw": {}, "jpeg": {"compression": "jpeg", "iccprofile": profile},
        "zstd": {"compression": "zstd", "predictor": True},
        "jp2k": {"compression": "jpeg2000", "compressionargs": {"level": 40}},
        "lzw": {"compression": "lzw"},
    }  # fmt: skip

    def write(path: Path, **options) -> Path:
        small = np.asarray(Image.fromarray(image).reduce(2))
        options = {"photometric": "rgb", "tile": (128, 128), **options}
        scale = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
        ome = path.name.endswith("ome.tif")
        extra = {} if ome else {"metadata": None}
        with tifffile.TiffWriter(path, ome=ome) as writer:
            writer.write(image, subifds=1 if ome else 0, **scale, **extra, **options)
            options.pop("iccprofile", None)
            writer.write(small, subfiletype=1, metadata=None, **options)
        return path

    for name, options in kinds.items():
        yield f"tiff {name}", lambda f, o=options: write(f / "a.tif", **o)
    yield "svs", lambda f: makers.write_svs(f / "a.svs", image, compression="jpeg")
    yield "ome-tiff", lambda f: write(f / "a.ome.tif", compression="zlib")


def _makers() -> Maker:
    from tests.slide.builders import makers, ndpi

    image, whole = picture(), picture(384, 512)
    levels = [picture(416, 512), picture(208, 256)]
    yield "ndpi", lambda f: ndpi.write_ndpi(f / "a.ndpi", levels)
    yield "ndpi no table", lambda f: ndpi.write_ndpi(f / "a.ndpi", levels, table=False)
    yield "scn", lambda f: makers.write_scn(f / "a.scn", [(500, 700, image), (1700, 90, whole)])
    yield "bif", lambda f: makers.write_bif(f / "a.bif", image)
    yield "bif overlaps", lambda f: makers.write_bif(f / "a.bif", image, overlap=6)
    yield "philips", lambda f: makers.write_philips(f / "a.tiff", whole)
    yield "ome files", lambda f: makers.write_ome_files(f, image, companion=False)
    yield "ome companion", lambda f: makers.write_ome_files(f, image, companion=True)


def _stores() -> Maker:
    from tests.slide.builders import dicom, ngff

    image = picture()
    yield "zarr 0.4", lambda f: ngff.write_ngff(f / "a.zarr", image, version="0.4")
    yield "zarr 0.5", lambda f: ngff.write_ngff(f / "a.zarr", image, shard=256)
    yield "dicom", lambda f: dicom.write_dicom(f / "case", image)


def _flat() -> Maker:
    import tifffile
    from PIL import Image

    def save(path: Path) -> Path:
        Image.fromarray(picture()).save(path, dpi=(50800, 50800))
        return path

    def strips(path: Path) -> Path:
        tifffile.imwrite(path, picture(), photometric="rgb", compression="zlib", rowsperstrip=64)
        return path

    yield "jpeg", lambda f: save(f / "a.jpg")
    yield "png", lambda f: save(f / "a.png")
    yield "tiff strips", lambda f: strips(f / "a.tif")


def _spots() -> Maker:
    from tests.spots import hd_layouts, layouts

    def h5ad(path: Path) -> Path:
        import anndata
        import pandas as pd
        from scipy import sparse

        rng = np.random.default_rng(0)
        names = [f"{n}x1" for n in range(30)]
        counts = sparse.csr_matrix(rng.integers(0, 5, (30, 8)).astype(np.float32))
        data = anndata.AnnData(counts, obs=pd.DataFrame(index=names))
        data.obsm["spatial"] = rng.uniform(0, 500, (30, 2))
        data.uns["stexp_spots"] = {"technology": "Visium", "pitch_um": 100.0}
        data.write_h5ad(path)
        return path

    def visium(folder: Path, counts: str) -> Path:
        layouts.write_visium(folder / "run", counts=counts)
        return folder / "run"

    def bins(folder: Path) -> Path:
        hd_layouts.write_square(folder / "square_008um", 8)
        return folder / "square_008um"

    def cells(folder: Path) -> Path:
        hd_layouts.write_cells(folder / "segmented_outputs")
        return folder / "segmented_outputs"

    yield "spots visium h5", lambda f: visium(f, "h5")
    yield "spots visium mtx", lambda f: visium(f, "mtx")
    yield "spots hd bins", bins
    yield "spots hd cells", cells
    yield "spots h5ad", lambda f: h5ad(f / "a.h5ad")


class Damage:
    """Damage to a copy of one original, undone after use.

    Parameters
    ----------
    original, copy : Path
        What to open, and where its copy lies: files, or folders.
    """

    def __init__(self, original: Path, folder: Path, copy: Path) -> None:
        shutil.copytree(folder, copy)
        self.opened = copy / original.relative_to(folder)
        self._folder, self._copy = folder, copy
        self._files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())

    def make(self, dice: random.Random) -> Path:
        """Spoil one file, and return which."""
        place = dice.choice(self._files)
        data = bytearray((self._folder / place).read_bytes())
        spoil(data, dice)
        (self._copy / place).write_bytes(bytes(data))
        return place

    def undo(self, place: Path) -> None:
        """Put the file back."""
        (self._copy / place).write_bytes((self._folder / place).read_bytes())


def spoil(data: bytearray, dice: random.Random) -> None:
    """Cut it off, flip bits, or put in extreme numbers, or blanks."""
    if not data:
        return
    kind = dice.random()
    if kind < 0.2:
        del data[dice.randrange(len(data)) :]
        return
    ends = 1500
    for _ in range(dice.randint(1, 6)):
        where = dice.random()
        low, high = 0, len(data)
        if where < 0.35:  # directories and headers lie at either end
            high = min(len(data), ends)
        elif where < 0.7:
            low = max(0, len(data) - ends)
        at = dice.randrange(low, high)
        if kind < 0.65:
            data[at] ^= 1 << dice.randrange(8)
        elif kind < 0.9:
            number = dice.choice(_EXTREMES)
            data[at : at + len(number)] = number[: len(data) - at]
        else:
            count = min(dice.randint(1, 300), len(data) - at)
            data[at : at + count] = bytes(count)


def read(name: str, path: Path) -> str:
    """Open what is left of a file and read all kinds of it; what came of it, in a word."""
    from napari_stexp.errors import StexpError

    try:
        return _read_spots(path) if name.startswith("spots") else _read_slide(path)
    except StexpError as error:
        str(error)
        return "refused"


def _read_spots(path: Path) -> str:
    from napari_stexp.spots import read_spots

    read_spots(path)
    return "read"


def _read_slide(path: Path) -> str:
    from napari_stexp.errors import StexpError, TileError
    from napari_stexp.progress import exhaust
    from napari_stexp.slide import PatchReader, open_slide, prepare_slide

    exhaust(prepare_slide(path))
    with open_slide(path, colour="sRGB") as slide:
        slide.thumbnail(300)
        whole = True
        height, width = slide.shape
        centers = np.array([(60, 60), (200, 150), (width - 40, height - 40), (0, 0)], float)
        for mpp in (None, 1.0):
            whole &= bool(PatchReader(slide, 64, mpp).read(centers).ok.all())
        for level in range(len(slide.levels)):
            try:
                slide.read_region(10, 10, 300, 200, level)
            except TileError:
                whole = False
        slide.describe()
        for beside in slide.associated:
            with suppress(StexpError):
                slide.associated_image(beside)
    return "read" if whole else "read in part"
