"""Pixels that aren't 8-bit RGB: converted by the stated rules, in TIFF, JPEG and PNG."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from napari_stexp.slide import open_slide
from napari_stexp.slide.pixels import full_scale

HEIGHT, WIDTH = 200, 300


@pytest.fixture(scope="module")
def image(paint) -> np.ndarray:
    return paint(HEIGHT, WIDTH)


def write(path: Path, pixels: np.ndarray, tile, **options) -> Path:
    tifffile.imwrite(path, pixels, tile=tile, metadata=None, **options)
    return path


def read(path: Path) -> np.ndarray:
    with open_slide(path, backend="own") as slide:
        return slide.read_region(0, 0, WIDTH, HEIGHT)


def scaled(pixels: np.ndarray, full: int) -> np.ndarray:
    return np.floor(np.minimum(pixels, full) / full * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize("tile", [(128, 128), None])
def test_tiff(tmp_path: Path, monkeypatch, image, tile) -> None:
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "cache"))
    grey, path = image[..., 0], tmp_path / "a.tif"
    thrice = np.repeat(grey[..., None], 3, 2)

    write(path, grey, tile, photometric="minisblack")
    np.testing.assert_array_equal(read(path), thrice)
    write(path, grey, tile, photometric="miniswhite")
    np.testing.assert_array_equal(read(path), 255 - thrice)
    pixels = image.astype(np.uint16) * 257 - (image > 0)
    write(path, pixels, tile, photometric="rgb", compression="zlib", predictor=True)
    np.testing.assert_array_equal(read(path), scaled(pixels, 65535))
    write(path, pixels >> 4, tile, photometric="rgb", extratags=[(281, "H", 3, (4095,) * 3, True)])
    np.testing.assert_array_equal(read(path), scaled(pixels >> 4, 4095))
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    write(path, grey, tile, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read(path), (colours >> 8).T[grey])
    inks = np.concatenate([255 - image, np.full((HEIGHT, WIDTH, 1), 40, np.uint8)], axis=2)
    write(path, inks, tile, photometric="separated")
    expected = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    np.testing.assert_array_equal(read(path), expected)
    light = np.asarray(Image.fromarray(image).convert("YCbCr"))
    write(path, light, tile, photometric="ycbcr", extratags=[(530, "H", 2, (1, 1), True)])
    assert np.abs(read(path).astype(int) - image).max() <= 3


@pytest.mark.parametrize("compression", [1, 5])
def test_subsampled_colours_equal_openslide(tmp_path: Path, image, compression: int) -> None:
    """Raw and LZW YCbCr with halved colours, in data units of six bytes."""
    light = np.asarray(Image.fromarray(np.pad(image, ((0, 56), (0, 84), (0, 0)))).convert("YCbCr"))
    y = light[..., 0].reshape(128, 2, 192, 2).swapaxes(1, 2).reshape(128, 192, 4)
    units = np.concatenate([y, light[::2, ::2, 1:]], axis=2)
    tiles = []
    for top in (0, 64):
        for left in (0, 64, 128):
            data = np.ascontiguousarray(units[top : top + 64, left : left + 64]).tobytes()
            tiles.append(imagecodecs.lzw_encode(data) if compression == 5 else data)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter(tiles), shape=(HEIGHT, WIDTH, 3), dtype=np.uint8, tile=(128, 128),
            photometric="ycbcr", subsampling=(2, 2), compression=7, metadata=None,
        )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(compression)
    with openslide.OpenSlide(path) as other:
        theirs = np.asarray(other.read_region((0, 0), 0, (WIDTH, HEIGHT)).convert("RGB"))
    assert np.abs(read(path).astype(int) - theirs).max() <= 2


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("LA", "a.png"), ("P", "a.png"), ("1", "a.png"), ("L", "a.jpg"),
     ("CMYK", "a.jpg")],
)  # fmt: skip
def test_flat_images(tmp_path: Path, image, mode: str, name: str) -> None:
    picture = Image.fromarray(image).convert(mode)
    picture.save(tmp_path / name)
    with Image.open(tmp_path / name) as stored:
        expected = np.asarray(stored.convert("RGB"))
    np.testing.assert_array_equal(read(tmp_path / name), expected)


def test_png_of_16_bits(tmp_path: Path, image) -> None:
    pixels = image.astype(np.uint16) * 251
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    np.testing.assert_array_equal(read(tmp_path / "a.png"), scaled(pixels, 65535))


def test_transparent_palette_lies_over_glass(tmp_path: Path) -> None:
    picture = Image.new("P", (WIDTH, HEIGHT), 1)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.paste(0, (0, 0, 100, 100))
    picture.save(tmp_path / "a.png", transparency=0)
    found = read(tmp_path / "a.png")
    assert (found[:100, :100] == 255).all()
    assert (found[100:, 100:] == (40, 50, 60)).all()


def test_full_scale() -> None:
    assert full_scale(16) == 65535
    assert full_scale(16, (4095, 4095, 4095)) == 4095
    assert full_scale(16, 40000) == 65535  # the brightest pixel, not a depth
    assert full_scale(16, significant=10) == 1023
    assert full_scale(8, 255) == 255
    assert full_scale(1) == 1
