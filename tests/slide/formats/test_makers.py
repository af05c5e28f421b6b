"""SCN, BIF, Philips and OME-TIFF in several files: known pixels, any rectangle, OpenSlide."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide import open_slide, prepare_slide
from tests.slide.builders.makers import (
    halve,
    write_bif,
    write_ome_files,
    write_philips,
    write_scn,
)
from tests.slide.builders.ndpi import encode, write_ndpi

SIZE = (900, 1100)


@pytest.fixture(scope="module")
def image(paint) -> np.ndarray:
    return paint(*SIZE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, image, paint) -> dict:
    """Each format's file, and its levels as plain arrays."""
    import imagecodecs

    folder = tmp_path_factory.mktemp("makers")
    levels = [image, halve(image)]
    whole = np.pad(image, ((0, 124), (0, 52), (0, 0)), mode="edge")
    philips = [whole.copy(), halve(whole), halve(halve(whole))]
    philips[0][:128, :128] = 255  # the tile that is left out
    other = paint(400, 300, 5)
    areas = np.full((1200, 1500, 3), 255, np.uint8)
    areas[:900, :1100], areas[800:1200, 1200:1500] = image, other
    small = np.full((600, 750, 3), 255, np.uint8)
    small[:450, :550], small[400:600, 600:750] = levels[1], halve(other)
    jpeg = [np.ascontiguousarray(level[:, : 512 if n else 1024]) for n, level in enumerate(levels)]
    files = [folder / name for name in ("one", "two")]
    for file in files:
        file.mkdir()
    return {
        "scn": (write_scn(folder / "a.scn", [(500, 700, image)]), levels),
        "scn, two areas": (
            write_scn(folder / "b.scn", [(500, 700, image), (1700, 1500, other)]), [areas, small],
        ),
        "bif": (write_bif(folder / "a.bif", image), levels),
        "philips": (write_philips(folder / "a.tiff", whole), philips),
        "ome files": (write_ome_files(files[0], image, companion=False), levels),
        "ome companion": (write_ome_files(files[1], image, companion=True), levels),
        "ndpi": (
            write_ndpi(folder / "a.ndpi", jpeg),
            [imagecodecs.jpeg8_decode(encode(level)) for level in jpeg],
        ),
    }  # fmt: skip


KINDS = ["scn", "scn, two areas", "bif", "philips", "ome files", "ome companion", "ndpi"]


@pytest.mark.parametrize("kind", KINDS)
def test_any_rectangle_of_any_level_is_the_padded_image(built, cut, kind: str) -> None:
    path, levels = built[kind]
    with open_slide(path, backend="own") as slide:
        assert [level.shape for level in slide.levels] == [v.shape[:2] for v in levels]

        @given(
            level=st.integers(0, len(levels) - 1),
            x=st.integers(-200, 1600),
            y=st.integers(-200, 1300),
            width=st.integers(0, 700),
            height=st.integers(0, 700),
        )
        @settings(deadline=None, max_examples=25)
        def check(level: int, x: int, y: int, width: int, height: int) -> None:
            found = slide.read_region(x, y, width, height, level)
            np.testing.assert_array_equal(found, cut(levels[level], x, y, width, height))

        check()


@pytest.mark.parametrize(
    ("kind", "vendor", "corner"),
    [("scn", "leica", True), ("scn, two areas", "leica", True), ("bif", "ventana", False),
     ("philips", "philips", False)],
)  # fmt: skip
def test_pixels_are_those_of_openslide(built, kind: str, vendor: str, corner: bool) -> None:
    path, levels = built[kind]
    with openslide.OpenSlide(path) as other, open_slide(path, backend="own") as slide:
        facts = other.properties
        assert facts["openslide.vendor"] == vendor
        x, y = (int(facts.get(f"openslide.bounds-{axis}", 0)) if corner else 0 for axis in "xy")
        height, width = levels[0].shape[:2]
        assert max(other.dimensions) < 10_000  # damage makes them huge there, and endless to read
        theirs = other.read_region((x, y), 0, (width, height))
        empty = np.asarray(theirs)[..., 3] == 0
        theirs = np.asarray(theirs.convert("RGB")).copy()
        theirs[empty] = 255
        np.testing.assert_array_equal(slide.read_region(0, 0, width, height), theirs)


