"""Tiles and regions, against tifffile's and OpenSlide's own reading."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_stexp.errors import TileError
from napari_stexp.slide import open_slide

SLOW_FIXTURES = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

KINDS = {
    "raw": {},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib", "predictor": True},
    "lzw": {"compression": "lzw", "predictor": True},
    "zstd": {"compression": "zstd"},
    "jpeg 4:2:0": {"compression": "jpeg", "subsampling": (2, 2)},
    "jpeg 4:4:4": {"compression": "jpeg", "subsampling": (1, 1)},
    "jpeg in RGB": {"compression": "jpeg", "compressionargs": {"outcolorspace": "rgb"}},
    "jpeg2000": {"compression": "jpeg2000", "compressionargs": {"level": 40}},
    "webp": {"compression": "webp", "compressionargs": {"level": 90}},
    "planes": {"planarconfig": "separate", "compression": "zstd"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [(256, 256), (240, 240), (128, 384)])
def test_region_is_what_tifffile_reads(tmp_path: Path, write_slide, paint, kind, tile) -> None:
    options = dict(KINDS[kind])
    image = paint(613, 701)
    path = tmp_path / "a.tif"
    if "byteorder" in options:
        with tifffile.TiffWriter(path, byteorder=options.pop("byteorder")) as writer:
            writer.write(image, tile=tile, photometric="rgb", metadata=None)
    elif options.get("planarconfig"):
        tifffile.imwrite(
            path, image.transpose(2, 0, 1), tile=tile, photometric="rgb", metadata=None, **options
        )
    else:
        write_slide(path, image, tile=tile, **options)
    whole = tifffile.imread(path)
    whole = whole.transpose(1, 2, 0) if whole.shape[0] == 3 else whole
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 701, 613), whole)
        assert np.abs(whole.astype(int) - image).mean() < 8


@given(
    level=st.integers(0, 2),
    x=st.integers(-400, 3000),
    y=st.integers(-400, 2700),
    width=st.integers(0, 900),
    height=st.integers(0, 900),
    fill=st.tuples(*[st.integers(0, 255)] * 3),
)
@SLOW_FIXTURES
def test_any_rectangle_is_the_padded_page(
    exact_slide: Path, exact_pages, cut, *, level, x, y, width, height, fill
) -> None:
    with open_slide(exact_slide) as slide:
        found = slide.read_region(x, y, width, height, level, fill)
    np.testing.assert_array_equal(found, cut(exact_pages[level], x, y, width, height, fill))


@given(x=st.integers(0, 2400), y=st.integers(0, 2100), level=st.integers(0, 1))
@settings(SLOW_FIXTURES, max_examples=40)
def test_jpeg_equals_openslide(jpeg_slide: Path, x: int, y: int, level: int) -> None:
    with open_slide(jpeg_slide) as slide, openslide.OpenSlide(str(jpeg_slide)) as other:
        width, height = other.level_dimensions[level]
        w, h = min(300, width - x), min(300, height - y)
        if w <= 0 or h <= 0:
            return
        factor = 2**level
        theirs = other.read_region((x * factor, y * factor), level, (w, h)).convert("RGB")
        np.testing.assert_array_equal(slide.read_region(x, y, w, h, level), np.asarray(theirs))


@pytest.mark.parametrize("compression", [33003, 33005])
def test_aperio_jpeg2000_colours_equal_openslide(tmp_path: Path, paint, compression: int) -> None:
    """33003 keeps YCbCr inside the codestream and says so by its number only."""
    import imagecodecs

    image = paint(512, 512)
    stored = image
    if compression == 33003:
        stored = np.asarray(Image.fromarray(image).convert("YCbCr"))
    tiles = [
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(stored[y : y + 256, x : x + 256]), level=60, mct=False,
            codecformat="j2k",
        )
        for y in (0, 256) for x in (0, 256)
    ]  # fmt: skip
    path = tmp_path / "a.svs"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter(tiles), shape=image.shape, dtype=np.uint8, tile=(256, 256), photometric="rgb",
            compression=34712, metadata=None, description="Aperio Image Library v1\r\n512x512",
        )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(compression)
    with open_slide(path) as slide, openslide.OpenSlide(str(path)) as other:
        assert other.properties["openslide.vendor"] == "aperio"
        theirs = np.asarray(other.read_region((0, 0), 0, (512, 512)).convert("RGB")).astype(int)
        ours = slide.read_region(0, 0, 512, 512).astype(int)
        assert np.abs(ours - theirs).max() <= 2  # two roundings of the colour transform
        assert np.abs(ours - image).mean() < 2


@given(data=st.data())
@settings(SLOW_FIXTURES, max_examples=30)
def test_synthesised_level_is_the_mean_of_2_x_2(
    tmp_path_factory, write_slide, paint, data: st.DataObject
) -> None:
    height, width = data.draw(st.sampled_from([(301, 2301), (2100, 77), (513, 4099)]))
    image = paint(height, width)
    folder = tmp_path_factory.mktemp("synthesised")
    side = data.draw(st.sampled_from([240, 256, 2048]))
    path = write_slide(folder / "a.tif", image, tile=(side, side), compression="zstd")
    with open_slide(path) as slide:
        expected = image
        for n, level in enumerate(slide.levels):
            if n:
                padded = np.pad(
                    expected.astype(int),
                    ((0, expected.shape[0] % 2), (0, expected.shape[1] % 2), (0, 0)), mode="edge",
                )  # fmt: skip
                h, w = padded.shape[:2]
                blocks = padded.reshape(h // 2, 2, w // 2, 2, 3).sum(axis=(1, 3))
                expected = (blocks + 2) // 4
            found = slide.read_region(0, 0, level.shape[1], level.shape[0], n)
            np.testing.assert_array_equal(found, expected)


def test_tile_at_the_border_is_whole_and_read_only(exact_slide: Path, picture) -> None:
    with open_slide(exact_slide) as slide:
        tile = slide.read_tile(0, 8, 9)
        assert tile.shape == (256, 256, 3)
        np.testing.assert_array_equal(tile[: 2219 - 2048, : 2531 - 2304], picture[2048:, 2304:])
        with pytest.raises(ValueError, match="read-only"):
            tile[0, 0] = 0
        with pytest.raises(IndexError):
            slide.read_tile(0, 9, 0)
        with pytest.raises(IndexError):
            slide.read_tile(0, 0, -1)


def test_missing_tiles_are_glass(tmp_path: Path, exact_slide: Path) -> None:
    """A sparse file lists tiles of no bytes where the scanner saw nothing."""
    path = tmp_path / "sparse.tif"
    path.write_bytes(exact_slide.read_bytes())
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tag = tif.pages[0].tags["TileByteCounts"]
        tag.overwrite((0, *tag.value[1:]))
    with open_slide(path) as slide:
        assert (slide.read_tile(0, 0, 0) == 255).all()
        assert not (slide.read_tile(0, 0, 1) == 255).all()


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_alpha_is_laid_over_glass(tmp_path: Path, write_slide, paint, kind: str) -> None:
    image = paint(300, 400)
    alpha = np.full((300, 400, 1), 255, np.uint8)
    alpha[:100], alpha[100:200] = 0, 128
    colours = image.copy()
    if kind == "assocalpha":
        colours = (image.astype(int) * alpha // 255).astype(np.uint8)
    path = write_slide(
        tmp_path / "a.tif", np.concatenate([colours, alpha], axis=2), extrasamples=[kind]
    )
    expected = image * (alpha / 255.0) + 255 * (1 - alpha / 255.0)
    with open_slide(path) as slide:
        found = slide.read_region(0, 0, 400, 300)
    assert (found[:100] == 255).all()
    assert np.abs(found - expected).max() <= 1.01
    np.testing.assert_array_equal(found[200:], image[200:])


def test_broken_tile_is_an_error_and_the_rest_is_not(broken_slide: Path, picture) -> None:
    with open_slide(broken_slide) as slide:
        with pytest.raises(TileError, match=r"broken\.tif"):
            slide.read_tile(0, 2, 3)
        with pytest.raises(TileError):
            slide.read_region(700, 500, 100, 100)
        np.testing.assert_array_equal(slide.read_region(0, 0, 768, 512), picture[:512, :768])


def test_many_threads_read_what_one_reads(jpeg_slide: Path) -> None:
    with open_slide(jpeg_slide) as slide:
        tiles = [(0, r, c) for r in range(9) for c in range(10)] * 4
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda at: slide.read_tile(*at), tiles))
    with open_slide(jpeg_slide) as slide:
        for at, tile in zip(tiles, found, strict=True):
            np.testing.assert_array_equal(tile, slide.read_tile(*at))
