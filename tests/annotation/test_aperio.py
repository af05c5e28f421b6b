from __future__ import annotations

import math
import uuid

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.annotation import read_regions
from napari_stexp.annotation.aperio import parse_aperio
from napari_stexp.errors import AnnotationError

SQUARE = [(0, 0), (100, 0), (100, 100), (0, 100)]
INNER = [(20, 20), (40, 20), (40, 40), (20, 40)]


def region(points, kind=0, negative=0, text="", number=1, said=""):
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in points)
    return (
        f'<Region Id="{number}" Type="{kind}" Zoom="0.1" Selected="0" Length="1" Area="1" '
        f'Text="{text}" NegativeROA="{negative}" InputRegionId="0" Analyze="1" DisplayId="1">'
        f"<Attributes>{said}</Attributes><Vertices>{vertices}</Vertices></Region>"
    )


def layer(*regions, name="Tumor", color=65280, read_only=0, said="", number=1):
    return (
        f'<Annotation Id="{number}" Name="{name}" ReadOnly="{read_only}" NameReadOnly="0" '
        f'LineColorReadOnly="0" Incremental="0" Type="4" LineColor="{color}" Visible="1" '
        f'Selected="1" MarkupImagePath="" MacroName=""><Attributes>{said}</Attributes><Regions>'
        '<RegionAttributeHeaders><AttributeHeader Id="9999" Name="Region"/>'
        f"</RegionAttributeHeaders>{''.join(regions)}</Regions><Plots/></Annotation>"
    )


def document(*layers):
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Annotations MicronsPerPixel="0.2525">'
    return f"{head}{''.join(layers)}</Annotations>"


@pytest.fixture
def read(tmp_path):
    def write_and_read(*layers):
        path = tmp_path / "slide.xml"
        path.write_text(document(*layers))
        return read_regions(path)

    return write_and_read


def test_layers_are_classes_and_colours_are_blue_green_red(read):
    tumor, stroma = read(
        layer(region(SQUARE, text="nest 1"), name="Tumor", color=255, read_only=1),
        layer(region(INNER), name="Stroma", color=256 * 128 + 65536 * 200, number=2),
    )
    assert (tumor.class_name, tumor.name, tumor.color) == ("Tumor", "nest 1", (255, 0, 0))
    assert (tumor.locked, stroma.locked) == (True, False)
    assert (stroma.class_name, stroma.name, stroma.color) == ("Stroma", None, (0, 128, 200))
    assert tumor.geometry.equals(shapely.Polygon(SQUARE))
    assert uuid.UUID(tumor.id)


def test_a_layer_without_a_name_is_called_as_its_regions_or_its_number(read):
    named, unnamed = read(layer(region(SQUARE, text="DCIS"), region(INNER), name="", number=3))
    assert (named.class_name, unnamed.class_name) == ("DCIS", "Layer 3")


def test_the_negative_pen_makes_holes_in_its_own_layer(read):
    tumor, other = read(
        layer(region(SQUARE), region(INNER, negative=1)),
        layer(region(SQUARE), name="Other"),
    )
    assert tumor.geometry.equals(shapely.Polygon(SQUARE, [INNER]))
    assert other.geometry.area == 10_000


def test_a_hole_may_come_first_and_reach_over_the_border(read):
    over = [(50, 50), (150, 50), (150, 150), (50, 150)]
    (tumor,) = read(layer(region(over, negative=1), region(SQUARE)))
    assert tumor.geometry.area == 7500


def test_an_island_in_a_hole_stays(read):
    island = [(25, 25), (35, 25), (35, 35), (25, 35)]
    outer, inner = read(layer(region(SQUARE), region(INNER, negative=1), region(island)))
    assert (outer.geometry.area, inner.geometry.area) == (9600, 100)


def test_what_the_negative_pen_covers_in_part_only_is_cut(read):
    strip = [(-1, -1), (101, -1), (101, 50), (-1, 50)]
    (left,) = read(layer(region(SQUARE), region(strip, negative=1), name="x"))
    assert left.geometry.area == 5000


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_holes=st.integers(0, 4))
def test_holes_are_shapely_s_difference(seed, n_holes):
    rng = np.random.default_rng(seed)
    outline = shapely.Point(0, 0).buffer(100).segmentize(5)
    holes = [
        shapely.Point(*rng.uniform(-60, 60, 2)).buffer(rng.uniform(3, 30)) for _ in range(n_holes)
    ]
    drawn = [
        region(np.asarray(shape.exterior.coords).tolist(), negative=int(shape is not outline))
        for shape in (outline, *holes)
    ]
    (found,) = parse_aperio(document(layer(*drawn)).encode(), None)
    expected = outline.difference(shapely.union_all(holes)) if holes else outline
    assert found.geometry.symmetric_difference(expected).area < 1e-6 * expected.area


def test_ellipses_and_rectangles_by_their_corners(read):
    corners = [(10, 20), (30, 60)]
    ellipse, rectangle, four = read(
        layer(region(corners, kind=2), region(corners, kind=1), region(SQUARE, kind=2))
    )
    assert ellipse.geometry.bounds == pytest.approx((10, 20, 30, 60), abs=0.05)
    assert ellipse.geometry.area == pytest.approx(math.pi * 10 * 20, rel=2e-3)
    assert rectangle.geometry.equals(shapely.box(10, 20, 30, 60))
    assert four.geometry.area == pytest.approx(math.pi * 50 * 50, rel=2e-3)


def test_arrows_and_rulers_are_left_out(read, caplog):
    caplog.set_level("INFO")
    (only,) = read(layer(region([(0, 0), (9, 9)], 3), region(SQUARE), region([(0, 0), (9, 9)], 4)))
    assert only.geometry.area == 10_000
    assert "2 objects are no regions" in caplog.text


def test_what_is_said_about_a_region_is_kept(read):
    said = '<Attribute Name="Description" Id="0" Value="high grade"/><Attribute Name="a" Value=""/>'
    (found,) = read(layer(region(SQUARE, said=said)))
    assert found.properties == {"metadata": {"Description": "high grade"}}


def test_decimal_commas(read):
    (found,) = read(layer(region([("0,5", 0), ("10,5", 0), ("10,5", "9,5")])))
    assert found.geometry.bounds == (0.5, 0, 10.5, 9.5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "no regions"),
        ((layer(region([(0, 0), (9, 9)], 4)),), "no regions"),
        ((layer(region(SQUARE[:2], number=7)),), "region 7.*outline of 2 points"),
        ((layer(region([("a", 0), (1, 1), (2, 0)])),), "region 1.*'a'"),
        ((layer(region([("nan", 0), (1, 1), (2, 0)])),), "region 1.*finite"),
        ((layer(region(SQUARE).replace('X="0"', "")),), "region 1.*missing"),
        ((layer(region([])),), "region 1.*outline"),
    ],
)
def test_bad_regions(read, layers, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        read(*layers)
    assert caught.value.path.name == "slide.xml"
