"""Which image positions belong to, and what an alignment leaves in the table."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_stexp.errors import AlignmentError
from napari_stexp.spots import read_spots, spot_diameter_px, spot_pitch_px, write_spots
from napari_stexp.spots.alignment import (
    FULL,
    Alignment,
    ImageFrame,
    Transform,
    apply_alignment,
    find_frame,
    find_scale,
    fit_pairs,
    list_frames,
    own_image,
    own_positions,
    read_alignment,
    read_pairs,
    remove_alignment,
    scale_between,
    write_pairs,
)

SHAPE = (9000, 12000)
FACTORS = {
    "spot_diameter_fullres": 110.0,
    "fiducial_diameter_fullres": 180.0,
    "tissue_hires_scalef": 0.1,
    "tissue_lowres_scalef": 0.03,
}


def make_spots(factor=1.0, **facts):
    x, y = np.meshgrid(np.arange(1000, 9000, 200.0), np.arange(900, 8000, 200.0))
    xy = np.column_stack([x.ravel(), y.ravel()])
    names = [f"s{i}" for i in range(len(xy))]
    spots = AnnData(
        np.ones((len(xy), 2), np.float32),
        obs=pd.DataFrame(index=names),
        var=pd.DataFrame(index=["A", "B"]),
        obsm={"spatial": xy * factor},
    )
    images = {"hires": np.full((900, 1200, 3), 0.5, np.float32), "lowres": np.zeros((270, 360, 3))}
    spots.uns["spatial"] = {"T1": {"images": images, "scalefactors": dict(FACTORS)}}
    spots.uns["stexp_spots"] = {"section": "T1", **facts}
    return spots


def test_images_are_listed_with_their_sizes():
    frames = list_frames(make_spots())
    assert frames == [
        ImageFrame(FULL, 1.0),
        ImageFrame("hires", 0.1, (900, 1200)),
        ImageFrame("lowres", 0.03, (270, 360)),
    ]
    image, frame = own_image(make_spots())
    assert (image.shape, image.dtype, image.max()) == ((900, 1200, 3), np.uint8, 128)
    assert frame.name == "hires"
    bare = AnnData(obs=pd.DataFrame(index=["a"]), obsm={"spatial": np.zeros((1, 2))})
    assert list_frames(bare) == [ImageFrame(FULL, 1.0)]
    assert own_image(bare) is None


@pytest.mark.parametrize("by", ["µm/px", "diameter"])
@pytest.mark.parametrize(("name", "factor"), [(FULL, 1.0), ("hires", 0.1), ("lowres", 0.03)])
def test_the_image_of_the_positions_is_found(name, factor, by):
    facts = {"pitch_um": 100.0, "diameter_um": 55.0} if by == "µm/px" else {}
    spots = make_spots(factor, **facts)
    positions, slide = find_frame(spots, SHAPE, 0.5 if by == "µm/px" else None)
    assert (positions.name, slide.name) == (name, FULL)
    xy = scale_between(positions, slide)(spots.obsm["spatial"])
    np.testing.assert_allclose(xy, make_spots().obsm["spatial"])


def test_the_slide_may_be_the_reduced_image():
    spots = make_spots()
    positions, slide = find_frame(spots, (900, 1200))
    assert (positions.name, slide.name) == (FULL, "hires")
    assert scale_between(positions, slide)(spots.obsm["spatial"]).max() < 1200


def test_nothing_is_guessed():
    assert find_frame(make_spots(0.42), SHAPE) is None  # no image of this size
    bare = make_spots()
    bare.uns["spatial"] = {"T1": {"scalefactors": {"spot_diameter_fullres": 110.0}}}
    assert find_frame(bare, SHAPE) is None
    with pytest.raises(AlignmentError, match="another size"):
        find_scale((1000, 1000), SHAPE)
    np.testing.assert_allclose(find_scale((900, 1200), SHAPE)([[120, 90]]), [[1200, 900]])


def test_an_alignment_changes_what_depends_on_the_place_and_keeps_what_was():
    spots = make_spots(pitch_um=100.0)
    before = spots.copy()
    transform = Transform.turn(10).then(Transform.scaling(1.5)).then(Transform.shift(300, -40))
    own = spots.obsm["spatial"][[0, 30, 700, 1200]]
    fit = fit_pairs(own, transform(own))
    aligned = apply_alignment(
        spots, Alignment.of_pairs(fit, own, transform(own), 0.5, slide="S", fingerprint="f")
    )
    assert aligned.X is spots.X
    np.testing.assert_allclose(aligned.obsm["spatial"], transform(before.obsm["spatial"]))
    np.testing.assert_array_equal(aligned.obsm["spatial_original"], before.obsm["spatial"])
    np.testing.assert_array_equal(spots.obsm["spatial"], before.obsm["spatial"])
    assert spot_diameter_px(aligned) == pytest.approx(1.5 * 110)
    assert spot_pitch_px(aligned) == pytest.approx(1.5 * 200)
    library = aligned.uns["spatial"]["T1"]
    assert library["images"] == {}  # no image lies under the spots any more
    assert set(library["scalefactors"]) == {"spot_diameter_fullres", "fiducial_diameter_fullres"}
    assert own_image(aligned)[0].shape == (900, 1200, 3)  # but is there for another alignment


def test_a_change_of_scale_alone_keeps_the_reduced_images():
    spots = make_spots(0.1)
    aligned = apply_alignment(spots, Alignment(Transform.scaling(10), "hires"))
    factors = aligned.uns["spatial"]["T1"]["scalefactors"]
    assert factors["tissue_hires_scalef"] == pytest.approx(0.01)
    assert set(aligned.uns["spatial"]["T1"]["images"]) == {"hires", "lowres"}


def test_aligning_again_begins_with_the_file_and_can_be_taken_away():
    spots = make_spots()
    once = apply_alignment(spots, Alignment(Transform.turn(90), "by hand"))
    twice = apply_alignment(once, Alignment(Transform.scaling(2), "scale"))
    np.testing.assert_allclose(twice.obsm["spatial"], 2 * spots.obsm["spatial"])
    np.testing.assert_array_equal(own_positions(twice), spots.obsm["spatial"])
    back = remove_alignment(twice)
    np.testing.assert_array_equal(back.obsm["spatial"], spots.obsm["spatial"])
    assert spot_diameter_px(back) == 110
    assert read_alignment(back) is None
    assert "spatial_original" not in back.obsm
    assert remove_alignment(spots) is spots


@pytest.mark.parametrize("mpp", [0.5, None])
def test_an_alignment_is_kept_in_files(tmp_path, mpp):
    spots = make_spots()
    own = spots.obsm["spatial"][[0, 30, 700, 1200]]
    slide = own * 1.2 + [[0, 0], [3, 1], [-5, 2], [4, 4]]
    fit = fit_pairs(own, slide)
    kept = Alignment.of_pairs(fit, own, slide, mpp, slide="S1", fingerprint="abc")
    path = write_spots(apply_alignment(spots, kept), tmp_path / "aligned.h5ad")
    words = anndata.read_h5ad(path).uns["stexp_spots"]["alignment"]
    assert words["matrix"].shape == (3, 3)
    np.testing.assert_allclose(
        words["residuals_um" if mpp else "residuals_px"], fit.residuals * (mpp or 1)
    )
    spots = read_spots(path)
    again = read_alignment(spots)
    np.testing.assert_array_equal(again.transform.matrix, fit.transform.matrix)
    np.testing.assert_array_equal(again.pairs_own, own)
    np.testing.assert_array_equal(again.pairs_slide, slide)
    assert (again.kind, again.slide, again.mpp) == ("similarity", "S1", mpp)
    np.testing.assert_array_equal(own_positions(spots), make_spots().obsm["spatial"])
    spots.uns["stexp_spots"]["alignment"] = {"matrix": "?"}
    with pytest.raises(AlignmentError, match="damaged"):
        read_alignment(spots)


def test_pairs_of_a_table(tmp_path):
    own, slide = np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2) * 7.25
    path = write_pairs(own, slide, tmp_path / "pairs.csv")
    again = read_pairs(path)
    np.testing.assert_array_equal(again[0], own)
    np.testing.assert_array_equal(again[1], slide)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("own_x,own_y,slide_x\n1,2,3\n", "lacks columns"),
        ("own_x,own_y,slide_x,slide_y\n1,2,3,4\n1,two,3,4\n", "pair 2, own_y"),
        ("", "no table"),
    ],
)
def test_tables_of_something_else_are_refused(tmp_path, text, what):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(AlignmentError, match=what):
        read_pairs(path)
    with pytest.raises(AlignmentError, match="no such file"):
        read_pairs(tmp_path / "none.csv")