def test_bif_with_overlaps_is_stitched_by_openslide(tmp_path: Path, image) -> None:
    path = write_bif(tmp_path / "a.bif", image, overlap=6)
    with pytest.raises(SlideError, match=r"overlap .* up to 6 px"):
        open_slide(path, backend="own")
    assert list(prepare_slide(path)) == []
    with open_slide(path) as slide:
        assert slide.backend.startswith("OpenSlide")


def test_bif_that_neither_reads_is_refused_for_its_reason(tmp_path: Path, image) -> None:
    """Without joints downwards, OpenSlide finds it -2**63 px high, and reading it never ends."""
    data = write_bif(tmp_path / "a.bif", image, overlap=6).read_bytes()
    path = tmp_path / "b.bif"
    path.write_bytes(data.replace(b'Direction="UP"', b'Direction="NO"'))
    with pytest.raises(SlideError, match=r"overlap, and OpenSlide doesn't .* up to 6 px"):
        open_slide(path)
    with pytest.raises(SlideError):
        open_slide(path, backend="openslide")


def test_pictures_of_the_glass(built) -> None:
    with open_slide(built["scn"][0]) as slide:
        assert (slide.associated_image("macro") == 222).all()
    with open_slide(built["bif"][0]) as slide:
        assert (slide.associated_image("macro") == 200).all()
    with open_slide(built["philips"][0]) as slide:
        label = slide.associated_image("label")
        assert np.abs(label.astype(int) - (120, 130, 140)).max() <= 2


def test_companion_and_its_files(built, tmp_path: Path) -> None:
    folder = built["ome companion"][0].parent
    with open_slide(folder / "slide.companion.ome") as slide:
        assert slide.shape == SIZE
        assert slide.mpp == 0.5
    part = shutil.copy(folder / "slide-red.ome.tif", tmp_path)
    with pytest.raises(SlideError, match=r"one file of an image in several.*companion\.ome"):
        open_slide(part, backend="own")
    shutil.copy(folder / "slide.companion.ome", tmp_path)
    with pytest.raises(SlideError, match="missing"):
        open_slide(part, backend="own")


def test_colours_of_several_sizes_are_refused(tmp_path: Path, image) -> None:
    path = write_ome_files(tmp_path, image, companion=False)
    with tifffile.TiffFile(tmp_path / "slide-blue.ome.tif", mode="r+b") as tif:
        tif.pages[0].tags["TileWidth"].overwrite(2048)
    with pytest.raises(SlideError, match=r"colours of one size.* in tiles of 2048 x 128"):
        open_slide(path, backend="own")


def test_a_colour_of_another_type_is_unreadable(tmp_path: Path, image) -> None:
    path = write_ome_files(tmp_path, image, companion=False)
    with tifffile.TiffFile(tmp_path / "slide-blue.ome.tif", mode="r+b") as tif:
        tif.pages[0].tags["BitsPerSample"].overwrite(16)
    with open_slide(path, backend="own") as slide, pytest.raises(TileError):
        slide.read_tile(0, 1, 1)


@pytest.mark.parametrize(
    "channels",
    [
        '<Channel ID="Channel:0:{}" Name="DAPI" SamplesPerPixel="1"/>',
        '<Channel ID="Channel:0:{}" EmissionWavelength="461" SamplesPerPixel="1"/>',
    ],
)
def test_fluorescence_in_three_planes_is_no_colour(tmp_path: Path, image, channels: str) -> None:
    path = write_ome_files(tmp_path, image, companion=False)
    for file in tmp_path.glob("*.ome.tif"):
        with tifffile.TiffFile(file, mode="r+b") as tif:
            text = tif.pages[0].description
            for c in range(3):
                plain = f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>'
                text = text.replace(plain, channels.format(c))
            tif.pages[0].tags["ImageDescription"].overwrite(text)
    with pytest.raises(SlideError, match=r"found 3 planes .*--rgb"):
        open_slide(path, backend="own")
