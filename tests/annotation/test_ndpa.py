from __future__ import annotations

import math
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
import tifffile

from napari_stexp.annotation import read_regions
from napari_stexp.annotation.ndpa import _offset_of
from napari_stexp.errors import AnnotationError

WIDTH, HEIGHT, MPP = 400, 300, 0.5
X_OFFSET, Y_OFFSET = 7_000_000, -3_000_000  # nm
SQUARE = [(100, 50), (200, 50), (200, 150), (100, 150)]  # px


def to_nm(x, y):
    """By the definition: from the picture's corner to its centre to that of the glass."""
    return (
        round((x - WIDTH / 2) * MPP * 1000 + X_OFFSET),
        round((y - HEIGHT / 2) * MPP * 1000 + Y_OFFSET),
    )


def points(pixels):
    pairs = (to_nm(x, y) for x, y in pixels)
    return "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in pairs)


def view(inside, title="Tumor", kind="freehand", unit="nanometers", details="", number=1):
    return (
        f'<ndpviewstate id="{number}"><title>{title}</title><details>{details}</details>'
        f"<coordformat>{unit}</coordformat><lens>0.44</lens><x>1</x><y>1</y><z>0</z>"
        f'<showtitle>0</showtitle><annotation type="{kind}" displayname="Annotate" '
        f'color="#ff8000"><measuretype>0</measuretype>{inside}</annotation></ndpviewstate>'
    )


def freehand(pixels, closed=1, special=""):
    extra = f"<specialtype>{special}</specialtype>" if special else ""
    return f"<closed>{closed}</closed>{extra}<pointlist>{points(pixels)}</pointlist>"


def document(*views):
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<annotations>'
    return f"{head}{''.join(views)}</annotations>"


def write_ndpi(path, tags=True):
    """A TIFF with the tags that Hamamatsu's scanners write."""
    extra = [(65422, "i", 1, X_OFFSET, True), (65423, "i", 1, Y_OFFSET, True)] if tags else []
    with tifffile.TiffWriter(path) as tif:
        tif.write(
            np.zeros((HEIGHT, WIDTH, 3), np.uint8),
            tile=(64, 64),
            photometric="rgb",
            resolution=(10000 / MPP, 10000 / MPP),
            resolutionunit="CENTIMETER",
            extratags=extra,
        )
    return path


@pytest.fixture
def slide(tmp_path):
    return SimpleNamespace(
        path=write_ndpi(tmp_path / "a.tif"), mpp=MPP, mpp_xy=(MPP, MPP), shape=(HEIGHT, WIDTH)
    )


@pytest.fixture
def read(tmp_path, slide):
    def write_and_read(*views, slide=slide):
        path = tmp_path / "a.ndpi.ndpa"
        path.write_text(document(*views))
        return read_regions(path, slide)

    return write_and_read


def test_nanometres_on_the_glass_become_pixels(read):
    (found,) = read(view(freehand(SQUARE), details="grade 3"))
    np.testing.assert_allclose(shapely.get_coordinates(found.geometry)[:4], SQUARE, atol=1e-3)
    assert (found.class_name, found.color) == ("Tumor", (255, 128, 0))
    assert found.properties == {"metadata": {"details": "grade 3"}}


def test_with_an_opened_slide(tmp_path):
    from napari_stexp.slide import open_slide

    path = tmp_path / "a.ndpa"
    path.write_text(document(view(freehand(SQUARE))))
    with open_slide(write_ndpi(tmp_path / "b.tif")) as slide:
        assert slide.mpp == pytest.approx(MPP)
        (found,) = read_regions(path, slide)
    np.testing.assert_allclose(shapely.get_coordinates(found.geometry)[:4], SQUARE, atol=1e-3)


