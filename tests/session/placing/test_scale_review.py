"""Mistakes in scales: found, explained, settled, and kept."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from anndata import AnnData

from napari_stexp.errors import ScaleError
from napari_stexp.progress import exhaust
from napari_stexp.session.placing.scale_options import choose_option
from napari_stexp.session.placing.scale_pictures import FIELD_UM, cut_fields, find_cells
from napari_stexp.session.placing.scale_review import review_scale, settle_scale
from napari_stexp.slide.facts import ScaleClaim, SlideFacts
from napari_stexp.slide.scale_review import check_settled, describe_ratio, review_metadata
from napari_stexp.spots.checks import check_scale, compare_scale
from tests.session.fakes import FakeSlide


class Slide(FakeSlide):
    @property
    def mpp_xy(self):
        square = None if self.mpp is None else (self.mpp, self.mpp)
        return self.facts.mpp_xy if self.mpp_source == "metadata" and self.facts.mpp_xy else square


def make_slide(mpp, objective=None, *others, source="metadata", shape=(20_000, 30_000)):
    """A slide whose file states ``mpp`` first, and then ``others``."""
    claims = tuple(
        ScaleClaim(f"place {n}", one if isinstance(one, tuple) else (one, one))
        for n, one in enumerate((mpp, *others)) if one is not None
    )  # fmt: skip
    pair = next((claim.mpp_xy for claim in claims if claim.plausible), None)
    facts = SlideFacts("test", mpp_xy=pair, objective=objective, claims=claims)
    used = None if pair is None else sum(pair) / 2
    return Slide(mpp=used, mpp_source=source if pair else "unknown", facts=facts, shape=shape)


def make_spots(pitch_px, pitch_um=100.0, **record):
    x, y = np.meshgrid(np.arange(12), np.arange(10))
    adata = AnnData(
        obsm={"spatial": np.c_[x.ravel(), y.ravel()] * pitch_px + 3000.0}, shape=(120, 0)
    )
    adata.uns["stexp_spots"] = {"pitch_um": pitch_um, **record}
    return adata


def kinds(findings, severity=None):
    return [one.kind for one in findings if severity in (None, one.severity)]


@pytest.mark.parametrize(
    ("mpp", "objective", "questions", "notes"),
    [
        (0.499, 20, [], []), (0.2527, 40, [], []), (0.97, 10, [], []), (0.25, None, [], []),
        (0.46, 20, [], []), (0.16, 63, [], []),
        (0.2427, 20, [], ["objective"]),  # a real scanner with an adapter of 1.6x: half
        (0.5, 40, [], ["objective"]),
        (2.74, 40, ["objective"], []), (5.0, 20, ["objective"], []), (1.0, 40, ["objective"], []),
        (0.06, 20, ["objective"], []),
        (0.0274, 40, ["implausible"], []), (None, 40, ["missing"], []),
        (25.0, 40, ["implausible"], []),
        ((0.25, 0.254), 40, [], []), ((0.25, 0.26), 40, ["anisotropic"], []),
    ],
)  # fmt: skip
def test_what_the_metadata_gives_away(mpp, objective, questions, notes):
    findings = review_metadata(make_slide(mpp, objective))
    assert kinds(findings, "question") == questions
    assert kinds(findings, "note") == notes


def test_two_places_of_a_file():
    assert kinds(review_metadata(make_slide(0.25, None, 0.252)), "question") == []
    assert kinds(review_metadata(make_slide(0.25, None, 2.5)), "question") == ["sources"]
    assert kinds(review_metadata(make_slide(0.25, 40, 2.5)), "note") == ["sources"]
    assert "sources" in kinds(review_metadata(make_slide(2.5, 40, 0.25)), "question")


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (10, "10 times too large: probably a decimal point"), (0.1, "10 times too small"),
        (0.011, "100 times too small"), (2.0, "2 times too large"), (0.25, "4 times too small"),
        (1.2, ""), (3.0, ""), (5.0, ""),
    ],
)  # fmt: skip
def test_ratios_are_explained(ratio, words):
    assert words in describe_ratio(ratio) if words else not describe_ratio(ratio)


@pytest.mark.parametrize(
    ("pitch_px", "found"), [(400, False), (385, False), (375, True), (40, True)]
)
def test_spots_contradict_from_five_percent_on(pitch_px, found):
    review = review_scale(make_slide(0.25), make_spots(pitch_px))
    assert (kinds(review.questions) == ["pitch"]) is found
    assert review.options[0].source == "spots"
    assert review.options[0].mpp == pytest.approx(100 / pitch_px)


def test_a_slipped_point_offers_the_files_own_digits():
    review = review_scale(make_slide(0.0274, 40))
    exact = review.options[0]
    assert (exact.source, exact.mpp) == ("user", pytest.approx(0.274))
    assert [one.possible for one in review.options] == [True, False]  # 0.25 of 40x says no more
    pitch = review_scale(make_slide(2.74), make_spots(100 / 0.274))
    assert [one.mpp for one in pitch.options] == pytest.approx([0.274, 0.274, 2.74])


def test_spots_that_agree_outweigh_the_objective():
    review = review_scale(make_slide(1.0, 40), make_spots(100.0))
    assert review.findings == ()


def test_what_visium_hd_states():
    review = review_scale(make_slide(0.25), make_spots(400, microns_per_pixel=0.5))
    assert kinds(review.questions) == ["pixel_size"]


def test_spots_in_the_pixels_of_a_smaller_copy():
    spots = make_spots(10.0, None)
    spots.obsm["spatial"] -= 2900
    assert kinds(review_scale(make_slide(0.25), spots).findings) == ["extent"]


@pytest.mark.parametrize("source", ["spots", "metadata", "objective"])
def test_settling_holds_for_this_contradiction_alone(source):
    slide, spots = make_slide(2.5, 40), make_spots(400)
    with pytest.raises(ScaleError, match=r"contradicts.*--mpp-from"):
        check_scale(spots, slide.mpp)
    with pytest.raises(ScaleError, match=r"decimal point.*--mpp-from"):
        check_settled(slide, 0.5)
    option = choose_option(slide, spots, source)
    settled = settle_scale(slide, spots, option.mpp, source)
    assert settled.mpp_source == source
    assert review_scale(settled, spots).questions == ()
    keys = {one.key for one in settled.settled}
    check_scale(spots, settled.mpp, settled=keys)
    check_settled(settled, 0.5)
    assert any("objective 40x" in one.sentence for one in settled.settled)
    other = make_spots(300)
    with pytest.raises(ScaleError):
        check_scale(other, settled.mpp, settled=keys)


def test_pixels_that_are_not_square_need_one_size():
    slide = make_slide((0.25, 0.5))
    known = tuple(one.settled() for one in review_metadata(slide))
    with pytest.raises(ScaleError, match="not to be square"):
        check_settled(replace(slide, settled=known), 0.5)
    with pytest.raises(ScaleError, match="can't be taken from the metadata"):
        choose_option(slide, None, "metadata")
    settled = settle_scale(slide, None, 0.25, "user")
    check_settled(settled, 0.5)
    assert settled.mpp_xy == (0.25, 0.25)


def test_a_model_without_scale_asks_nothing():
    check_settled(make_slide(2.5, 40), None)


def test_both_rooms_name_a_contradiction_alike():
    slide, spots = make_slide(2.5), make_spots(400)
    finding = review_scale(slide, spots).questions[0]
    assert finding.key == compare_scale(spots, 2.5)[0].key


def test_a_source_that_says_nothing():
    for source in ("spots", "objective", "metadata"):
        with pytest.raises(ScaleError, match=r"can't be taken.*--mpp"):
            choose_option(make_slide(None), None, source)
    assert [one.mpp for one in review_scale(make_slide(None)).options] == [0.25, 0.5, 1.0]


def test_fields_show_the_same_place_at_each_scale():
    """A square of 50 px is 25 µm at 0.5 µm/px: it fills that share of the right field."""
    image = np.full((1200, 1200, 3), 245, np.uint8)
    image[600:650, 600:650] = (90, 40, 130)

    def picture(bounds, max_px):
        x0, y0, x1, y1 = (int(np.clip(round(one), 0, 1200)) for one in bounds)
        return image[y0:y1, x0:x1], (x0, y0, x1, y1)

    slide = SimpleNamespace(
        shape=(1200, 1200), picture=picture, thumbnail=lambda n: (image[::2, ::2], 2.0)
    )
    x, y = find_cells(slide)
    assert 610 <= x <= 640
    assert 610 <= y <= 640
    fields = exhaust(cut_fields(slide, [0.5, 0.05], 260))
    dark = (fields[0.5][:, :, 0] < 170).sum() / 260**2
    assert dark == pytest.approx((25 / FIELD_UM) ** 2, rel=0.1)
    assert (fields[0.05][:3] == 225).all()  # 2,600 px wide: beyond the slide


def test_a_workspace_keeps_what_was_settled(tmp_path):
    import json

    from napari_stexp.session.workspace.words import to_words, words_to_workspace
    from napari_stexp.session.workspace.workspace import Workspace

    settled = settle_scale(make_slide(2.5, 40), None, 0.25, "user").settled
    workspace = Workspace(mpp=0.25, mpp_source="user", colour="sRGB", settled=settled)
    words = json.loads(json.dumps(to_words(workspace, {})))
    found = words_to_workspace(words, tmp_path)
    assert (found.colour, found.settled) == ("sRGB", settled)
    del words["colour"], words["scale_settled"]  # as earlier versions wrote it
    found = words_to_workspace(words, tmp_path)
    assert (found.colour, found.settled) == ("stored", ())
