"""Spatial domains of expression, and how they agree with a pathologist's labels."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.results import ALGORITHMS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "UNDETERMINED",
    "check_algorithms",
    "compare_labels",
    "find_domains",
    "is_labelled",
    "match_domains",
    "reduce_expression",
]

#: Labels that say that the pathologist couldn't tell; HER2ST writes the first.
UNDETERMINED = frozenset({"", "undetermined", "undefined", "unknown", "nan", "none"})

_N_NEIGHBORS = 15  # scanpy's default
_N_STARTS = 10
_SEARCH_STEPS = 24
_RESOLUTIONS = (1e-3, 32.0)


def is_labelled(labels: pd.Series | ArrayLike) -> NDArray[np.bool_]:
    """Whether each spot has a label that says something.

    Parameters
    ----------
    labels : N
        Text; NaN, None, '' and words such as 'undetermined' (in any case) count as none.
    """
    import pandas as pd

    series = pd.Series(labels).astype(object)
    words = series.where(series.notna(), "").astype(str).str.strip().str.lower()
    return ~words.isin(UNDETERMINED).to_numpy()


def find_domains(
    values: ArrayLike,
    n_domains: int | None,
    method: str = "kmeans",
    n_components: int = 9,
    seed: int = 0,
) -> NDArray[np.intp]:
    """Divide spots into domains by their expression.

    Principal components first, then k-means (as Min et al. 2024) or Leiden communities of
    the graph of 15 nearest neighbours (scanpy's, igraph's modularity), whose resolution is
    searched for by bisection so that there are ``n_domains`` of them, or as near to that
    as it finds.

    Parameters
    ----------
    values : (N, G)
        Expression on one scale, finite.
    n_domains : int or None
        How many; for Leiden None leaves the resolution at 1.
    method : {'kmeans', 'leiden'}
        How spots are divided.
    n_components : int
        Principal components; fewer where there are fewer spots or genes.
    seed : int
        Same seed, same domains.

    Returns
    -------
    ndarray (N,) int
        Domain of each spot, from 0. All 0 where the expression is the same everywhere.

    Raises
    ------
    EvaluationError
        Values that are not finite, an unknown method, k-means without a number of domains,
        Leiden without scanpy and igraph.
    """
    check_algorithms([method])
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all():
        raise EvaluationError(
            "domains need expression of some spots and genes, all finite",
            expected="(N, G)",
            found=f"{table.shape} with {int((~np.isfinite(table)).sum())} NaN or infinite",
        )
    if n_domains is None and method == "kmeans":
        raise EvaluationError("k-means needs the number of domains")
    n_distinct = len(np.unique(table, axis=0))
    if n_distinct == 1 or n_domains == 1:
        return np.zeros(len(table), dtype=np.intp)
    reduced = reduce_expression(table, n_components, seed)
    if method == "kmeans":
        return _find_by_kmeans(reduced, min(int(n_domains or 1), n_distinct), seed)
    return _find_by_leiden(reduced, n_domains, seed)


def check_algorithms(methods: Any) -> None:
    """Raise `EvaluationError` for an unknown algorithm, or one that isn't installed."""
    for method in methods:
        if method not in ALGORITHMS:
            raise EvaluationError(
                "domains can't be found in this way", expected=" or ".join(ALGORITHMS), found=method
            )
    absent = [name for name in ("scanpy", "igraph") if find_spec(name) is None]
    if "leiden" in methods and absent:
        raise EvaluationError(
            "Leiden domains need packages that are not installed",
            found=f"no {' and no '.join(absent)}",
            hint='Install them with: pip install "napari-stexp[train]"; or leave Leiden out.',
        )


def reduce_expression(
    values: ArrayLike, n_components: int = 9, seed: int = 0
) -> NDArray[np.float64]:
    """Return the principal components (N, up to ``n_components``) that `find_domains` divides.

    Parameters
    ----------
    values : (N, G)
        Expression, finite.
    n_components : int
        Fewer where there are fewer spots or genes.
    seed : int
        As for `find_domains`.
    """
    from sklearn.decomposition import PCA

    table = np.asarray(values, dtype=np.float64)
    n = min(n_components, table.shape[0] - 1, table.shape[1])
    if (table == table[:1]).all():
        return np.zeros((len(table), n))  # scikit-learn would divide by a variance of 0
    reduced: NDArray[np.float64] = PCA(n, random_state=seed).fit_transform(table)
    return reduced


