"""Moran's I: how far a gene's high and low spots lie together, of all genes at once."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["find_morans_i", "is_lattice", "neighbour_graph"]

_NEIGHBOURS = 6  # squidpy's default
_CUTOFF = 1.3  # times the median distance: squidpy's, for grids
_SWAY = 0.1  # how far a lattice's nearest distances may be from their median
_VALUES_AT_ONCE = 1_000_000  # a float64 block of 8 MB: some 20 ms, so that Cancel is heard
_CONSTANT = 1e-12  # of the mean square: below it a variance is rounding


def is_lattice(xy: ArrayLike) -> bool:
    """Whether spots lie on a regular grid: nine in ten are one pitch from their nearest.

    Parameters
    ----------
    xy : (N, 2) array
        Centres, in any unit.
    """
    positions = np.asarray(xy, dtype=np.float64)
    if len(positions) < 3:
        return False
    nearest = _find_neighbours(positions, 1)[0].ravel()
    pitch = np.median(nearest)
    return bool(pitch > 0 and np.mean(np.abs(nearest - pitch) <= _SWAY * pitch) >= 0.9)


def neighbour_graph(xy: ArrayLike) -> csr_matrix:
    """Return the spots' neighbours as squidpy's ``gr.spatial_neighbors`` finds them.

    On a lattice (``coord_type='grid'``): of the six nearest spots those within 1.3 times the
    median of all these distances, which are up to six on a hexagonal lattice and up to four on
    a square one. Elsewhere (``coord_type='generic'``): the six nearest.

    Parameters
    ----------
    xy : (N, 2) array
        Centres, in any unit.

    Returns
    -------
    (N, N) csr_matrix of float64
        The weights of each row sum to 1, as ``gr.spatial_autocorr`` normalises them; a spot
        without neighbours has an empty row.

    Raises
    ------
    SpotsError
        There are fewer than three spots.
    """
    from scipy.sparse import csr_matrix

    positions = np.asarray(xy, dtype=np.float64)
    n = len(positions)
    if n < 3:
        raise SpotsError("neighbours need at least three spots", found=n)
    distances, columns = _find_neighbours(positions, min(_NEIGHBOURS, n - 1))
    kept = np.ones(distances.shape, dtype=bool)
    if is_lattice(positions):
        kept = distances < _CUTOFF * np.median(distances)
    degree = kept.sum(axis=1)
    weights = np.repeat(1.0 / np.maximum(degree, 1), degree)
    indptr = np.concatenate([[0], np.cumsum(degree)])
    return csr_matrix((weights, columns[kept], indptr), shape=(n, n))


def _find_neighbours(
    positions: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return distances and rows of the k nearest other spots, each (N, k)."""
    from scipy.spatial import KDTree  # scikit-learn's would take most of a second to import

    n = len(positions)
    distances, columns = KDTree(positions).query(positions, k=k + 1)
    itself = columns == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # not among so many spots in one place
    return distances[~itself].reshape(n, k), columns[~itself].reshape(n, k)


def find_morans_i(xy: ArrayLike, values: Any) -> Generator[Progress, None, NDArray[np.float64]]:
    """Find Moran's I of every gene, as squidpy's ``gr.spatial_autocorr`` defines it.

    ``I = N / W · Σ_ij w_ij z_i z_j / Σ_i z_i²``, z being the deviations from the mean and W the
    sum of the row-normalised weights of `neighbour_graph` (Moran, Biometrika 1950). Without any
    pattern it is about -1 / (N - 1), for patches of high and of low values it nears 1.

    Parameters
    ----------
    xy : (N, 2) array
        Centres of the spots, in any unit.
    values : (N, G) array or sparse matrix
        The genes' values. Rows that aren't finite throughout (spots without a prediction) are
        left out, from the neighbours too.

    Yields
    ------
    Progress
        Genes that are done.

    Returns
    -------
    (G,) float64 array
        NaN where a gene is the same on all spots, and everywhere if fewer than three spots have
        values or none has a neighbour.
    """
    n_genes = int(values.shape[1])
    yield Progress(0, n_genes, "finding neighbours")
    is_sparse = hasattr(values, "tocsc")
    matrix: Any = values.tocsc() if is_sparse else np.asarray(values)
    rows = np.isfinite(np.asarray(matrix.sum(axis=1)).ravel())
    found = np.full(n_genes, np.nan)
    if rows.sum() < 3:
        return found
    graph = neighbour_graph(np.asarray(xy, dtype=np.float64)[rows])
    if not graph.nnz:
        return found
    step = max(1, _VALUES_AT_ONCE // len(rows))
    for start in range(0, n_genes, step):
        yield Progress(start, n_genes, "Moran's I")
        block = matrix[:, start : start + step]
        dense = block.toarray() if is_sparse else block
        found[start : start + step] = _autocorrelate(
            graph, np.asarray(dense if rows.all() else dense[rows], dtype=np.float64)
        )
    yield Progress(n_genes, n_genes, "Moran's I")
    return found


def _autocorrelate(graph: csr_matrix, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Moran's I of each column of (n, g) finite values."""
    mean = values.mean(axis=0)
    deviations = np.ascontiguousarray(values - mean)
    squares = np.einsum("ij,ij->j", deviations, deviations)
    products = np.einsum("ij,ij->j", deviations, graph @ deviations)
    varies = squares > _CONSTANT * len(values) * mean**2
    found = np.full(values.shape[1], np.nan)
    np.divide(len(values) / graph.sum() * products, squares, out=found, where=varies)
    return found
