"""Which genes mark a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.compare.ranks import compare_groups, find_rows_with_values, rank_sum_test
from napari_stexp.compare.sides import Sides
from napari_stexp.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MINIMUM_SPOTS", "SOURCES", "RegionGenes", "check_source", "rank_region_genes"]

#: Spots with values that each side must have before anything is tested.
MINIMUM_SPOTS = 10

SOURCES = ("predicted", "measured")
_SCALES = ("spot", "gene")
_PSEUDOCOUNT = 1e-9  # scanpy's

_ON_PREDICTIONS = (
    "The values are predicted from the image: a test on predictions is not a test on "
    "measurements. A small p says that the model predicts different values for the two sides, "
    "not that the tissue expresses the gene differently."
)
_NEIGHBOURS = (
    "Neighbouring spots are not independent samples, so p and q are too small: they rank genes, "
    "and prove nothing by themselves."
)


@dataclass(frozen=True)
class RegionGenes:
    """Every gene compared between two sides.

    Attributes
    ----------
    table : DataFrame
        Indexed by ``gene``, best first; columns as `rank_region_genes` describes.
    sides : Sides
        What was compared.
    n_inside, n_outside : int
        Spots of either side that have values.
    source : {'predicted', 'measured'}
        What the values are.
    scale : {'spot', 'gene'}
        Their expression scale.
    """

    table: pd.DataFrame
    sides: Sides
    n_inside: int
    n_outside: int
    source: str
    scale: str

    @property
    def caution(self) -> str:
        """What has to be said next to the table."""
        if self.source == "predicted":
            return f"{_ON_PREDICTIONS} {_NEIGHBOURS}"
        return _NEIGHBOURS


def rank_region_genes(
    values: Any,
    genes: Sequence[str],
    sides: Sides,
    *,
    scale: str = "spot",
    source: str = "predicted",
    minimum: int = MINIMUM_SPOTS,
) -> RegionGenes:
    """Compare every gene between two sides.

    Parameters
    ----------
    values : (N, G) array or sparse matrix
        Expression, log10(1 + x); NaN for spots without, which are left out.
    genes : sequence of str, G
        Names.
    sides : Sides
        Over the same N spots.
    scale : {'spot', 'gene'}
        Expression scale of the values.
    source : {'predicted', 'measured'}
        What they are.
    minimum : int
        Spots with values that each side must have.

    Returns
    -------
    RegionGenes
        With a row per gene, by ``p``, then by the distance of ``auroc`` from 0.5, and:

        - ``mean_in``, ``mean_out``: means of the values, on their logarithmic scale;
        - ``difference``: the first less the second;
        - ``log2_fold_change``: scanpy's ``logfoldchanges``,
          log2((10^mean_in - 1 + 1e-9) / (10^mean_out - 1 + 1e-9)). The base is 10 where
          scanpy's default is e, because the values are decimal logarithms; scanpy gives the
          same numbers with ``adata.uns['log1p']['base'] = 10``. The means are of logarithms,
          so this is a ratio of shifted geometric means;
        - ``auroc``: the chance that a spot inside has a higher value than one outside, ties
          counted half: U / (n_inside · n_outside) (Mann and Whitney 1947);
        - ``p``: Wilcoxon's rank-sum test, two-sided, normal approximation with correction
          for ties and for continuity, as ``scipy.stats.mannwhitneyu(method='asymptotic')``.
          scanpy's ``rank_genes_groups(method='wilcoxon')`` never corrects for continuity, and
          for ties only where ``tie_correct=True``. 1 where all values are equal;
        - ``q``: p adjusted over all G genes (Benjamini and Hochberg 1995), those with p = 1
          among them.

    Raises
    ------
    EvaluationError
        Fewer than ``minimum`` spots with values on a side; shapes that don't fit; values that
        are negative or infinite; an unknown scale or source.
    """
    check_source(scale, source)
    table = _as_table(values, len(genes), len(sides.inside))
    complete = find_rows_with_values(table)
    inside, outside = (np.flatnonzero(side & complete) for side in (sides.inside, sides.outside))
    _check_numbers(sides, len(inside), len(outside), max(int(minimum), 1))
    found = compare_groups(table, inside, outside)
    p_values = rank_sum_test(found.u, found.ties, len(inside), len(outside))
    columns = {
        "mean_in": found.mean_in,
        "mean_out": found.mean_out,
        "difference": found.mean_in - found.mean_out,
        "log2_fold_change": _find_fold_change(found.mean_in, found.mean_out),
        "auroc": found.u / (len(inside) * len(outside)),
        "p": p_values,
        "q": _adjust(p_values),
    }
    ranked = _tabulate(columns, genes)
    return RegionGenes(ranked, sides, len(inside), len(outside), source, scale)


def check_source(scale: str, source: str) -> None:
    """Raise `EvaluationError` for an unknown scale, or values that are neither kind."""
    for what, known, found in (("scale", _SCALES, scale), ("source", SOURCES, source)):
        if found not in known:
            raise EvaluationError(
                f"unknown {what} of the values", expected=" or ".join(known), found=found
            )


def _as_table(values: Any, n_genes: int, n_spots: int) -> Any:
    """Return values as float32 or float64, an array or csr; without a copy where they are."""
    from scipy.sparse import csr_array, issparse

    table = csr_array(values) if issparse(values) else np.asarray(values)
    if table.shape != (n_spots, n_genes) or not n_genes:
        raise EvaluationError(
            "values, genes and sides don't fit together",
            expected=f"({n_spots} spots, {n_genes} genes)",
            found=table.shape,
        )
    if table.dtype not in (np.float32, np.float64):
        table = table.astype(np.float64)
    return table


def _check_numbers(sides: Sides, n_inside: int, n_outside: int, minimum: int) -> None:
    if min(n_inside, n_outside) < minimum:
        left_out = f"; {sides.n_left_out} left out near the border" if sides.n_left_out else ""
        raise EvaluationError(
            "too few spots with values to compare the two sides",
            expected=f"at least {minimum} on each",
            found=f"{n_inside} in {sides.name_inside!r}, {n_outside} in "
            f"{sides.name_outside!r}{left_out}",
        )


def _find_fold_change(
    mean_in: NDArray[np.float64], mean_out: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scanpy's log fold change, of decimal logarithms."""
    above, below = (np.expm1(mean * np.log(10)) + _PSEUDOCOUNT for mean in (mean_in, mean_out))
    fold: NDArray[np.float64] = np.log2(above / below)
    return fold


def _adjust(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import false_discovery_control

    q_values: NDArray[np.float64] = false_discovery_control(p_values, method="bh")
    return q_values


def _tabulate(columns: dict[str, NDArray[np.float64]], genes: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    # lexsort is stable: what is equal stays in the order of the genes.
    order = np.lexsort([-np.abs(columns["auroc"] - 0.5), columns["p"]])
    index = pd.Index(np.asarray(genes, dtype=object)[order], name="gene")
    return pd.DataFrame({name: column[order] for name, column in columns.items()}, index=index)
