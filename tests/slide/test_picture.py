"""Rectangles of a slide as small pictures: which pixels they hold, and where these lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.slide import open_slide


@pytest.fixture(scope="module")
def slide(tmp_path_factory, write_slide, picture):
    path = write_slide(tmp_path_factory.mktemp("picture") / "slide.tif", picture, levels=3)
    with open_slide(path, mpp=0.5) as slide:
        yield slide


def test_without_shrinking_it_is_the_pixels_themselves(slide, picture) -> None:
    image, extent = slide.picture((100.0, 50.0, 400.0, 250.0), 300)
    assert extent == (100.0, 50.0, 400.0, 250.0)
    np.testing.assert_array_equal(image, picture[50:250, 100:400])


def test_it_is_never_enlarged(slide) -> None:
    image, _ = slide.picture((100.0, 50.0, 130.0, 60.0), 2000)
    assert image.shape == (10, 30, 3)


def test_what_lies_outside_is_cut_off(slide) -> None:
    width = slide.shape[1]
    image, extent = slide.picture((-300.0, -200.0, 300.0, 200.0), 600)
    assert extent == (0.0, 0.0, 300.0, 200.0)
    assert image.shape == (200, 300, 3)
    image, _ = slide.picture((width + 1.0, 0.0, width + 100.0, 100.0))
    assert image.size == 0


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    x=st.floats(0, 2000), y=st.floats(0, 1800), width=st.floats(20, 2500),
    height=st.floats(20, 2200), pixels=st.integers(16, 700),
)  # fmt: skip
def test_a_picture_shows_the_mean_colours_of_where_it_says_it_lies(
    slide, picture, x, y, width, height, pixels
) -> None:
    image, extent = slide.picture((x, y, x + width, y + height), pixels)
    x0, y0, x1, y1 = extent
    inside = min(x + width, slide.shape[1]), min(y + height, slide.shape[0])
    step = max(x1 - x0, y1 - y0) / max(image.shape[:2])
    assert max(image.shape[:2]) <= pixels + 2
    np.testing.assert_allclose((x0, y0, x1, y1), (x, y, *inside), atol=step + 4)
    shown = picture[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))]
    np.testing.assert_allclose(image.mean(axis=(0, 1)), shown.mean(axis=(0, 1)), atol=6)