def _find_by_kmeans(values: NDArray[np.float64], k: int, seed: int) -> NDArray[np.intp]:
    from sklearn.cluster import KMeans

    found = KMeans(k, n_init=_N_STARTS, random_state=seed).fit_predict(values)
    return np.asarray(found, dtype=np.intp)


def _find_by_leiden(
    values: NDArray[np.float64], n_domains: int | None, seed: int
) -> NDArray[np.intp]:
    import scanpy
    from anndata import AnnData
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    adata = AnnData(np.ascontiguousarray(values, dtype=np.float32))
    n_neighbors = min(_N_NEIGHBORS, len(values) - 1)
    # numba sets the number of threads of whoever calls it, torch among them: a training
    # that comes afterwards would end with other last digits.
    with threadpool_limits():
        scanpy.pp.neighbors(adata, n_neighbors=n_neighbors, use_rep="X", random_state=seed)

    def divide(resolution: float) -> NDArray[np.intp]:
        scanpy.tl.leiden(
            adata,
            resolution=resolution,
            flavor="igraph",
            directed=False,
            n_iterations=-1,
            random_state=seed,
        )
        return adata.obs["leiden"].astype(int).to_numpy(dtype=np.intp)

    return divide(1.0) if n_domains is None else _search_resolution(divide, n_domains)


def _search_resolution(
    divide: Callable[[float], NDArray[np.intp]], n_domains: int
) -> NDArray[np.intp]:
    """Bisect the logarithm of the resolution until there are ``n_domains`` domains.

    Their number grows with the resolution, if not strictly; what came nearest is kept (the
    fewer of two that are as near).
    """
    low, high = np.log(_RESOLUTIONS)
    best: NDArray[np.intp] | None = None
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2
        found = divide(float(np.exp(middle)))
        n = int(found.max()) + 1
        if best is None or (abs(n - n_domains), n) < (
            abs(int(best.max()) + 1 - n_domains),
            int(best.max()) + 1,
        ):
            best = found
        if n == n_domains:
            break
        low, high = (middle, high) if n < n_domains else (low, middle)
    assert best is not None
    return best


def compare_labels(
    labels: pd.Series | ArrayLike, domains: ArrayLike
) -> tuple[float, float, pd.DataFrame]:
    """Compare domains with labels, over the spots that have one (`is_labelled`).

    Parameters
    ----------
    labels : N
        The pathologist's.
    domains : (N,) int
        Of `find_domains`.

    Returns
    -------
    float
        Adjusted Rand index: 1 for the same division, about 0 by chance.
    float
        Normalised mutual information (arithmetic mean), 0 to 1; not corrected for chance.
    DataFrame
        Spots per class (rows) and domain (columns).

    Raises
    ------
    EvaluationError
        No spot has a label, or there are not as many labels as spots.
    """
    import pandas as pd
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    truth, found = np.asarray(labels, dtype=object), np.asarray(domains)
    if truth.shape != found.shape or found.ndim != 1:
        raise EvaluationError(
            "labels and domains are of other spots", expected=found.shape, found=truth.shape
        )
    known = is_labelled(truth)
    if not known.any():
        raise EvaluationError("no spot has a pathologist's label", found=f"{len(truth)} spots")
    classes, found = truth[known].astype(str), found[known]
    confusion = pd.crosstab(
        pd.Series(classes, name="class"), pd.Series(found, name="domain"), dropna=False
    )
    return (
        float(adjusted_rand_score(classes, found)),
        float(normalized_mutual_info_score(classes, found)),
        confusion,
    )


def match_domains(confusion: pd.DataFrame) -> dict[int, int | None]:
    """Match domains and classes one to one, so that as many spots as can be agree.

    Returns
    -------
    dict
        Column (domain) -> row (class), in the order of the classes; last the domains that
        are left over, with None.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-confusion.to_numpy())
    matched: dict[int, int | None] = dict(zip(map(int, columns), map(int, rows), strict=True))
    return matched | {at: None for at in range(confusion.shape[1]) if at not in matched}
