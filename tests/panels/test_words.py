"""What panels say: numbers, times, statuses, facts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_stexp.panels.describe import describe_slide, describe_spots
from napari_stexp.panels.text import (
    count,
    describe_metric,
    describe_statuses,
    describe_time,
    join_words,
    short_number,
)
from napari_stexp.slide.facts import SlideFacts


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 spots"), (1, "1 spot"), (2, "2 spots"), (12345, "12,345 spots")]
)
def test_count(number, text):
    assert count(number, "spot") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (8.4, "8 s"),
        (89, "89 s"),
        (120, "2 min"),
        (3599, "1 h 0 min"),
        (4800, "1 h 20 min"),
    ],
)
def test_time(seconds, text):
    assert describe_time(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.12345, "0.123"),
        (1.5, "1.5"),
        (1234.5, "1,234"),
        (2.5e6, "2.5e+06"),
        (-0.5, "-0.5"),
        (1e-5, "1.0e-05"),
    ],
)
def test_short_number(value, text):
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("l1", "L1"),
        ("l2", "L2"),
        ("softmax:0.2", "softmax, T = 0.2"),
        ("softmax:1", "softmax, T = 1"),
    ],
)
def test_metric(metric, text):
    assert describe_metric(metric) == text


def test_statuses():
    assert (
        describe_statuses(["ok"] * 412 + ["unreadable"] * 3) == "412 spots predicted, 3 unreadable"
    )
    text = describe_statuses(["ok", "border", "outside", "pending", "pending"])
    assert text == (
        "2 spots predicted (1 of them at the image's border), 1 outside the image, 2 not reached"
    )
    assert describe_statuses([]) == "0 spots predicted"


def test_words():
    assert join_words([]) == ""
    assert join_words(["a"]) == "a"
    assert join_words(["a", "b", "c"]) == "a, b and c"
    assert join_words(list("abcdefgh"), 3) == "a, b, c and 5 more"


def test_slide_without_scale_or_objective():
    slide = SimpleNamespace(
        shape=(900, 1200),
        mpp=None,
        mpp_source="unknown",
        name="x",
        vendor="",
        format="PNG",
        objective=None,
        facts=SlideFacts("PNG"),
    )
    facts = describe_slide(slide)
    assert facts["Size"] == "1,200 × 900 px"  # noqa: RUF001
    assert facts["Scale"] == facts["Objective"] == facts["Extent"] == ""
    slide.mpp, slide.mpp_source, slide.objective, slide.vendor = 0.5, "metadata", 20.0, "Aperio"
    facts = describe_slide(slide)
    assert facts["Scale"] == "0.5 µm/px, from the file"
    assert facts["Extent"] == "0.6 × 0.45 mm"  # noqa: RUF001
    assert facts["File"] == "Aperio · PNG"


def test_spots_of_which_little_is_known():
    facts = describe_spots(SimpleNamespace(uns={}, n_obs=5, n_vars=0))
    assert facts["Spots"] == "5"
    assert facts["Layout"] == ""
    assert facts["Measured"] == "no (virtual spots)"
