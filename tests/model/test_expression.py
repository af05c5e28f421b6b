from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from napari_stexp.errors import PredictionError, SpotsError
from napari_stexp.model import log_normalize, log_normalize_sparse

counts = npst.arrays(
    np.int64, npst.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 10**6)
)


def by_hand(values: np.ndarray, scale: str, target: float) -> np.ndarray:
    result = np.zeros(values.shape)
    for i, j in np.ndindex(values.shape):
        total = values[i].sum() if scale == "spot" else values[:, j].sum()
        result[i, j] = np.log10(1 + (target * values[i, j] / total if total else 0))
    return result


@given(counts, st.sampled_from(["spot", "gene"]), st.sampled_from([1e4, 1e6]))
def test_both_scales_equal_their_formula(values: np.ndarray, scale: str, target: float) -> None:
    result = log_normalize(values, scale, target)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, by_hand(values, scale, target), rtol=1e-6, atol=1e-7)
    kept = log_normalize_sparse(sparse.csc_matrix(values), scale, target)
    np.testing.assert_array_equal(kept.toarray(), result)


@given(counts)
def test_the_gene_scale_is_the_spot_scale_of_the_transposed(values: np.ndarray) -> None:
    np.testing.assert_array_equal(log_normalize(values, "gene"), log_normalize(values.T, "spot").T)


@given(counts)
def test_each_spot_has_the_target_sum_or_nothing(values: np.ndarray) -> None:
    sums = (10 ** log_normalize(values).astype(float) - 1).sum(axis=1)
    np.testing.assert_allclose(sums[values.sum(1) > 0], 1e4, rtol=1e-4)
    assert (sums[values.sum(1) == 0] == 0).all()


def test_duplicate_sparse_entries_are_added_first() -> None:
    matrix = sparse.coo_matrix(([1.0, 1.0, 2.0], ([0, 0, 0], [0, 0, 1])), shape=(1, 2)).tocsr()
    twice = sparse.csr_array((np.array([1.0, 1.0, 2.0]), np.array([0, 0, 1]), np.array([0, 3])))
    np.testing.assert_array_equal(log_normalize(twice), log_normalize(matrix))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_what_is_no_count_is_refused(bad: float) -> None:
    with pytest.raises(SpotsError, match="finite and not negative"):
        log_normalize(np.array([[1.0, bad]]))


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(PredictionError, match="'spot' or 'gene'"):
        log_normalize(np.ones((2, 2)), "cell")


@pytest.mark.data
def test_the_released_numbers_bit_by_bit(
    reference: dict[str, np.ndarray], extras: dict[str, np.ndarray]
) -> None:
    for section in ("C2", "C3", "C5", "C6"):
        rows = reference["ref_section"] == section
        raw = extras[f"raw_counts_785_{section}"]
        np.testing.assert_array_equal(
            log_normalize(raw, "spot"), reference["expression_key_spotnorm"][rows]
        )
        np.testing.assert_array_equal(log_normalize(raw, "gene"), reference["expression_key"][rows])
    raw = extras["raw_counts_785_C4"]
    np.testing.assert_array_equal(log_normalize(raw, "spot"), reference["truth_spotnorm_C4"])
    np.testing.assert_array_equal(log_normalize(raw, "gene"), reference["truth_C4"])
