from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots import (
    check_spots,
    estimate_mpp,
    make_grid,
    spot_diameter_px,
    spot_pitch_px,
)

grids = st.fixed_dictionaries(
    {
        "shape": st.tuples(st.integers(800, 4000), st.integers(800, 4000)),
        "mpp": st.floats(0.2, 1.0),
        "pitch_um": st.floats(60, 150),
        "diameter_um": st.floats(5, 60),
        "layout": st.sampled_from(["hex", "square"]),
    }
)


@settings(deadline=None)
@given(request=grids)
def test_neighbours_are_exactly_one_pitch_apart(request):
    adata = make_grid(**request)
    if adata.n_obs < 4:
        return
    pitch = request["pitch_um"] / request["mpp"]
    distance = KDTree(adata.obsm["spatial"]).query(adata.obsm["spatial"], 2)[0][:, 1]
    np.testing.assert_allclose(distance.min(), pitch, rtol=1e-9)
    assert spot_pitch_px(adata) == pytest.approx(pitch, rel=1e-6)
    assert estimate_mpp(adata) == pytest.approx(request["mpp"], rel=1e-6)


@settings(deadline=None)
@given(request=grids)
def test_discs_lie_inside_the_image_and_fill_it(request):
    adata = make_grid(**request)
    height, width = request["shape"]
    radius = request["diameter_um"] / request["mpp"] / 2
    pitch = request["pitch_um"] / request["mpp"]
    xy = adata.obsm["spatial"]
    assert (xy >= radius - 1e-6).all()
    assert (xy <= np.array([width, height]) - radius + 1e-6).all()
    check_spots(adata, request["shape"])
    # The grid is centred, and nowhere is there room for another row or column.
    assert (xy.min(axis=0) < radius + pitch).all()
    assert (np.array([width, height]) - xy.max(axis=0) < radius + pitch).all()
    assert spot_diameter_px(adata) == pytest.approx(2 * radius)


def test_hex_geometry():
    adata = make_grid((4000, 4000), 0.5, pitch_um=100, diameter_um=55)
    xy = adata.obsm["spatial"]
    array = adata.obs[["array_col", "array_row"]].to_numpy()
    assert ((array.sum(axis=1) % 2) == 0).all()  # Visium's parity
    inner = ((xy > 400) & (xy < 3600)).all(axis=1)
    distance, index = KDTree(xy).query(xy[inner], 7)
    np.testing.assert_allclose(distance[:, 1:], 200)  # six neighbours, one pitch away
    offset = xy[index[:, 1:]] - xy[inner][:, None]
    angles = np.sort(np.degrees(np.arctan2(offset[..., 1], offset[..., 0])) % 360)
    np.testing.assert_allclose(np.diff(angles, axis=1), 60, atol=1e-6)


def test_square_geometry():
    adata = make_grid((1000, 1500), 1.0, pitch_um=100, diameter_um=100, layout="square")
    assert adata.n_obs == 150
    np.testing.assert_allclose(adata.obsm["spatial"][0], [50, 50])
    np.testing.assert_allclose(adata["3x2"].obsm["spatial"][0], [350, 250])
    assert adata["3x2"].obs[["array_col", "array_row"]].to_numpy().tolist() == [[3, 2]]


def test_record():
    record = make_grid((2000, 2000), 0.5, pitch_um=80, diameter_um=40).uns["stexp_spots"]
    assert record == {
        "technology": "virtual grid (hex)",
        "pitch_um": 80.0,
        "diameter_um": 40.0,
    }


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), downsample=st.floats(3, 40), request=grids)
def test_mask_keeps_exactly_the_spots_with_their_centre_on_tissue(seed, downsample, request):
    height, width = request["shape"]
    rng = np.random.default_rng(seed)
    mask = rng.random((int(height / downsample) + 1, int(width / downsample) + 1)) < 0.5
    whole = make_grid(**request)
    expected = [
        name
        for name, (x, y) in zip(whole.obs_names, whole.obsm["spatial"], strict=True)
        if mask[int(y / downsample), int(x / downsample)]
    ]
    if not expected:
        with pytest.raises(SpotsError, match="no spot of the grid lies on tissue"):
            make_grid(**request, mask=mask, mask_downsample=downsample)
        return
    kept = make_grid(**request, mask=mask, mask_downsample=downsample)
    assert list(kept.obs_names) == expected


def test_a_mask_smaller_than_the_image_ends_there():
    mask = np.ones((10, 5), dtype=bool)
    adata = make_grid((1000, 1000), 1.0, mask=mask, mask_downsample=100, layout="square")
    assert adata.obsm["spatial"][:, 0].max() < 500


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mpp": None}, ScaleError, "needs the slide's µm per pixel"),
        ({"mpp": 0.0}, ScaleError, "positive"),
        ({"mpp": float("nan")}, ScaleError, "positive"),
        ({"layout": "triangle"}, SpotsError, "hex or square"),
        ({"pitch_um": 0.0}, SpotsError, "diameter ≤ pitch"),
        ({"pitch_um": float("nan")}, SpotsError, "make no sense"),
        ({"pitch_um": float("inf")}, SpotsError, "make no sense"),
        ({"diameter_um": 0.0}, SpotsError, "make no sense"),
        ({"diameter_um": 101.0}, SpotsError, "make no sense"),
        ({"mask": np.ones((20, 20), bool), "mask_downsample": 0}, SpotsError, "downsample"),
        ({"shape": (50, 5000)}, SpotsError, "no spot fits"),
        ({"pitch_um": 0.1, "diameter_um": 0.1}, SpotsError, "too many spots"),
        ({"mask": np.zeros((20, 20), bool), "mask_downsample": 100}, SpotsError, "no spot of the"),
    ],
)
def test_requests_that_make_no_grid(change, error, message):
    request = {"shape": (2000, 2000), "mpp": 0.5} | change
    shape, mpp = request.pop("shape"), request.pop("mpp")
    with pytest.raises(error, match=message):
        make_grid(shape, mpp, **request)
