"""Spots that were turned or mirrored, told by the tissue."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_stexp.spots.alignment import (
    ORIENTATIONS,
    check_orientation,
    orientation_transform,
)

SHAPE = (8000, 10000)  # height, width
DOWNSAMPLE = 20.0


def make_mask(kind="boot"):
    y, x = np.mgrid[: SHAPE[0] // 20, : SHAPE[1] // 20]
    if kind == "disc":  # in the middle: looks the same from everywhere
        return (y - 200) ** 2 + (x - 250) ** 2 < 120**2
    leg = (x > 90) & (x < 190) & (y > 60) & (y < 330)
    foot = (x > 90) & (x < 360) & (y > 240) & (y < 330)
    return leg | foot | ((y - 100) ** 2 + (x - 330) ** 2 < 30**2)


def make_spots(mask, pitch=200.0):
    xy = np.stack(np.meshgrid(*(np.arange(pitch, s, pitch) for s in SHAPE[::-1])), -1)
    xy = xy.reshape(-1, 2).astype(np.float64)
    at = (xy / DOWNSAMPLE).astype(int)
    xy = xy[mask[at[:, 1], at[:, 0]]]
    return AnnData(obs=pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]), obsm={"spatial": xy})


def moved(spots, transform):
    new = spots.copy()
    new.obsm["spatial"] = transform(spots.obsm["spatial"])
    return new


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_each_is_a_map_of_the_frame_onto_itself(name):
    transform = orientation_transform(name, SHAPE)
    turned = ORIENTATIONS[name][0][0] == 0
    width, height = SHAPE if turned else SHAPE[::-1]
    corners = {
        tuple(corner) for corner in transform([(0, 0), (width, 0), (0, height), (width, height)])
    }
    assert corners == {(0, 0), (10000, 0), (0, 8000), (10000, 8000)}
    about = orientation_transform(name, None, [(100, 300), (500, 900)])
    np.testing.assert_allclose(about([(300, 600)]), [(300, 600)])


def test_right_spots_raise_no_alarm():
    mask = make_mask()
    check = check_orientation(make_spots(mask), mask, DOWNSAMPLE, SHAPE)
    assert check.fix is None
    assert check.fits
    assert check.present.on_tissue > 0.9
    assert len(check.candidates) == 15
    assert check.describe()["orientations"][0]["orientation"] == "as they are"


@pytest.mark.parametrize("about", ["slide", "spots"])
@pytest.mark.parametrize("name", list(ORIENTATIONS)[1:])
def test_each_mistake_is_found_and_put_right(name, about):
    mask = make_mask()
    spots = make_spots(mask)
    xy = spots.obsm["spatial"]
    mistake = orientation_transform(name, SHAPE if about == "slide" else None, xy).inverse()
    wrong = moved(spots, mistake)
    check = check_orientation(wrong, mask, DOWNSAMPLE, SHAPE)
    assert check.fix is not None
    np.testing.assert_allclose(check.fix.transform(wrong.obsm["spatial"]), xy, atol=1e-6)


def test_evidence_that_is_weak_is_none():
    disc = make_mask("disc")
    spots = make_spots(disc)
    for name in ORIENTATIONS:
        turned = moved(spots, orientation_transform(name, SHAPE).inverse())
        assert check_orientation(turned, disc, DOWNSAMPLE, SHAPE).fix is None
    everywhere = np.ones_like(disc)
    check = check_orientation(make_spots(everywhere), everywhere, DOWNSAMPLE, SHAPE)
    assert check.fix is None
    nowhere = check_orientation(spots, np.zeros_like(disc), DOWNSAMPLE, SHAPE)
    assert nowhere.fix is None
    assert nowhere.fits  # nothing is known
    assert not nowhere.has_tissue


def test_spots_beside_the_tissue_do_not_fit_and_get_no_wrong_advice():
    mask = make_mask()
    spots = make_spots(mask)
    spots.obsm["spatial"] = spots.obsm["spatial"] / 6
    check = check_orientation(spots, mask, DOWNSAMPLE, SHAPE)
    assert check.fix is None
    assert not check.fits


def test_spots_outside_tissue_do_not_count_where_they_are_known():
    mask = make_mask()
    everywhere = make_spots(np.ones_like(mask))
    at = (everywhere.obsm["spatial"] / DOWNSAMPLE).astype(int)
    everywhere.obs["in_tissue"] = mask[at[:, 1], at[:, 0]].astype(int)
    swap = orientation_transform("mirror left to right", SHAPE)
    check = check_orientation(moved(everywhere, swap), mask, DOWNSAMPLE, SHAPE)
    assert check.fix is not None
    assert check.fix.name == "mirror left to right"


@pytest.mark.data
@pytest.mark.parametrize("section", ["B4", "C4", "A1"])
def test_real_sections(her2st, section, monkeypatch):
    from PIL import Image

    from napari_stexp.slide import tissue_mask
    from napari_stexp.spots import read_spots

    spots = read_spots(her2st / "data" / "ST-spotfiles" / f"{section}_selection.tsv")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    folder = her2st / "data" / "ST-imgs" / section[0] / section
    image = Image.open(
        her2st / "app/A1_HE_image_dark.png" if section == "A1" else next(folder.glob("*.jpg"))
    )
    width, height = (6954, 7435) if section == "A1" else image.size
    image.draft("RGB", (1000, 1000))
    image = image.convert("RGB")
    image.thumbnail((1000, 1000))
    picture = np.array(image)
    if section == "A1":
        picture[: picture.shape[0] // 4, 3 * picture.shape[1] // 4 :] = 0  # an inset
    mask, downsample = tissue_mask(picture), width / picture.shape[1]
    shape = (height, width)
    check = check_orientation(spots, mask, downsample, shape)
    assert check.fix is None
    assert check.present.on_tissue > 0.97
    for name in list(ORIENTATIONS)[1:]:
        for frame in (shape, None):
            back = orientation_transform(name, frame, spots.obsm["spatial"])
            wrong = moved(spots, back.inverse())
            fix = check_orientation(wrong, mask, downsample, shape).fix
            assert fix is not None, name
            np.testing.assert_allclose(
                fix.transform(wrong.obsm["spatial"]), spots.obsm["spatial"], atol=1e-6
            )


def test_the_sample_fits_and_is_found_when_it_is_turned(sample_folder):
    from napari_stexp.slide import open_slide, tissue_mask
    from napari_stexp.spots import read_spots

    spots = read_spots(sample_folder / "breast_synthetic_spots.h5ad")
    with open_slide(sample_folder / "breast_synthetic.ome.tif") as slide:
        picture, downsample = slide.thumbnail(1000)
        mask, shape = tissue_mask(picture), slide.shape
    assert check_orientation(spots, mask, downsample, shape).fix is None
    for name in list(ORIENTATIONS)[1:]:
        wrong = moved(spots, orientation_transform(name, shape).inverse())
        fix = check_orientation(wrong, mask, downsample, shape).fix
        assert fix is not None
        assert fix.name == name
