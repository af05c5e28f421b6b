from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import BundleError, PredictionError
from napari_stexp.model import ReferenceBank, SectionInfo, Thumbnails, log_normalize


def test_gene_scale_runs_over_each_section(small_bank: ReferenceBank) -> None:
    raw = small_bank.counts.toarray()
    wanted = np.concatenate([log_normalize(raw[i : i + 10], "gene") for i in (0, 10, 20)])
    np.testing.assert_array_equal(small_bank.expression_matrix("gene"), wanted)
    np.testing.assert_array_equal(small_bank.expression_matrix("spot"), log_normalize(raw))


def test_rows_may_be_interleaved(small_bank: ReferenceBank) -> None:
    order = np.random.default_rng(0).permutation(len(small_bank))
    mixed = small_bank.take(order)
    for scale in ("spot", "gene"):
        np.testing.assert_array_equal(
            mixed.expression_matrix(scale), small_bank.expression_matrix(scale)[order]
        )


def test_scales_and_sums_are_not_confused_by_the_cache(small_bank: ReferenceBank) -> None:
    spot = small_bank.expression_sparse("spot").toarray()
    gene = small_bank.expression_sparse("gene").toarray()
    other = small_bank.expression_sparse("spot", 1e6).toarray()
    assert not np.array_equal(spot, gene)
    assert not np.array_equal(spot, other)
    np.testing.assert_array_equal(small_bank.expression_sparse("spot").toarray(), spot)


def test_sections_and_patients_are_left_out(small_bank: ReferenceBank) -> None:
    left = small_bank.without(sections=["A2"])
    assert set(left.section_names) == {"A1", "B1"}
    np.testing.assert_array_equal(
        left.embeddings, small_bank.embeddings[small_bank.section_names != "A2"]
    )
    np.testing.assert_array_equal(left.thumbnails[15], small_bank.thumbnails[25])
    assert set(small_bank.without(patients=["A"]).section_names) == {"B1"}
    assert small_bank.without() is small_bank
    # What is left is on the scale it was on before.
    np.testing.assert_array_equal(
        left.expression_matrix("gene"),
        small_bank.expression_matrix("gene")[small_bank.section_names != "A2"],
    )


def test_a_mistyped_name_does_not_leak_silently(small_bank: ReferenceBank) -> None:
    with pytest.raises(PredictionError, match=r"no such section.*A1, A2, B1.*'a1'"):
        small_bank.without(sections=["a1"])
    with pytest.raises(PredictionError, match=r"no such patient.*'C'"):
        small_bank.without(patients=["C"])
    with pytest.raises(PredictionError, match="no reference spot is left"):
        small_bank.without(patients=["A", "B"])


def test_stored_expression_has_one_scale_only(small_bank: ReferenceBank) -> None:
    values = small_bank.expression_matrix("gene")
    bank = replace(small_bank, counts=None, expression=values, expression_scale="gene", _cache={})
    np.testing.assert_array_equal(bank.expression_matrix("gene"), values)
    np.testing.assert_array_equal(bank.expression_sparse("gene").toarray(), values)
    with pytest.raises(PredictionError, match="only its own scale"):
        bank.expression_matrix("spot")
    with pytest.raises(PredictionError, match="only its own scale"):
        bank.expression_matrix("gene", 1e6)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"section": np.zeros(3, np.int32)}, "section should be"),
        ({"section": np.full(30, 3, np.int32)}, r"section indices leave 0\.\.2"),
        ({"centers": np.zeros((30, 3))}, "centers should be"),
        ({"counts": None}, "neither counts nor expression"),
        ({"expression": np.zeros((3, 12), np.float32)}, "expression should have 30 rows"),
        ({"embeddings": np.full((30, 16), np.nan, np.float32)}, "not all finite"),
        ({"thumbnails": Thumbnails(np.zeros(0, np.uint8), np.zeros(2, np.int64))}, "pictures"),
    ],
)
def test_parts_must_fit(small_bank: ReferenceBank, change: dict, what: str) -> None:
    with pytest.raises(BundleError, match=what):
        replace(small_bank, **change, _cache={})


def test_thumbnails_show_the_patch() -> None:
    patches = np.zeros((2, 64, 64, 3), np.uint8)
    patches[0, :, :, 0], patches[1, :, :, 2] = 200, 120
    pictures = Thumbnails.from_patches(patches, side=16, quality=95)
    for i in range(2):
        np.testing.assert_allclose(pictures[i].mean((0, 1)), patches[i].mean((0, 1)), atol=4)
        assert pictures[i].shape == (16, 16, 3)
    assert Thumbnails(np.zeros(0, np.uint8), np.zeros(2, np.int64))[0] is None


def test_a_damaged_thumbnail_is_a_clear_error() -> None:
    junk = Thumbnails(np.arange(50, dtype=np.uint8), np.array([0, 50]))
    with pytest.raises(BundleError, match="reference spot 0"):
        junk[0]


def test_unknown_patients_are_empty_text(small_bank: ReferenceBank) -> None:
    sections = tuple(SectionInfo(info.name) for info in small_bank.sections)
    bank = replace(small_bank, sections=sections, _cache={})
    assert set(bank.patients) == {""}
    with pytest.raises(PredictionError, match="no patient is named"):
        bank.without(patients=[""])
