"""Values to colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_stexp.session import COLORMAPS
from napari_stexp.viewer.colour import (
    FAILED_RING,
    PENDING_RING,
    colour_spots,
    colour_table,
    map_values,
)


@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 40),
        elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf, -np.inf]),
    )
)
def test_only_values_that_are_no_numbers_are_transparent(values):
    colours = map_values(values, (0.0, 1.0))
    assert colours.shape == (len(values), 4)
    assert colours.dtype == np.float32
    np.testing.assert_array_equal(colours[:, 3], np.isfinite(values).astype(np.float32))
    assert ((colours >= 0) & (colours <= 1)).all()


def test_the_ends_of_the_map_are_the_limits_and_beyond():
    table = colour_table("viridis")
    colours = map_values(np.float32([-5, 2, 3, 4, 9]), (2.0, 4.0))
    np.testing.assert_array_equal(colours[[0, 1]], table[[0, 0]])
    np.testing.assert_array_equal(colours[[3, 4]], table[[255, 255]])
    np.testing.assert_allclose(colours[2], table[128], atol=0.01)


def test_colours_agree_with_naparis_own_mapping_of_a_feature():
    from napari.layers import Points

    values = np.linspace(-0.2, 1.3, 50).astype(np.float32)
    layer = Points(
        np.zeros((50, 2)), features={"value": values}, face_color="value",
        face_colormap="magma", face_contrast_limits=(0.1, 1.0),
    )  # fmt: skip
    np.testing.assert_allclose(
        map_values(values, (0.1, 1.0), "magma"), layer.face_color, atol=1.5 / 255
    )


def luminance(table: np.ndarray) -> np.ndarray:
    """CIE lightness L* of sRGB colours (IEC 61966-2-1, CIE 15)."""
    rgb = table[:, :3].astype(float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_map_is_ordered_in_lightness(colormap):
    """So that it reads the same in print and to colour-blind eyes."""
    lightness = luminance(colour_table(colormap))
    assert (np.diff(lightness) > -0.3).all()
    assert lightness[-1] - lightness[0] > 50


def test_failed_pending_and_zero_look_different():
    values = np.float32([0.0, np.nan, np.nan, 1.0])
    status = np.array(["ok", "pending", "unreadable", "outside"])
    colours = colour_spots(values, status, (0.0, 1.0))
    np.testing.assert_array_equal(colours.face[0], colour_table("viridis")[0])
    assert colours.face[1, 3] == 0
    assert colours.face[2, 3] == 0
    assert tuple(colours.ring_width) == pytest.approx((0, PENDING_RING[1], FAILED_RING[1], 0))
    np.testing.assert_allclose(colours.ring[1], PENDING_RING[0])
    np.testing.assert_allclose(colours.ring[2], FAILED_RING[0])
    assert colours.ring[3, 3] == 0, "a spot with a value has no ring, whatever its status"


def test_before_there_are_values_all_spots_are_rings():
    colours = colour_spots(None, np.full(3, "pending"), (0.0, 1.0))
    assert (colours.face[:, 3] == 0).all()
    assert (colours.ring_width > 0).all()
