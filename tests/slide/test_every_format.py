"""Any rectangle, level and scale of every format is the naive answer, in both kinds of colours."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from napari_stexp.slide import PatchReader, open_slide
from napari_stexp.slide.patches import SAME_SCALE
from tests.slide.builders import makers
from tests.slide.builders.dicom import write_dicom
from tests.slide.builders.icc import other_profile
from tests.slide.builders.ndpi import encode, write_ndpi
from tests.slide.builders.ngff import write_ngff

HEIGHT, WIDTH = 512, 768


@dataclass(frozen=True)
class Built:
    """A slide, what its levels hold, and its profile."""

    path: Path
    levels: list[np.ndarray]
    icc: bytes = b""


@pytest.fixture(scope="module")
def image(paint) -> np.ndarray:
    return paint(HEIGHT, WIDTH, 3)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, image, write_slide) -> Callable[[str], Built]:
    """Write a format at its first use."""
    import imagecodecs

    folder = tmp_path_factory.mktemp("formats")
    levels = [image, makers.halve(image)]
    scale = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    jpegs = [imagecodecs.jpeg8_decode(encode(level)) for level in levels]
    philips = [image.copy(), *([makers.halve(image), makers.halve(makers.halve(image))])]
    philips[0][:128, :128] = 255
    icc = other_profile()

    def tiff(name: str, **options) -> Path:
        return write_slide(folder / name, image, levels=2, tile=(128, 128), **scale, **options)

    def flat() -> Path:
        Image.fromarray(image).save(folder / "a.png", dpi=(50800, 50800), icc_profile=icc)
        return folder / "a.png"

    def inside(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    recipes: dict[str, Callable[[], Built]] = {
        "tiff": lambda: Built(tiff("a.tif", compression="zstd", iccprofile=icc), levels, icc),
        "svs": lambda: Built(
            makers.write_svs(folder / "a.svs", image, iccprofile=icc), levels, icc
        ),
        "ome-tiff": lambda: Built(tiff("a.ome.tif", subifds=True, compression="lzw"), levels),
        "ome files": lambda: Built(
            makers.write_ome_files(inside("ome"), image, companion=True), levels
        ),
        "scn": lambda: Built(makers.write_scn(folder / "a.scn", [(500, 700, image)]), levels),
        "bif": lambda: Built(makers.write_bif(folder / "a.bif", image), levels),
        "philips": lambda: Built(makers.write_philips(folder / "a.tiff", image), philips),
        "ndpi": lambda: Built(write_ndpi(folder / "a.ndpi", levels), jpegs),
        "ome-zarr 0.4": lambda: Built(write_ngff(folder / "a.zarr", image, version="0.4"), levels),
        "ome-zarr 0.5": lambda: Built(write_ngff(folder / "b.zarr", image, shard=256), levels),
        "dicom": lambda: Built(write_dicom(folder / "case", image, icc=icc), levels, icc),
        "png": lambda: Built(flat(), [image], icc),
    }
    made: dict[str, Built] = {}
    return lambda name: made[name] if name in made else made.setdefault(name, recipes[name]())


FORMATS = (
    "tiff", "svs", "ome-tiff", "ome files", "scn", "bif", "philips", "ndpi", "ome-zarr 0.4",
    "ome-zarr 0.5", "dicom", "png",
)  # fmt: skip
#: One of each way to read; all others are converted behind the same ones.
WITH_PROFILE = ("tiff", "svs", "dicom", "png")


def in_srgb(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """Convert a whole picture at once, as PIL does."""
    converted = ImageCms.profileToProfile(
        Image.fromarray(pixels), ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )  # fmt: skip
    return np.asarray(converted)


def naive_patch(levels: list[np.ndarray], reader: PatchReader, center, mpp: float, cut):
    """Cut the patch from the whole level, or resize that; None too near the border for it."""
    patch, whole = reader.patch_px, levels[reader.level]
    if abs(mpp / 0.5 - 1) <= SAME_SCALE:
        left, top = (math.floor(c) - patch // 2 for c in center)
        return cut(whole, left, top, patch, patch), 0
    ratio, down = mpp / 0.5, 2.0**reader.level
    left, top = ((math.floor(c) - ratio * (patch // 2)) / down for c in center)
    box = (left, top, left + patch * ratio / down, top + patch * ratio / down)
    if min(box) < 8 or box[2] > whole.shape[1] - 8 or box[3] > whole.shape[0] - 8:
        return None, 0
    small = Image.fromarray(whole).resize((patch, patch), Image.Resampling.BILINEAR, box)
    return np.asarray(small), 2


@pytest.mark.parametrize(
    ("name", "colour"),
    [*((name, "stored") for name in FORMATS), *((name, "sRGB") for name in WITH_PROFILE)],
)
def test_any_rectangle_level_and_scale(make, cut, name: str, colour: str) -> None:
    built = make(name)
    levels = [in_srgb(v, built.icc) if colour == "sRGB" else v for v in built.levels]
    with open_slide(built.path, mpp=0.5, colour=colour) as slide:
        assert [one.shape for one in slide.levels] == [v.shape[:2] for v in levels]
        assert slide.colour == colour

        @given(
            level=st.integers(0, len(levels) - 1),
            corner=st.tuples(st.integers(-150, 900), st.integers(-150, 650)),
            size=st.tuples(st.integers(0, 500), st.integers(0, 500)),
            center=st.tuples(st.floats(-60, 800), st.floats(-60, 560)),
            mpp=st.floats(0.2, 1.9),
            patch=st.sampled_from([32, 65, 112]),
        )
        @settings(deadline=None, max_examples=25, derandomize=True)
        def check(*, level, corner, size, center, mpp, patch) -> None:
            found = slide.read_region(*corner, *size, level)
            np.testing.assert_array_equal(found, cut(levels[level], *corner, *size))
            reader = PatchReader(slide, patch, mpp, threads=1)
            expected, near = naive_patch(levels, reader, center, mpp, cut)
            if expected is not None:
                pixels = reader.read([center]).pixels[0].astype(int)
                assert np.abs(pixels - expected).max() <= near

        check()
