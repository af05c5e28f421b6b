"""Transforms, and fits to pairs of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import AlignmentError
from napari_stexp.spots.alignment import Transform, fit_pairs

degrees = st.floats(-180, 180)
scales = st.floats(0.05, 20)
shifts = st.tuples(st.floats(-5e4, 5e4), st.floats(-5e4, 5e4))
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
XY = np.array([[0.0, 0], [1000, 0], [0, 1000], [700, 900], [-300, 420]])


@st.composite
def similarities(draw):
    mirror = np.diag([-1.0 if draw(st.booleans()) else 1.0, 1.0])
    turned = Transform.of(mirror).then(Transform.turn(draw(degrees)))
    return turned.then(Transform.scaling(draw(scales))).then(Transform.shift(*draw(shifts)))


@st.composite
def affines(draw):
    across = Transform.of([[1, draw(st.floats(-0.8, 0.8))], [0, draw(st.floats(0.4, 2.5))]])
    return across.then(draw(similarities()))


@st.composite
def spread_places(draw):
    """Three to nine places that span a plane."""
    more = draw(st.lists(st.tuples(st.floats(0, 2e4), st.floats(0, 2e4)), max_size=6))
    return np.array([(100.0, 200.0), (19000.0, 900.0), (4000.0, 17000.0), *more])


@few
@given(one=affines(), other=affines())
def test_a_transform_composes_and_has_a_way_back(one, other):
    both = one.then(other)
    np.testing.assert_allclose(both(XY), other(one(XY)), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(both.inverse()(both(XY)), XY, rtol=0, atol=1e-3)
    assert one.then(one.inverse()).same(Transform.identity(), reach=1e4, tolerance=1e-4)
    assert both.scale == pytest.approx(one.scale * other.scale)
    assert both.mirrored == (one.mirrored != other.mirrored)


@few
@given(turn=degrees, scale=scales, mirrored=st.booleans(), shift=shifts)
def test_a_similarity_says_what_it_does(turn, scale, mirrored, shift):
    first = Transform.of(np.diag([-1.0 if mirrored else 1.0, 1.0]))
    whole = first.then(Transform.turn(turn)).then(Transform.scaling(scale))
    whole = whole.then(Transform.shift(*shift))
    assert whole.scale == pytest.approx(scale)
    assert whole.mirrored is mirrored
    assert whole.shear == pytest.approx(0, abs=1e-9)
    away = (whole.rotation - turn + 180) % 360 - 180
    assert away == pytest.approx(0, abs=1e-6)


def test_turning_is_clockwise_on_the_screen_and_about_a_place():
    turned = Transform.turn(90, (10, 20))
    np.testing.assert_allclose(turned([[10, 20], [11, 20]]), [[10, 20], [10, 21]], atol=1e-12)
    assert Transform.scaling(2).is_scaling
    assert not Transform.scaling(2, (5, 5)).is_scaling
    assert not Transform.turn(180).is_scaling


@pytest.mark.parametrize(
    "matrix",
    [np.eye(2), np.diag([1.0, 0, 1]), np.diag([1.0, np.nan, 1]), np.diag([1.0, 1, 2])],
    ids=["2 x 2", "flat", "NaN", "projective"],
)
def test_what_is_no_placement_is_refused(matrix):
    with pytest.raises(AlignmentError):
        Transform(matrix)


@few
@given(truth=similarities(), own=spread_places())
def test_a_similarity_is_found_from_pairs_without_noise(truth, own):
    fit = fit_pairs(own, truth(own))
    extent = np.ptp(truth(own), axis=0).max()
    assert fit.transform.mirrored == truth.mirrored
    np.testing.assert_allclose(fit.transform(own), truth(own), atol=1e-9 * extent + 1e-7)
    assert fit.residuals.max() <= 1e-9 * extent + 1e-7
    assert fit.left_out.max() <= 1e-6 * extent
    assert fit.outlier is None


@few
@given(truth=affines(), own=spread_places())
def test_an_affine_is_found_from_pairs_without_noise(truth, own):
    fit = fit_pairs(own, truth(own), "affine")
    np.testing.assert_allclose(fit.transform.matrix, truth.matrix, rtol=1e-6, atol=1e-4)
    assert fit.outlier is None


def test_a_similarity_is_that_of_scikit_image():
    from skimage.transform import AffineTransform, SimilarityTransform

    rng = np.random.default_rng(3)
    own = rng.uniform(0, 5000, (7, 2))
    slide = Transform.turn(31).then(Transform.scaling(2.7))(own) + rng.normal(0, 40, (7, 2))
    theirs = SimilarityTransform.from_estimate(own, slide)
    np.testing.assert_allclose(fit_pairs(own, slide).transform.matrix, theirs.params, rtol=1e-6)
    affine = AffineTransform.from_estimate(own, slide)
    ours = fit_pairs(own, slide, "affine")
    # theirs minimises in normalised coordinates: the same but for rounding
    np.testing.assert_allclose(ours.transform(own), affine(own), atol=0.5)
    assert ours.rms <= fit_pairs(own, slide).rms


def test_leaving_out_is_a_fit_to_the_others():
    rng = np.random.default_rng(4)
    own = rng.uniform(0, 5000, (6, 2))
    slide = own * 2 + rng.normal(0, 20, (6, 2))
    for kind in ("similarity", "affine"):
        fit = fit_pairs(own, slide, kind)
        for i in range(6):
            others = np.arange(6) != i
            refit = fit_pairs(own[others], slide[others], kind).transform
            away = np.linalg.norm(refit(own[[i]]) - slide[[i]])
            assert fit.left_out[i] == pytest.approx(away)
        assert (fit.left_out > fit.residuals).all()


@pytest.mark.parametrize(("kind", "n"), [("similarity", 4), ("similarity", 8), ("affine", 6)])
def test_a_bad_pair_stands_out(kind, n):
    rng = np.random.default_rng(n)
    own = rng.uniform(0, 8000, (n, 2))
    slide = Transform.turn(12).then(Transform.scaling(1.8))(own) + rng.normal(0, 8, (n, 2))
    assert fit_pairs(own, slide, kind).outlier is None
    slide[2] += (2500, -1900)
    assert fit_pairs(own, slide, kind).outlier == 2


def test_three_pairs_have_no_residual_under_an_affine():
    own = np.array([[0.0, 0], [1000, 100], [200, 900]])
    fit = fit_pairs(own, own + np.array([[0, 0], [90, 0], [0, 30]]), "affine")
    assert fit.residuals.max() < 1e-6
    assert np.isnan(fit.left_out).all()  # two pairs say nothing about the third
    assert fit.outlier is None


@pytest.mark.parametrize(
    ("own", "slide", "what"),
    [
        (XY[:2], XY[:2], "too few pairs"),
        ([[0, 0], [500, 500], [1000, 1001]], XY[:3], "one line in the spots"),
        (XY[:3], [[0, 0], [500, 500], [1000, 1001]], "one line on the slide"),
        ([[0, 0], [0, 0], [1000, 1]], XY[:3], "one line"),
        (XY[:3], XY[:4], "both images"),
        ([[0, 0], [np.inf, 0], [1, 1]], XY[:3], "no position"),
    ],
)
def test_pairs_that_can_not_tell_are_refused(own, slide, what):
    with pytest.raises(AlignmentError, match=what):
        fit_pairs(own, slide)
    with pytest.raises(AlignmentError, match="no such kind"):
        fit_pairs(XY, XY, "rigid")
