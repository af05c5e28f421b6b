"""Profiles: which genes are high in one spot, or in some spots, against the whole section."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import AnnotationError, PredictionError, SpotsError
from napari_stexp.progress import Progress
from napari_stexp.session.genes.display import transform_values
from napari_stexp.session.genes.expression import PredictedExpression
from napari_stexp.session.genes.measurement import MeasuredExpression
from napari_stexp.session.genes.statistics import GeneStatistics

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from napari_stexp.session.state import Session

__all__ = ["Profile", "describe_groups", "start_profile"]

_CELLS_AT_ONCE = 4_000_000  # 16 MB of float32
_ENTRIES_AT_ONCE = 2_000_000  # of a sparse matrix


@dataclass(frozen=True, eq=False)
class Profile:
    """The genes of one spot or of several, highest against the section first.

    Attributes
    ----------
    rows : (n,) int array
        The chosen spots that have values.
    n_chosen, n_section : int
        Spots that were chosen, and spots of the section that have values.
    source, scale, transform : str
        Of the values: 'predicted' or 'measured'; 'spot' or 'gene'; 'log' or 'linear'.
    table : DataFrame
        By gene, falling by 'z': 'value', the mean over the chosen spots; 'z', the mean
        over them of (value - mean) / population standard deviation of the section, always of
        log10 values; for one spot 'percentile', the percentage of the section's spots
        with less; for several 'rest', the mean over all other spots, and
        'difference', value - rest (both NaN where there are no others).
    """

    rows: NDArray[np.intp]
    n_chosen: int
    n_section: int
    source: str
    scale: str
    transform: str
    table: pd.DataFrame

    @property
    def of_one(self) -> bool:
        """Whether it is the profile of a single spot."""
        return self.n_chosen == 1


@dataclass
class _Totals:
    """What is added up over the spots, (G,) each."""

    statistics: GeneStatistics
    total: NDArray[np.float64]  # log10 values of the chosen spots
    shown: NDArray[np.float64]  # the same as they are shown
    shown_all: NDArray[np.float64]  # of all spots with values
    below: NDArray[np.float64]  # how many spots have less than the chosen one
    rows: NDArray[np.intp]

    @classmethod
    def empty(cls, statistics: GeneStatistics, n_genes: int) -> _Totals:
        total, shown, shown_all, below = np.zeros((4, n_genes))
        return cls(statistics, total, shown, shown_all, below, np.empty(0, np.intp))


# Moments of predictions by how many spots they had; off the main thread `statistics` of an
# expression must not be asked for, because a batch might come meanwhile and never be counted.
_MOMENTS: WeakKeyDictionary[PredictedExpression, tuple[int, GeneStatistics]] = WeakKeyDictionary()


def start_profile(
    session: Session, spots: int | ArrayLike | BaseGeometry
) -> Generator[Progress, None, Profile]:
    """Compare each shown gene in some spots with the whole section.

    Parameters
    ----------
    session : Session
        Whose shown source is read; nothing in it is changed.
    spots : int, array or shapely geometry
        A row, several rows, a mask (N,), or a shape in level-0 pixels (x, y): the spots
        whose centres are in it.

    Returns
    -------
    generator of Progress, whose value is a `Profile`
        To be run in a worker, or with `napari_stexp.progress.exhaust`.

    Raises
    ------
    AnnotationError
        Expression is hidden.
    SpotsError
        There are no such spots, or none was chosen; of a shape it is found when iterated.
    PredictionError
        There are no values, or none of the chosen spots has any.
    """
    if session.hides_values:
        raise AnnotationError("expression is hidden until the annotation is locked")
    if session.spots is None:
        raise SpotsError("there are no spots to read", hint="Load the spots first.")
    expression = session.expression
    if expression is None:
        raise PredictionError("there are no values to read", hint="Predict first.")
    table = session.spots
    in_shape = hasattr(spots, "geom_type")
    rows = None if in_shape else _as_mask(spots, table.n_obs)
    transform = "linear" if session.display.transform == "linear" else "log"
    facts = (session.source, session.scale, transform)
    done = session.prediction.done if session.prediction is not None else 0

    def work() -> Generator[Progress, None, Profile]:
        mask = _mask_of_shape(spots, table) if rows is None else rows
        if isinstance(expression, MeasuredExpression):
            totals = yield from _read_measured(expression, mask, transform)
        else:
            assert isinstance(expression, PredictedExpression)
            totals = yield from _read_predicted(expression, done, mask, transform)
        if not len(totals.rows):
            raise PredictionError(
                "none of these spots has a value", hint="Predict them, or choose other spots."
            )
        genes = _make_table(expression.genes, totals, one=int(mask.sum()) == 1)
        return Profile(totals.rows, int(mask.sum()), totals.statistics.count, *facts, genes)

    return work()


def _mask_of_shape(shape: Any, spots: Any) -> NDArray[np.bool_]:
    import shapely

    xy = np.asarray(spots.obsm["spatial"], dtype=np.float64)
    shapely.prepare(shape)
    mask = np.asarray(shapely.contains_xy(shape, xy[:, 0], xy[:, 1]), dtype=np.bool_)
    if not mask.any():
        raise SpotsError("no spot lies in this region")
    return mask


def _as_mask(spots: Any, n: int) -> NDArray[np.bool_]:
    """Return which of n spots are meant; raise where that is none, or others."""
    chosen = np.atleast_1d(np.asarray(spots))
    mask = np.zeros(n, dtype=np.bool_)
    if chosen.dtype == np.bool_:
        if chosen.shape != (n,):
            raise SpotsError("a choice of other spots", expected=f"({n},)", found=chosen.shape)
        mask = chosen.copy()
    elif chosen.size:
        if not np.issubdtype(chosen.dtype, np.integer) or chosen.min() < 0 or chosen.max() >= n:
            raise SpotsError("there is no such spot", expected=f"0 … {n - 1}", found=spots)
        mask[chosen] = True
    if not mask.any():
        raise SpotsError("no spots are chosen", hint="Click a spot, or select some.")
    return mask


def _read_predicted(
    expression: PredictedExpression, done: int, mask: NDArray[np.bool_], transform: str
) -> Generator[Progress, None, _Totals]:
    """Add up a dense matrix, some rows at a time."""
    matrix = expression.adata.X
    n, n_genes = matrix.shape
    kept = _MOMENTS.get(expression)
    fresh = kept is None or kept[0] != done
    statistics = GeneStatistics(n_genes) if kept is None or fresh else kept[1]
    sums = _Totals.empty(statistics, n_genes)
    one = _dense(matrix[np.flatnonzero(mask)])[0] if mask.sum() == 1 else None
    rows, step = [], max(1, _CELLS_AT_ONCE // max(n_genes, 1))
    for start in range(0, n, step):
        yield Progress(start, n, "reading the spots")
        chunk = _dense(matrix[start : start + step])
        known = np.isfinite(chunk).all(axis=1)
        if fresh:
            statistics.add(chunk)
        chosen = np.flatnonzero(known & mask[start : start + step])
        rows.append(chosen + start)
        sums.total += chunk[chosen].sum(axis=0, dtype=np.float64)
        sums.shown += transform_values(chunk[chosen], transform).sum(axis=0, dtype=np.float64)
        if transform != "log":
            shown = transform_values(chunk[known], transform)
            sums.shown_all += shown.sum(axis=0, dtype=np.float64)
        if one is not None:
            sums.below += np.count_nonzero(chunk[known] < one, axis=0)
    if fresh:
        _MOMENTS[expression] = (done, statistics)
    if transform == "log":
        sums.shown_all = statistics.mean * statistics.count
    sums.rows = np.concatenate(rows)
    return sums


def _dense(matrix: Any) -> NDArray[np.float32]:
    dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.asarray(dense, dtype=np.float32)


def _read_measured(
    expression: MeasuredExpression, mask: NDArray[np.bool_], transform: str
) -> Generator[Progress, None, _Totals]:
    """Add up a sparse matrix, some genes at a time; what isn't stored is zero."""
    yield Progress(0, 0, "averaging the genes")
    n_genes, n = len(expression.genes), len(mask)
    sums = _Totals.empty(expression.statistics, n_genes)
    sums.rows = np.flatnonzero(mask)
    step = max(1, int(_ENTRIES_AT_ONCE / max(n * 0.1, 1)))
    for start in range(0, n_genes, step):
        yield Progress(start, n_genes, "reading the genes")
        part = slice(start, min(start + step, n_genes))
        values = expression.matrix(part)
        size = values.shape[1]
        column = np.repeat(np.arange(size), np.diff(values.indptr))
        chosen = mask[values.indices]
        shown = transform_values(values.data, transform)
        sums.total[part] = np.bincount(column[chosen], values.data[chosen], size)
        sums.shown[part] = np.bincount(column[chosen], shown[chosen], size)
        sums.shown_all[part] = np.bincount(column, shown, size)
        if len(sums.rows) == 1:
            one = sums.total[part].astype(np.float32)
            stored = np.bincount(column, minlength=size)
            less = np.bincount(column[values.data < one[column]], minlength=size)
            sums.below[part] = less + np.where(one > 0, n - stored, 0)
    return sums


