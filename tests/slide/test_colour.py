"""Colours by ICC profile: the same as PIL's on the whole image, everywhere."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from napari_stexp.errors import SlideError
from napari_stexp.slide import PatchReader, open_slide
from napari_stexp.slide.colour import check_colour, describe_profile
from tests.slide.builders.icc import other_profile

RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC


def write(path, pixels, icc):
    options = {"photometric": "rgb", "metadata": None, "tile": (128, 128), "iccprofile": icc}
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, resolution=(20000, 20000), resolutionunit="CENTIMETER", **options)
        writer.write(pixels[::2, ::2], subfiletype=1, **options)
    return path


@pytest.fixture(scope="module")
def coloured(tmp_path_factory, picture):
    path = tmp_path_factory.mktemp("icc") / "coloured.tif"
    return write(path, picture[:500, :600], other_profile())


@pytest.fixture(scope="module")
def expected(picture):
    """The whole image as PIL converts it."""
    return np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(picture[:500, :600]),
            ImageCms.ImageCmsProfile(io.BytesIO(other_profile())),
            ImageCms.createProfile("sRGB"),
            renderingIntent=RELATIVE,
        )
    )


def test_regions_patches_and_layers_are_converted(coloured, picture, expected):
    stored = picture[:500, :600]
    assert np.abs(expected.astype(int) - stored).max() > 50  # else it would prove nothing
    with open_slide(coloured) as plain, open_slide(coloured, colour="srgb") as slide:
        assert (plain.colour, slide.colour) == ("stored", "sRGB")
        for _ in range(2):  # the second time from the cache
            np.testing.assert_array_equal(plain.read_region(0, 0, 600, 500), stored)
            np.testing.assert_array_equal(slide.read_region(0, 0, 600, 500), expected)
        patch = PatchReader(slide, 64).read([[300, 200]]).pixels[0]
        np.testing.assert_array_equal(patch, expected[168:232, 268:332])
        np.testing.assert_array_equal(slide.dask_levels()[0].compute(), expected)
        np.testing.assert_array_equal(slide.thumbnail(600)[0], expected)
        assert not np.array_equal(plain.thumbnail(200)[0], slide.thumbnail(200)[0])


def test_files_stay_open_as_long_as_one_of_them_is(coloured, picture, expected):
    plain = open_slide(coloured)
    slide = plain.with_colour("sRGB")
    plain.close()
    np.testing.assert_array_equal(slide.read_region(0, 0, 9, 9), expected[:9, :9])
    back = slide.with_mpp(0.3).with_colour("stored")
    np.testing.assert_array_equal(back.read_region(0, 0, 9, 9), picture[:9, :9])
    again = pickle.loads(pickle.dumps(slide))
    assert again.colour == "sRGB"
    for one in (slide, back, again):
        one.close()
        one.close()
    with pytest.raises(SlideError, match="closed"):
        slide.with_colour("stored")


@pytest.mark.parametrize(
    ("icc", "what"),
    [
        (None, "has no ICC profile"),
        (b"\0" * 200, "damaged ICC profile"),
        (other_profile()[:16] + b"R\xffB " + other_profile()[20:], "damaged ICC profile"),
    ],
)
def test_without_a_usable_profile_colours_stay_as_stored(tmp_path, picture, icc, what, caplog):
    path = write(tmp_path / "odd.tif", picture[:200, :200], icc)
    with open_slide(path, colour="sRGB") as slide:
        assert slide.colour == "stored"
        assert what in caplog.text
        np.testing.assert_array_equal(slide.read_region(0, 0, 200, 200), picture[:200, :200])
        with pytest.raises(SlideError, match=what):
            slide.with_colour("sRGB")


def test_profiles_are_named():
    assert describe_profile(None) == ""
    assert describe_profile(b"nothing") == "damaged"
    assert "sRGB" in describe_profile(other_profile())
    assert check_colour("SRGB") == "sRGB"
    with pytest.raises(ValueError, match="none of"):
        check_colour("grey")


def test_a_profile_of_other_colours_is_refused(tmp_path, picture):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    path = write(tmp_path / "lab.tif", picture[:200, :200], lab)
    with open_slide(path) as slide, pytest.raises(SlideError, match="expected RGB; found Lab"):
        slide.with_colour("sRGB")
