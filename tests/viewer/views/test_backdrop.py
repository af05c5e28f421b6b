"""What lies behind the spots."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.slide import open_slide
from napari_stexp.viewer.annotation_tiles import RegionTiles
from napari_stexp.viewer.views.backdrop import cut_detail, cut_overview, cut_regions
from napari_stexp.viewer.views.frame import Frame
from tests.builders import write_ome_tiff


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """Black, with a white square of 100 px at (200, 300)."""
    image = np.zeros((600, 800, 3), np.uint8)
    image[300:400, 200:300] = 255
    return open_slide(write_ome_tiff(tmp_path_factory.mktemp("v") / "square.ome.tif", image, 1.0))


def find_white(picture):
    """Return the box of what is white, level-0 px."""
    rows, columns = np.nonzero(picture.pixels[..., 0] > 128)
    x0, y0, x1, y1 = picture.extent
    height, width = picture.pixels.shape[:2]
    across, down = (x1 - x0) / width, (y1 - y0) / height
    return (x0 + columns.min() * across, y0 + rows.min() * down,
            x0 + (columns.max() + 1) * across, y0 + (rows.max() + 1) * down)  # fmt: skip


@pytest.mark.parametrize("zoom", [0.2, 1.0, 3.0])
def test_the_slide_lies_where_it_should(slide, zoom):
    frame = Frame((250.0, 350.0), zoom, (300, 200))
    np.testing.assert_allclose(
        find_white(cut_detail(slide, frame)), (200, 300, 300, 400), atol=1.5 / zoom
    )
    np.testing.assert_allclose(find_white(cut_overview(slide)), (200, 300, 300, 400), atol=1)


def test_beside_the_slide_there_is_nothing(slide):
    assert cut_detail(slide, Frame((9000.0, 350.0), 1.0, (300, 200))) is None


@pytest.mark.parametrize("zoom", [0.1, 1.0, 6.0])
def test_outlines_lie_where_they_should(zoom):
    tiles = RegionTiles([Region(box(200, 300, 300, 400), class_name="Tumor")], (600, 800))
    picture = cut_regions(tiles, Frame((250.0, 350.0), zoom, (900, 900)))
    rows, columns = np.nonzero(picture.pixels[..., 3])
    x0, y0, x1, _ = picture.extent
    step = (x1 - x0) / picture.pixels.shape[1]
    found = (x0 + columns.min() * step, y0 + rows.min() * step,
             x0 + (columns.max() + 1) * step, y0 + (rows.max() + 1) * step)  # fmt: skip
    np.testing.assert_allclose(found, (200, 300, 300, 400), atol=6 * step)
    assert cut_regions(RegionTiles([], (600, 800)), Frame((250.0, 350.0), zoom, (9, 9))) is None
    assert cut_regions(tiles, Frame((90_000.0, 350.0), zoom, (9, 9))) is None
