"""Fields of view: each is what a patch reader of that size reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.slide import FieldReader, PatchReader, open_slide

RELAXED = settings(deadline=None, max_examples=25)
POINT = st.tuples(st.floats(-400, 3000), st.floats(-400, 2700))


@given(
    centers=st.lists(POINT, max_size=6),
    wider=st.lists(st.sampled_from([1.5, 2.0, 3.0, 8.0]), max_size=3, unique=True).map(sorted),
    mpp=st.sampled_from([None, 0.5, 0.7]),
    fill=st.tuples(*[st.integers(0, 255)] * 3),
    threads=st.sampled_from([1, 3]),
)
@RELAXED
def test_each_field_is_a_patch_of_its_size(
    exact_slide: Path, centers, wider, mpp, fill, threads
) -> None:
    context = (1.0, *wider)
    with open_slide(exact_slide) as slide:
        reader = FieldReader(slide, 24, mpp, context, fill=fill, threads=threads)
        batch = reader.read(centers)
        first = PatchReader(slide, 24, mpp, fill=fill)
        np.testing.assert_array_equal(reader.classify(centers), first.classify(centers))
        single = [
            PatchReader(slide, 24, mpp * field, fill=fill)
            if mpp
            else PatchReader(slide, 24, fill=fill, field=field)
            for field in context
        ]
        expected = [one.read(centers).pixels for one in single]
    assert batch.ok.all()
    if len(context) == 1:
        np.testing.assert_array_equal(batch.pixels, expected[0])
    else:
        assert batch.pixels.shape == (len(centers), len(context), 24, 24, 3)
        for i, pixels in enumerate(expected):
            np.testing.assert_array_equal(batch.pixels[:, i], pixels)


def test_without_a_scale_fields_are_multiples_of_level_0_pixels(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:
        assert PatchReader(slide, 32, field=4.0).ratio == 4.0
        assert PatchReader(slide, 32, 1.0, field=4.0).ratio == 8.0
        assert PatchReader(slide, 32, 0.505, field=1.0).ratio == 1.0  # within 3 %
        assert PatchReader(slide, 32, 0.505, field=2.0).ratio == pytest.approx(2.02)


def test_a_stream_brings_all_fields_in_the_order_of_the_first(exact_slide: Path) -> None:
    rng = np.random.default_rng(0)
    centers = rng.uniform(100, 2000, (11, 2))
    with open_slide(exact_slide) as slide:
        reader = FieldReader(slide, 16, None, (1.0, 4.0), threads=2)
        whole = reader.read(centers).pixels
        order = PatchReader(slide, 16).order(centers)
        seen = []
        for indices, batch in reader.stream(centers, 4):
            seen.extend(indices)
            np.testing.assert_array_equal(batch.pixels, whole[indices])
    np.testing.assert_array_equal(seen, order)


def test_a_field_that_cant_be_read_spoils_its_point(exact_slide: Path, monkeypatch) -> None:
    original = PatchReader._read

    def fail_wide(self, centers, pool, stop):
        batch = original(self, centers, pool, stop)
        if self.ratio > 1:
            batch.ok[0] = False
        return batch

    monkeypatch.setattr(PatchReader, "_read", fail_wide)
    with open_slide(exact_slide) as slide:
        batch = FieldReader(slide, 16, None, (1.0, 4.0)).read([(500, 500), (600, 600)])
    assert batch.ok.tolist() == [False, True]


@pytest.mark.parametrize("field", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_fields_are_refused(exact_slide: Path, field: float) -> None:
    with open_slide(exact_slide) as slide:
        with pytest.raises(ValueError, match="field of view"):
            PatchReader(slide, 16, field=field)
        with pytest.raises(ValueError, match="no field of view"):
            FieldReader(slide, 16, None, ())
