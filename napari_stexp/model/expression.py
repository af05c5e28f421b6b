"""The two expression scales of mclSTExp, and gene lists.

Both scales are log10(1 + x), where x are counts over the gene list brought to
a common sum: per *spot* (library-size normalisation, what the spot encoder
sees and what is shown by default) or per *gene* over the spots of one section
(what the released evaluation averages and scores). The second leaves
sequencing depth in every gene; the two are never mixed or compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError, SpotsError

if TYPE_CHECKING:
    import scipy.sparse

__all__ = ["SCALES", "TARGET_SUM", "Scale", "log_normalize", "log_normalize_sparse"]

Scale = Literal["spot", "gene"]
SCALES: tuple[str, ...] = get_args(Scale)

#: What counts are scaled to, per spot or per gene.
TARGET_SUM = 1e4


def log_normalize(
    counts: NDArray[np.generic] | scipy.sparse.spmatrix | scipy.sparse.sparray,
    scale: str = "spot",
    target_sum: float = TARGET_SUM,
) -> NDArray[np.float32]:
    """Bring counts to one of the two expression scales.

    Parameters
    ----------
    counts : array or sparse matrix, (N, G)
        Raw counts of *one section* over the gene list.
    scale : {'spot', 'gene'}
        Whether each spot (row) or each gene (column) is brought to ``target_sum``.
    target_sum : float
        10,000 in the released code.

    Returns
    -------
    ndarray, (N, G) float32
        log10(1 + scaled counts). A spot (or gene) without any count stays zero.

    Raises
    ------
    SpotsError
        Counts are negative or not finite.
    PredictionError
        The scale is unknown.

    Notes
    -----
    Computed in float64 and rounded once, which gives the released code's
    numbers bit by bit.
    """
    dense: NDArray[np.float32] = log_normalize_sparse(counts, scale, target_sum).toarray()
    return dense


def log_normalize_sparse(
    counts: NDArray[np.generic] | scipy.sparse.spmatrix | scipy.sparse.sparray,
    scale: str = "spot",
    target_sum: float = TARGET_SUM,
) -> scipy.sparse.csr_array:
    """Do `log_normalize`, and keep the result sparse (zero counts stay zero).

    Returns
    -------
    csr_array, (N, G) float32
    """
    from scipy import sparse

    check_scale_name(scale)
    raw = sparse.csr_array(counts)
    if not raw.has_canonical_format:
        raw = raw.copy()
        raw.sum_duplicates()  # the logarithm of a sum isn't the sum of logarithms
    values = raw.data.astype(np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise SpotsError(
            "counts must be finite and not negative",
            expected="raw counts",
            found="NaN, infinite or negative values",
        )
    rows = np.repeat(np.arange(raw.shape[0]), np.diff(raw.indptr))
    index = rows if scale == "spot" else raw.indices
    totals = np.bincount(index, weights=values, minlength=raw.shape[0 if scale == "spot" else 1])
    totals[totals == 0] = 1.0
    scaled = values / totals[index] * target_sum
    return sparse.csr_array(
        (np.log10(scaled + 1.0).astype(np.float32), raw.indices, raw.indptr), shape=raw.shape
    )


def check_scale_name(scale: str) -> None:
    """Raise `PredictionError` unless ``scale`` is one of `SCALES`."""
    if scale not in SCALES:
        raise PredictionError(
            "unknown expression scale", expected="'spot' or 'gene'", found=repr(scale)
        )
