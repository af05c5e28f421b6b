"""OME-Zarr: layouts with known pixels, stores, damage."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_stexp.errors import SlideError, TileError
from napari_stexp.session.opening.recognising import recognise
from napari_stexp.slide import open_slide, prepare_slide
from tests.slide.builders.ngff import write_ngff


@pytest.fixture(scope="module")
def image(picture: np.ndarray) -> np.ndarray:
    return picture[:700, :900]


@pytest.mark.parametrize(
    ("version", "axes", "shard"),
    [("0.4", "tczyx", None), ("0.4", "yxc", None), ("0.5", "cyx", None), ("0.5", "tczyx", 512)],
)
def test_levels_pixels_and_scale(tmp_path: Path, image, version, axes, shard) -> None:
    path = write_ngff(
        tmp_path / "slide.ome.zarr", image, version=version, axes=axes, shard=shard, mpp=0.25
    )
    assert list(prepare_slide(path)) == []
    assert recognise(path) == "slide"
    with open_slide(path) as slide:
        assert (slide.name, slide.format) == ("slide", f"OME-Zarr {version}")
        assert slide.backend == "napari-stexp"
        assert slide.mpp_xy == (0.25, 0.25)
        assert [(one.shape, one.tile) for one in slide.levels] == [
            ((700, 900), (256, 256)), ((350, 450), (256, 256)),
        ]  # fmt: skip
        np.testing.assert_array_equal(slide.read_region(100, 50, 790, 640), image[50:690, 100:890])
        small = np.asarray(Image.fromarray(image).reduce(2))
        np.testing.assert_array_equal(slide.read_region(0, 0, 450, 350, 1), small)
    meta = path / ("zarr.json" if version == "0.5" else ".zattrs")
    assert recognise(meta) == "slide"
    with open_slide(meta) as again:
        assert again.path == path


def test_zip_and_missing_chunks(tmp_path: Path, image) -> None:
    path = write_ngff(tmp_path / "a.zarr", image, axes="yxc", version="0.4")
    shutil.make_archive(str(tmp_path / "b.zarr"), "zip", path)
    with open_slide(tmp_path / "b.zarr.zip") as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 900, 700), image)
        whole = slide.fingerprint()
    for channel in range(3):
        (path / "0" / f"1.2.{channel}").unlink()
    with open_slide(path) as slide:
        assert slide.fingerprint() == whole  # of the coarsest level
        assert (slide.read_region(256, 128, 128, 128) == 255).all()
        np.testing.assert_array_equal(slide.read_region(0, 0, 256, 128), image[:128, :256])


def test_bioformats2raw_shows_the_largest_series_and_keeps_the_label_back(
    tmp_path: Path, image
) -> None:
    root = tmp_path / "raw.zarr"
    zarr.open_group(root, mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    write_ngff(root / "0", image[:300, :300], version="0.4", axes="tczyx")
    write_ngff(root / "1", image, version="0.4", axes="tczyx")
    glass = np.zeros((2000, 1000, 3), np.uint8)
    write_ngff(root / "2", glass, version="0.4", axes="tczyx", levels=1, name="label image")
    with open_slide(root) as slide:
        assert slide.shape == (700, 900)
        assert slide.associated == ("label",)
        assert slide.associated_image("label").shape == glass.shape


def test_spatialdata_image_opens_by_its_place(tmp_path: Path, image) -> None:
    root = tmp_path / "store.zarr"
    zarr.open_group(root, mode="w").create_group("images")
    write_ngff(root / "images" / "he", image, unit=None)
    with open_slide(root) as slide:
        assert slide.shape == (700, 900)
        assert slide.mpp is None
    write_ngff(root / "images" / "other", image)
    with pytest.raises(SlideError, match=r"several images.*images/he, images/other"):
        open_slide(root)
    with open_slide(root / "images" / "he") as slide:
        assert slide.shape == (700, 900)


def test_what_is_no_rgb_picture_is_refused(tmp_path: Path) -> None:
    plain = np.zeros((64, 64, 3), np.uint8)
    for name, array, axes, match in (
        ("deep", plain.astype(np.uint16), "cyx", "uint16 values"),
        ("grey", plain[..., :1], "cyx", "one channel"),
        ("many", np.zeros((64, 64, 5), np.uint8), "cyx", "5 channels"),
    ):
        with pytest.raises(SlideError, match=match):
            open_slide(write_ngff(tmp_path / name, array, axes=axes, levels=1))
    path = write_ngff(tmp_path / "mask", plain, levels=1)
    with pytest.raises(SlideError, match="single array"):
        open_slide(path / "0")
    group = zarr.open_group(path, mode="a")
    group.attrs["ome"] = {"image-label": {}, **group.attrs["ome"]}
    with pytest.raises(SlideError, match="mask of labels"):
        open_slide(path)
    zarr.open_group(tmp_path / "plate", mode="w").attrs["ome"] = {"plate": {}}
    with pytest.raises(SlideError, match="plate"):
        open_slide(tmp_path / "plate")
    zarr.open_group(tmp_path / "none", mode="w")
    with pytest.raises(SlideError, match="holds no image"):
        open_slide(tmp_path / "none")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damage_gives_clear_errors(tmp_path: Path, paint, version: str) -> None:
    """Bit flips and cuts in every file of a store: a clear error, or pixels."""
    whole = write_ngff(
        tmp_path / "whole.zarr", paint(200, 200), version=version, levels=1,
        shard=256 if version == "0.5" else None,
    )  # fmt: skip
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    dice = random.Random(3)
    path = tmp_path / "broken.zarr"
    shutil.copytree(whole, path)
    for _ in range(80):
        place = dice.choice(files)
        data = bytearray((whole / place).read_bytes())
        if dice.random() < 0.3:
            del data[dice.randrange(len(data)) :]
        else:
            for _ in range(dice.randint(1, 4)):
                data[dice.randrange(min(len(data), 4000))] ^= 1 << dice.randrange(8)
        (path / place).write_bytes(bytes(data))
        _open_and_read(path)
        (path / place).write_bytes((whole / place).read_bytes())


def _open_and_read(path: Path) -> None:
    try:
        with open_slide(path) as slide:
            slide.read_region(0, 0, min(slide.shape[1], 300), min(slide.shape[0], 300))
    except (SlideError, TileError) as error:
        if str(path) not in error.message:
            raise
