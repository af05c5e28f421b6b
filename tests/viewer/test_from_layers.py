"""Shapes and labels that were drawn with napari itself, and regions as pixels."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.viewer import regions_from_labels, regions_from_shapes, regions_to_labels
from napari_stexp.viewer.scanlines import fill_region, outline_mask

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))


# ---- pixels ------------------------------------------------------------------------------


@given(masks)
def test_a_mask_outlined_and_filled_is_the_same_mask(mask):
    shape = outline_mask(mask)
    if shape is None:
        assert not mask.any()
        return
    assert shape.is_valid
    assert shape.area == mask.sum()
    np.testing.assert_array_equal(fill_region(shape, mask.shape), mask)


@example((1.5, 1.5), 1.0, (0.0, 6.0))
@given(
    st.tuples(st.floats(0, 30), st.floats(0, 30)), st.floats(1, 20),
    st.tuples(st.floats(0, 30), st.floats(0, 30)),
)  # fmt: skip
def test_a_pixel_is_filled_if_the_region_holds_its_centre(middle, radius, hole):
    shape = shapely.Point(middle).buffer(radius).difference(shapely.Point(hole).buffer(4.3))
    if shape.is_empty:
        return
    rows, columns = (part.ravel() for part in np.mgrid[:25, :28] + 0.5)
    inside = shapely.contains_xy(shape, columns, rows)
    # a centre on the outline itself falls to either side
    clear = shapely.distance(shape.boundary, shapely.points(columns, rows)) > 1e-9
    np.testing.assert_array_equal(fill_region(shape, (25, 28)).ravel()[clear], inside[clear])


# ---- labels ------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)  # napari loads when it is first used
@given(hnp.arrays(np.uint8, (9, 11), elements=st.integers(0, 3)))
def test_labels_to_regions_and_back_are_the_same_labels(pixels):
    from napari.layers import Labels

    if not pixels.any():
        return
    regions = regions_from_labels(Labels(pixels, scale=(0.5, 0.5), translate=(0.25, 0.25)), 0.5)
    back, classes = regions_to_labels(regions, pixels.shape)
    numbers = {number: int(name.split()[-1]) for number, name in classes.items()} | {0: 0}
    np.testing.assert_array_equal(np.vectorize(numbers.get)(back), pixels)


def test_labels_keep_place_holes_names_and_colours():
    from napari.layers import Labels

    pixels = np.zeros((20, 30), int)
    pixels[2:10, 4:14] = 5
    pixels[4:6, 6:9] = 0
    colors = {5: (1.0, 0.5, 0.0, 1.0), None: (0.0, 0.0, 0.0, 0.0)}
    layer = Labels(
        pixels, scale=(2.0, 2.0), translate=(101.0, 201.0), colormap=colors,
        features={"index": [5], "class": ["Tumor"]},
    )  # fmt: skip
    (region,) = regions_from_labels(layer, 0.5)
    # pixel (2, 4) covers (3, 7) to (5, 9) µm from the corner (100, 200) µm
    expected = box(208, 104, 228, 120).difference(box(212, 108, 218, 112))
    assert region.geometry.equals(shapely.affinity.scale(expected, 2, 2, origin=(0, 0)))
    assert region.class_name == "Tumor"
    assert region.color == (255, 128, 0)


def test_of_overlapping_regions_the_smallest_is_in_the_picture():
    regions = [Region(box(2, 2, 4, 4), class_name="a"), Region(box(0, 0, 8, 8), class_name="b")]
    labels, classes = regions_to_labels(regions, (5, 5), pixel=2.0)
    assert classes == {1: "a", 2: "b"}
    assert labels[1, 1] == 1
    assert (labels[:4, :4] == 2).sum() == 15
    assert labels[4].sum() == 0


def test_labels_without_a_label_are_refused():
    from napari.layers import Labels

    with pytest.raises(AnnotationError, match="no labels"):
        regions_from_labels(Labels(np.zeros((4, 4), int)), None)
    with pytest.raises(AnnotationError, match="two dimensions"):
        regions_from_labels(Labels(np.ones((2, 4, 4), int)), None)


# ---- shapes ------------------------------------------------------------------------------

SQUARE = np.array([(10, 20), (10, 60), (30, 60), (30, 20)])  # y, x


def make_shapes(data, kinds, **attributes):
    from napari.layers import Shapes

    return Shapes(data, shape_type=kinds, **attributes)


@pytest.mark.parametrize("mpp", [0.5, None])
def test_shapes_become_regions_in_level_0_px(mpp):
    scale = mpp or 1.0
    layer = make_shapes([SQUARE, SQUARE + 100], ["polygon", "rectangle"], scale=(scale, scale))
    first, second = regions_from_shapes(layer, mpp)
    assert first.geometry.equals(box(20, 10, 60, 30))
    assert second.geometry.equals(box(120, 110, 160, 130))


def test_a_layers_transform_and_unit_are_honoured():
    layer = make_shapes(
        [SQUARE], ["polygon"], scale=(0.001, 0.002), translate=(0.5, 0.25), units=("mm", "mm")
    )
    (region,) = regions_from_shapes(layer, 0.5)
    # y: 500 + 10 … 30 µm; x: 250 + 40 … 120 µm
    np.testing.assert_allclose(region.geometry.bounds, (580, 1020, 740, 1060))
    turned = make_shapes([SQUARE], ["polygon"], rotate=90)
    shape = regions_from_shapes(turned, None)[0].geometry
    assert shape.area == pytest.approx(800)
    assert shape.bounds[2] - shape.bounds[0] == pytest.approx(20)


def test_an_ellipse_has_its_area():
    (region,) = regions_from_shapes(make_shapes([SQUARE], ["ellipse"]), None)
    assert region.geometry.area == pytest.approx(np.pi * 20 * 10, rel=0.01)
    np.testing.assert_allclose(region.geometry.bounds, (20, 10, 60, 30), atol=0.1)


def test_open_lines_enclose_nothing():
    closed = np.vstack([SQUARE, SQUARE[:1]])
    layer = make_shapes([SQUARE, SQUARE[:2], closed], ["path", "line", "path"])
    assert len(regions_from_shapes(layer, None)) == 1
    with pytest.raises(AnnotationError, match="no shape"):
        regions_from_shapes(make_shapes([SQUARE], ["path"]), None)


@pytest.mark.parametrize("column", ["class", "Classification", "label", "name"])
def test_classes_and_colours_are_kept(column):
    layer = make_shapes(
        [SQUARE, SQUARE + 50], ["polygon", "polygon"], features={column: ["Tumor", None]},
        face_color=["#ff000080", "transparent"], edge_color=["white", "blue"],
    )  # fmt: skip
    first, second = regions_from_shapes(layer, None)
    assert (first.class_name, second.class_name) == ("Tumor", None)
    assert (first.color, second.color) == ((255, 0, 0), (0, 0, 255))


def test_a_self_crossing_shape_is_made_valid():
    bow = np.array([(0, 0), (50, 50), (50, 0), (0, 50)])
    (region,) = regions_from_shapes(make_shapes([bow], ["polygon"]), None)
    assert region.geometry.is_valid
    assert region.geometry.area == pytest.approx(1250)


def test_our_own_layers_give_their_regions_back():
    from napari_stexp.viewer.annotation_layer import make_annotation_layer

    regions = [Region(box(0, 0, 9, 9).difference(box(2, 2, 4, 4)), class_name="Tumor")]
    assert regions_from_shapes(make_annotation_layer(regions, 0.5), 0.5) == regions