def _make_table(genes: list[str], sums: _Totals, *, one: bool) -> pd.DataFrame:
    import pandas as pd

    n, n_all = len(sums.rows), sums.statistics.count
    mean, spread = sums.statistics.mean, np.sqrt(sums.statistics.variance)
    flat = spread <= 16 * float(np.finfo(np.float32).eps) * np.abs(mean)
    z = np.where(flat, 0.0, (sums.total / n - mean) / np.where(flat, 1.0, spread))
    columns = {"value": sums.shown / n, "z": z}
    if one:
        columns["percentile"] = 100.0 * sums.below / n_all
    else:
        others = n_all - n
        rest = (sums.shown_all - sums.shown) / others if others else np.full(len(z), np.nan)
        columns |= {"rest": rest, "difference": columns["value"] - rest}
    table = pd.DataFrame(columns, index=pd.Index(genes, name="gene", dtype=object))
    return table.sort_values("z", ascending=False, kind="stable")


def describe_groups(
    values: NDArray[np.float32], groups: Mapping[str, NDArray[np.bool_]]
) -> pd.DataFrame:
    """Return number, mean, population standard deviation and median of groups of spots.

    Parameters
    ----------
    values : (N,) float array
        NaN for none; these don't count.
    groups : mapping of str to (N,) bool array
        Which spots belong to each group.

    Returns
    -------
    DataFrame
        By group: 'n', 'mean', 'sd', 'median'; NaN in groups without a value.
    """
    import pandas as pd

    finite = np.isfinite(values)
    rows = []
    for mask in groups.values():
        found = values[finite & mask].astype(np.float64)
        some = (found.mean(), found.std(), np.median(found)) if found.size else (np.nan,) * 3
        rows.append((found.size, *some))
    index = pd.Index(list(groups), name="group", dtype=object)
    return pd.DataFrame(rows, index=index, columns=["n", "mean", "sd", "median"])