def test_the_offset_is_found_in_a_file_as_the_scanner_writes_it(tmp_path):
    """NDPI is TIFF with offsets of 64 bits: the upper halves follow the directory."""
    tags = [
        (256, 4, WIDTH), (257, 4, HEIGHT), (258, 3, 8), (259, 3, 7), (262, 3, 6), (273, 4, 8),
        (277, 3, 3), (279, 4, 4), (65420, 4, 1), (65421, 11, 1101004800),
        (65422, 9, X_OFFSET), (65423, 9, Y_OFFSET),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", code, kind, 1) + struct.pack("<i", value) for code, kind, value in tags
    )
    head = b"II*\0" + struct.pack("<Q", 16) + b"\0" * 4
    directory = (
        struct.pack("<H", len(tags)) + entries + struct.pack("<Q", 0) + b"\0\0\0\0" * len(tags)
    )
    (tmp_path / "a.ndpi").write_bytes(head + directory)
    np.testing.assert_array_equal(_offset_of(tmp_path / "a.ndpi", tmp_path), [X_OFFSET, Y_OFFSET])


def test_circles_and_rectangles(read):
    x, y = to_nm(150, 100)
    circle = f"<x>{x}</x><y>{y}</y><radius>{20 * MPP * 1000}</radius>"
    disc, box = read(
        view(circle, kind="circle"), view(freehand(SQUARE, 0, "rectangle"), kind="freehand")
    )
    assert disc.geometry.centroid.coords[0] == pytest.approx((150, 100))
    assert disc.geometry.area == pytest.approx(math.pi * 400, rel=2e-3)
    assert box.geometry.area == pytest.approx(10_000)


def test_lines_pins_and_rulers_are_left_out(read):
    others = [
        view(freehand(SQUARE, closed=0)),
        view("<x>1</x><y>1</y>", kind="pin"),
        view("<x1>1</x1>", kind="linearmeasure"),
        "<ndpviewstate id='9'><title>bookmark</title></ndpviewstate>",
    ]
    assert len(read(*others, view(freehand(SQUARE)))) == 1
    with pytest.raises(AnnotationError, match="no regions"):
        read(*others)


def test_micrometres(read):
    text = freehand(SQUARE).replace("000</", "</").replace("500</", ".5</")
    (found,) = read(view(text, unit="micrometers"))
    np.testing.assert_allclose(shapely.get_coordinates(found.geometry)[:4], SQUARE, atol=1e-3)


def test_without_the_slide_it_says_what_is_needed(read):
    with pytest.raises(AnnotationError, match=r"on the glass.*no slide\)\. Open the slide"):
        read(view(freehand(SQUARE)), slide=None)


def test_a_slide_that_does_not_say_where_it_lies(read, slide, tmp_path):
    slide.path = write_ndpi(tmp_path / "plain.tif", tags=False)
    with pytest.raises(AnnotationError, match=r"where it lies.*plain\.tif"):
        read(view(freehand(SQUARE)))
    slide.path = tmp_path / "photo.jpg"
    slide.path.write_bytes(b"\xff\xd8\xff\xe0 no TIFF")
    with pytest.raises(AnnotationError, match=r"where it lies.*photo\.jpg"):
        read(view(freehand(SQUARE)))
    slide.path = tmp_path / "gone.ndpi"
    with pytest.raises(AnnotationError, match=r"where it lies.*gone\.ndpi"):
        read(view(freehand(SQUARE)))


def test_a_slide_without_a_scale(read, slide):
    slide.mpp = slide.mpp_xy = None
    with pytest.raises(AnnotationError, match="scale is unknown"):
        read(view(freehand(SQUARE)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (view(freehand(SQUARE), unit="pixels"), "region 1.*in pixels, not in nanometers"),
        (view(freehand(SQUARE[:2]), number=4), "region 4.*outline of 2 points"),
        (view("<x>1</x><radius>1</radius>", kind="circle"), "region 1.*missing"),
        (view(freehand(SQUARE).replace("</x>", "nm</x>")), "region 1.*nm"),
    ],
)
def test_bad_regions(read, text, message):
    with pytest.raises(AnnotationError, match=message):
        read(text)
