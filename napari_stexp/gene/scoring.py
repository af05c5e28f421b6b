"""One number per spot for a set of genes: their mean above that of genes expressed alike.

The definition is that of scanpy's ``tl.score_genes`` (scanpy 1.11, ``ctrl_as_ref=True``),
after Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192, and Tirosh et al.,
Science 2016, doi:10.1126/science.aad0501.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import GeneListError
from napari_stexp.progress import Progress

__all__ = ["CTRL_SIZE", "N_BINS", "choose_controls", "mean_per_gene", "score_genes", "score_sets"]

#: Genes drawn from each bin of mean expression, and how many bins there are (scanpy's defaults).
CTRL_SIZE = 50
N_BINS = 25

_ROWS_AT_ONCE = 4096  # bounds the float64 copy: 4096 rows of 785 genes are 26 MB


def choose_controls(
    means: NDArray[np.float64],
    listed: Sequence[int],
    ctrl_size: int = CTRL_SIZE,
    n_bins: int = N_BINS,
    seed: int = 0,
) -> NDArray[np.intp]:
    """Choose the genes that a set is compared with: expressed as highly, and not in it.

    Genes are put into bins by the rank of their mean; from each bin that a gene of the set
    is in, up to ``ctrl_size`` are drawn.

    Parameters
    ----------
    means : (G,) float array
        Mean of each gene over the spots, all finite.
    listed : sequence of int
        Positions of the set's genes.
    ctrl_size, n_bins, seed : int
        As in scanpy.

    Returns
    -------
    (C,) array of positions, ascending; empty where every gene alike is in the set.
    """
    from scipy.stats import rankdata

    in_bin = int(np.round(len(means) / (n_bins - 1)))
    rank = rankdata(means, method="min")
    # Fewer than half a gene a bin: scanpy divides by zero, which puts all genes into one.
    cut = rank // in_bin if in_bin else np.zeros(len(means))
    drawing = np.random.RandomState(seed)
    chosen: set[int] = set()
    for one in np.unique(cut[list(listed)]):
        members = np.flatnonzero(cut == one)
        if ctrl_size < len(members):
            members = members[drawing.choice(len(members), size=ctrl_size, replace=False)]
        chosen.update(members.tolist())
    return np.array(sorted(chosen.difference(listed)), dtype=np.intp)


def mean_per_gene(matrix: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the mean of each gene over the spots that have values, and which spots these are.

    Parameters
    ----------
    matrix : (N, G) array or sparse matrix

    Returns
    -------
    means : (G,) float64 array
        0 where no spot has values.
    complete : (N,) bool array
        Spots with a value of every gene.
    """
    n, n_genes = matrix.shape
    complete = np.ones(n, bool)
    if hasattr(matrix, "tocsr"):  # a measurement: nothing is missing
        return np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel() / max(n, 1), complete
    total = np.zeros(n_genes)
    for start in range(0, n, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        complete[rows] = np.isfinite(matrix[rows]).all(axis=1)
        total += matrix[rows][complete[rows]].sum(axis=0, dtype=np.float64)
    return total / max(int(complete.sum()), 1), complete


def score_genes(
    matrix: Any,
    names: Sequence[str],
    genes: Sequence[str],
    *,
    ctrl_size: int = CTRL_SIZE,
    n_bins: int = N_BINS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the score of one set of genes in every spot, as scanpy's ``tl.score_genes``.

    Parameters
    ----------
    matrix : (N, G) array or sparse matrix
        Expression on a logarithmic scale; spots with a value that isn't finite are left out.
    names : sequence of str
        The G genes.
    genes : sequence of str
        The set; those that aren't among ``names`` are left out.
    ctrl_size, n_bins, seed : int
        As in scanpy.

    Returns
    -------
    (N,) float64 array, NaN for spots that were left out.

    Raises
    ------
    GeneListError
        None of the genes is known, or there are no others expressed alike.
    """
    means, complete = mean_per_gene(matrix)
    weights = _weights(means, names, genes, ctrl_size, n_bins, seed)
    return _weigh(matrix, weights[:, None], complete)[:, 0]


def score_sets(
    matrix: Any, names: Sequence[str], sets: Mapping[str, Sequence[str]]
) -> Generator[Progress, None, dict[str, NDArray[np.float32]]]:
    """Score several sets of genes in one pass over the spots.

    Parameters
    ----------
    matrix, names
        As in `score_genes`.
    sets : mapping of str to sequence of str
        Genes by the set's name. A set that can't be scored (`score_genes` says why) is left
        out of the result.

    Yields
    ------
    Progress
        Spots.

    Returns
    -------
    dict of str to (N,) float32 array
    """
    n = matrix.shape[0]
    yield Progress(0, n, "scoring signatures")
    means, complete = mean_per_gene(matrix)
    weights: dict[str, NDArray[np.float64]] = {}
    for name, genes in sets.items():
        try:
            weights[name] = _weights(means, names, genes, CTRL_SIZE, N_BINS, 0)
        except GeneListError:
            continue
        yield Progress(0, n, "scoring signatures")
    if not weights:
        return {}
    table = np.column_stack(list(weights.values()))
    scores = np.full((n, len(weights)), np.nan, np.float32)
    if hasattr(matrix, "tocsr"):
        scores[:] = _weigh(matrix, table, complete)
    else:
        for start in range(0, n, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            scores[rows] = _weigh(matrix[rows], table, complete[rows])
            yield Progress(min(start + _ROWS_AT_ONCE, n), n, "scoring signatures")
    return {name: np.ascontiguousarray(scores[:, i]) for i, name in enumerate(weights)}


def _weights(
    means: NDArray[np.float64],
    names: Sequence[str],
    genes: Sequence[str],
    ctrl_size: int,
    n_bins: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return (G,) weights whose product with a spot's values is its score."""
    position = {name: column for column, name in enumerate(names)}
    listed = [position[gene] for gene in dict.fromkeys(genes) if gene in position]
    if not listed:
        raise GeneListError(
            "none of the signature's genes is known here", found=", ".join(list(genes)[:6])
        )
    controls = choose_controls(means, listed, ctrl_size, n_bins, seed)
    if not len(controls):
        raise GeneListError(
            "there are no other genes to compare the signature with",
            expected="genes that are expressed as highly and aren't in it",
            found=f"{len(listed)} of {len(names)} genes are in it",
            hint="Take fewer genes.",
        )
    weights = np.zeros(len(names))
    weights[listed] = 1 / len(listed)
    weights[controls] = -1 / len(controls)
    return weights


def _weigh(
    matrix: Any, weights: NDArray[np.float64], complete: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the scores (N, S) of the complete spots under weights (G, S); NaN for others."""
    used = np.flatnonzero(weights.any(axis=1))
    scores = np.full((matrix.shape[0], weights.shape[1]), np.nan)
    if hasattr(matrix, "tocsr"):
        scores[:] = matrix[:, used].astype(np.float64) @ weights[used]
    else:
        for start in range(0, len(scores), _ROWS_AT_ONCE):
            rows = np.flatnonzero(complete[start : start + _ROWS_AT_ONCE]) + start
            scores[rows] = matrix[np.ix_(rows, used)].astype(np.float64) @ weights[used]
    return scores
