from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots import (
    check_scale,
    check_spots,
    estimate_mpp,
    make_grid,
    read_reference,
    spot_diameter_px,
    spot_pitch_px,
)


def _spots(xy):
    return AnnData(obsm={"spatial": np.asarray(xy, dtype=float)}, shape=(len(xy), 0))


def test_spots_partly_outside_pass_and_all_outside_do_not():
    check_spots(_spots([[5, 5], [500, 5]]), (100, 100))
    check_spots(_spots([[0, 0]]), (100, 100))
    with pytest.raises(SpotsError, match=r"all spots lie outside.*x 100 to 500"):
        check_spots(_spots([[100, 5], [500, 5]]), (200, 100))


def test_swapped_axes_are_noticed_where_they_show():
    with pytest.raises(SpotsError, match="outside the image"):
        check_spots(_spots([[50, 900], [60, 950]]), (100, 1000))


def test_no_spots_no_positions():
    with pytest.raises(SpotsError, match="no spots"):
        check_spots(_spots(np.zeros((0, 2))))
    with pytest.raises(SpotsError, match="no positions"):
        check_spots(AnnData(shape=(3, 0)))


def test_text_positions():
    adata = AnnData(shape=(2, 0))
    adata.obsm["spatial"] = np.array([["1", "2"], ["3", "4"]])
    with pytest.raises(SpotsError, match="wrong form"):
        check_spots(adata)


def test_duplicate_barcodes():
    adata = _spots([[1, 1], [2, 2]])
    adata.obs.index = ["a", "a"]
    with pytest.raises(SpotsError, match="duplicate barcodes"):
        check_spots(adata)


@pytest.mark.parametrize(("mpp", "fine"), [(0.5, True), (0.48, True), (0.47, False), (0.54, False)])
def test_scale_within_five_percent(mpp, fine):
    adata = make_grid((3000, 3000), 0.5)
    if fine:
        check_scale(adata, mpp)
    else:
        with pytest.raises(ScaleError, match="contradicts"):
            check_scale(adata, mpp)


def test_scale_error_says_both_numbers():
    with pytest.raises(ScaleError, match=r"expected 0.25 µm/px.*found 0.5 µm/px.*\+100%"):
        check_scale(make_grid((3000, 3000), 0.5), 0.25)


def test_unknown_scale_passes():
    check_scale(_spots([[0, 0], [10, 0]]), 0.5)
    check_scale(make_grid((3000, 3000), 0.5), None)
    assert estimate_mpp(_spots([[0, 0], [10, 0]])) is None


def test_pitch_without_array_is_the_median_nearest_distance():
    assert spot_pitch_px(_spots([[0, 0], [10, 0], [20, 0], [33, 0]])) == 10
    assert spot_pitch_px(_spots([[4, 4]])) is None
    assert spot_pitch_px(_spots([[4, 4], [4, 4]])) is None


@pytest.mark.parametrize("layout", ["hex", "square"])
def test_jitter_does_not_shorten_the_pitch(layout):
    adata = make_grid((6000, 6000), 1.0, pitch_um=200, diameter_um=100, layout=layout)
    rng = np.random.default_rng(0)
    adata.obsm["spatial"] = adata.obsm["spatial"] + rng.normal(0, 12, (adata.n_obs, 2))
    assert estimate_mpp(adata) == pytest.approx(1.0, rel=0.005)
    del adata.obs["array_row"]
    assert estimate_mpp(adata) > 1.05  # what the nearest neighbours alone would say


def test_rotated_and_stretched_arrays_have_their_pitch():
    adata = make_grid((4000, 4000), 1.0, pitch_um=200, diameter_um=100, layout="square")
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    adata.obsm["spatial"] = adata.obsm["spatial"] @ turn.T * 1.5 + 1000
    assert spot_pitch_px(adata) == pytest.approx(300, rel=1e-9)


def test_array_positions_that_do_not_fit_are_not_used():
    adata = make_grid((4000, 4000), 1.0, pitch_um=200, diameter_um=100, layout="square")
    rng = np.random.default_rng(1)
    adata.obs["array_row"] = rng.permutation(adata.obs["array_row"].to_numpy())
    adata.obs["array_col"] = rng.permutation(adata.obs["array_col"].to_numpy())
    assert spot_pitch_px(adata) == pytest.approx(200)


def test_one_row_of_spots_has_a_pitch():
    adata = make_grid((150, 4000), 1.0, pitch_um=200, diameter_um=100, layout="square")
    assert set(adata.obs["array_row"]) == {0}
    assert spot_pitch_px(adata) == pytest.approx(200)


def test_diameter_from_pitch_where_no_library_says_it():
    adata = make_grid((4000, 4000), 1.0, pitch_um=200, diameter_um=100)
    del adata.uns["spatial"]
    assert spot_diameter_px(adata) == pytest.approx(100)
    del adata.uns["stexp_spots"]
    assert spot_diameter_px(adata) is None


@pytest.mark.parametrize("value", ["broad", -5, float("nan"), None, [1, 2]])
def test_nonsense_in_the_records_counts_as_unknown(value):
    adata = _spots([[0, 0], [10, 0]])
    adata.uns["stexp_spots"] = {"pitch_um": value, "diameter_um": value}
    adata.uns["spatial"] = {"a": {"scalefactors": {"spot_diameter_fullres": value}}}
    assert estimate_mpp(adata) is None
    assert spot_diameter_px(adata) is None
    check_scale(adata, 0.5)


@pytest.mark.data
def test_her2st_sections_of_one_patient_agree_on_the_scale(her2st):
    # One scanner, one magnification; the plain nearest-neighbour median gives 0.73 to 0.74.
    scales = [estimate_mpp(a) for a in read_reference([f"{her2st}:B4,C2,C3,C4,C5,C6"])]
    np.testing.assert_allclose(scales, 0.6885, atol=0.004)
