"""Files that are no slide: each a `SlideError` that names the file and what was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_stexp.errors import OutputError, SlideError, TileError
from napari_stexp.progress import exhaust
from napari_stexp.slide import flat, open_slide, prepare_slide

GREY = np.full((300, 300), 90, np.uint8)
RGB = np.full((300, 300, 3), 90, np.uint8)


def refused(path: Path, match: str) -> None:
    """Both ways in refuse the file in the same words."""
    with pytest.raises(SlideError, match=match) as opening:
        open_slide(path)
    assert opening.value.path == path
    with pytest.raises(SlideError, match=match):
        exhaust(prepare_slide(path))


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.tif", "doesn't exist")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"")
    refused(tmp_path / "a.svs", "is empty")


@pytest.mark.parametrize("content", [b"\0" * 100, b"gene,spot\n1,2\n", b"GIF89a" + b"\1" * 50])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    refused(
        tmp_path / "a.tif", "expected a tiled TIFF, OME-TIFF, OME-Zarr, JPEG, PNG, or a scanner's"
    )


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.tif", b"II*\0"),
        ("a.tif", b"MM\0*"),
        ("a.tif", b"II+\0\x08\0\0\0"),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"\x5a" * 1000, b"\0" * 1000])
def test_a_head_and_garbage(tmp_path: Path, name: str, head: bytes, rest: bytes) -> None:
    (tmp_path / name).write_bytes(head + rest)
    refused(tmp_path / name, "damaged|cut off")


@pytest.mark.parametrize(
    ("image", "options", "found"),
    [
        (RGB.astype(np.float32), {"photometric": "rgb"}, "32-bit"),
        (RGB.astype(np.uint32), {"photometric": "rgb"}, "32-bit"),
        (RGB.astype(np.int8), {"photometric": "rgb"}, "int8"),
        (GREY.astype(np.complex64), {"photometric": "minisblack"}, "complex"),
        (np.repeat(GREY[..., None], 5, 2), {"photometric": "rgb"}, "5 samples"),
        (np.repeat(GREY[..., None], 5, 2), {"photometric": "separated"}, "5 samples"),
        (
            np.repeat(GREY[..., None], 4, 2),
            {"photometric": "rgb", "extrasamples": ["unspecified"]},
            "4 samples",
        ),
        (np.stack([RGB] * 4), {"photometric": "rgb"}, "4 planes"),
        (np.stack([GREY] * 4), {"photometric": "minisblack"}, "4 planes"),
    ],
)
@pytest.mark.parametrize("tile", [(128, 128), None])
def test_tiff_without_a_meaning_in_colours(tmp_path: Path, image, options, found, tile) -> None:
    path = tmp_path / ("a.tif" if image.ndim == 3 and image.shape[2] > 4 else "a.ome.tif")
    tifffile.imwrite(path, image, tile=tile, **options)
    refused(path, f"found .*{found}")


def test_tile_of_a_size_that_no_scanner_writes(tmp_path: Path, exact_slide: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(exact_slide.read_bytes())
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["TileWidth"].overwrite(60000)
        tif.pages[0].tags["TileLength"].overwrite(60000)
    refused(path, "tiles of at most 67 megapixels; found 60000 x 60000 px")


@pytest.mark.parametrize(("number", "found"), [(6, "old-style JPEG"), (60123, "60123")])
def test_compression_that_is_not_read(
    tmp_path: Path, exact_slide: Path, number: int, found: str
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(exact_slide.read_bytes())
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(number)
    with pytest.raises(SlideError, match=f"compressed in a way that isn't read here.*{found}"):
        open_slide(path, backend="own")
    with pytest.raises(SlideError):
        open_slide(path)


def test_old_style_jpeg_with_its_tables_in_each_tile(tmp_path: Path, jpeg_slide: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(jpeg_slide.read_bytes())
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(6)
    with open_slide(path, backend="own") as slide, open_slide(jpeg_slide) as other:
        np.testing.assert_array_equal(slide.read_tile(0, 1, 1), other.read_tile(0, 1, 1))


def test_a_tile_that_claims_gigabytes_is_not_decoded(tmp_path: Path, jpeg_slide: Path) -> None:
    data = bytearray(jpeg_slide.read_bytes())
    with tifffile.TiffFile(jpeg_slide) as tif:
        start = tif.pages[0].dataoffsets[0]
    frame = data.index(b"\xff\xc0", start)
    data[frame + 5 : frame + 9] = b"\xff\xdc\xff\xdc"
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with open_slide(path) as slide:
        with pytest.raises(TileError, match="65500 x 65500 px in one tile"):
            slide.read_tile(0, 0, 0)
        slide.read_tile(0, 1, 1)


def test_zero_size(tmp_path: Path, exact_slide: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(exact_slide.read_bytes())
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(0)
    refused(path, "found an empty image")


def test_too_large_an_image_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat, "MAX_FLAT_PIXELS", 1000)
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "too large .* tiled, pyramidal TIFF")
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", rowsperstrip=300)
    refused(tmp_path / "a.tif", "too large")


def test_image_over_pils_limit_opens_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors here; the HER2ST images are over PIL's 89 Mpx."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with open_slide(tmp_path / "a.png") as slide:
        assert slide.shape == (40, 50)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_truncated_image(tmp_path: Path, paint, name: str) -> None:
    Image.fromarray(paint(300, 400)).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    refused(tmp_path / name, "damaged")


@given(share=st.floats(0.0001, 0.9999))
@settings(deadline=None, max_examples=60)
def test_truncated_slide(tmp_path_factory, exact_slide: Path, share: float) -> None:
    """Wherever a copy broke off, it is refused: part of the pixels is missing."""
    path = tmp_path_factory.mktemp("cut") / "cut.tif"
    data = exact_slide.read_bytes()
    path.write_bytes(data[: max(1, int(len(data) * share))])
    with pytest.raises(SlideError, match=r"cut off|damaged|no slide"):
        open_slide(path)


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_any_damage_is_a_slide_error_or_only_a_bad_tile(
    tmp_path_factory, small_slide: Path, data: st.DataObject
) -> None:
    content = bytearray(small_slide.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # half of the damage goes where the structure is: the first directory
        near = data.draw(st.booleans())
        at = data.draw(st.integers(0, 400 if near else len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.tif"
    path.write_bytes(content)
    try:
        with open_slide(path) as slide:
            for n, level in enumerate(slide.levels):
                if level.shape[0] * level.shape[1] < 1_000_000:
                    slide.read_region(0, 0, level.shape[1], level.shape[0], n)
    except (SlideError, TileError, OutputError):
        pass


@pytest.fixture(scope="session")
def small_slide(tmp_path_factory: pytest.TempPathFactory, write_slide, paint) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.tif"
    return write_slide(path, paint(200, 300), levels=2, tile=(64, 64), compression="jpeg")


def test_a_slide_cut_off_before_its_directory_is_told_in_our_words_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # As scanners write it: the pixels first, the directory behind them.
    (tmp_path / "cut.svs").write_bytes(b"II*\0" + (5000).to_bytes(4, "little") + b"\x5a" * 1000)
    refused(tmp_path / "cut.svs", "is cut off .*1008 bytes")
    assert not caplog.records
