"""A prediction as it fills up: an AnnData to which batches of spots are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["MEASURES", "STATUSES", "Prediction", "SpotBatch", "make_empty"]

#: What ``obs['status']`` can be.
STATUSES = ("ok", "border", "outside", "unreadable", "pending")
#: Columns of ``obs`` that describe how each spot was predicted.
MEASURES = ("similarity", "effective_k", "confidence")


@dataclass(frozen=True)
class SpotBatch:
    """What has been predicted since the last report.

    Attributes
    ----------
    index : (n,) int64
        Rows of the spots.
    values : (n, G) float32
        Expression; NaN where the spot couldn't be predicted.
    similarity : (n,) float32
        Weighted mean cosine to the retrieved reference spots.
    effective_k : (n,) float32
        1/Σw², how many equally weighted spots the weights amount to.
    confidence : (n,) float32
        Agreement of the retrieved spots, 0 to 1 (`napari_stexp.predict.agreement`).
    status : (n,) str
        One of `STATUSES`.
    """

    index: NDArray[np.int64]
    values: NDArray[np.float32]
    similarity: NDArray[np.float32]
    effective_k: NDArray[np.float32]
    confidence: NDArray[np.float32]
    status: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def failed(cls, index: NDArray[np.int64], status: str, n_genes: int) -> SpotBatch:
        """Make the batch of spots that can't be predicted: all NaN."""
        nothing = np.full(len(index), np.nan, np.float32)
        return cls(
            index=index,
            values=np.full((len(index), n_genes), np.nan, np.float32),
            similarity=nothing,
            effective_k=nothing.copy(),
            confidence=nothing.copy(),
            status=np.full(len(index), status, dtype="<U10"),
        )


class Prediction:
    """Accumulates batches into one AnnData, which can be read at any time.

    Parameters
    ----------
    adata : AnnData
        A prediction, whole or in part, as `napari_stexp.predict` makes it.

    Raises
    ------
    PredictionError
        ``adata`` is no prediction.
    """

    def __init__(self, adata: AnnData) -> None:
        if "status" not in adata.obs or "spatial" not in adata.obsm:
            raise PredictionError(
                "this AnnData is no prediction",
                expected="obs['status'] and obsm['spatial']",
                found=f"obs with {', '.join(map(str, adata.obs.columns)) or 'no columns'}",
            )
        self._adata = adata
        status = np.asarray(adata.obs["status"].astype(str))
        unknown = sorted(set(status) - set(STATUSES))
        if unknown:
            raise PredictionError(
                "unknown spot status", expected=", ".join(STATUSES), found=", ".join(unknown)
            )
        self._codes = np.array([STATUSES.index(word) for word in status], dtype=np.int8)
        self._measures = {
            name: np.array(adata.obs[name], dtype=np.float32)
            if name in adata.obs
            else np.full(adata.n_obs, np.nan, np.float32)
            for name in MEASURES
        }
        self._stale = False

    @property
    def adata(self) -> AnnData:
        """The AnnData, the same object each time, with all that has been added so far.

        ``X`` is written in place by `add`; the columns of ``obs`` and the counts
        in ``uns['stexp']`` are brought up to date here.
        """
        if self._stale:
            self._update_columns()
        return self._adata

    @property
    def done(self) -> int:
        """Spots that are no longer pending."""
        return int(np.count_nonzero(self._codes != STATUSES.index("pending")))

    @property
    def total(self) -> int:
        """All spots."""
        return len(self._codes)

    @property
    def finished(self) -> bool:
        """No spot is pending."""
        return self.done == self.total

    @property
    def counts(self) -> dict[str, int]:
        """Spots per status, all of `STATUSES`."""
        return count_statuses(self._codes)

    @property
    def status(self) -> NDArray[np.str_]:
        """(N,) each spot's status."""
        return np.array(STATUSES)[self._codes]

    def values(self, gene: str) -> NDArray[np.float32]:
        """(N,) one gene's values, NaN where pending or failed."""
        if gene not in self._adata.var_names:
            raise PredictionError("the prediction doesn't hold this gene", found=gene)
        column: NDArray[np.float32] = self._adata.X[:, self._adata.var_names.get_loc(gene)]
        return np.ascontiguousarray(column)

    def add(self, batch: SpotBatch) -> None:
        """Write a batch's rows; a spot that is already there is overwritten."""
        if len(batch) and batch.values.shape[1] != self._adata.n_vars:
            raise PredictionError(
                "the batch belongs to another prediction",
                expected=f"{self._adata.n_vars} genes",
                found=batch.values.shape[1],
            )
        self._adata.X[batch.index] = batch.values
        self._codes[batch.index] = [STATUSES.index(word) for word in batch.status]
        for name, column in self._measures.items():
            column[batch.index] = getattr(batch, name)
        self._stale = True

    def _update_columns(self) -> None:
        obs = self._adata.obs
        obs["status"] = make_status(self._codes)
        for name, column in self._measures.items():
            obs[name] = column.copy()
        if "stexp" in self._adata.uns:
            self._adata.uns["stexp"]["spots"] = count_statuses(self._codes)
        self._stale = False


def make_empty(
    spots: AnnData, genes: tuple[str, ...], scores: Any, provenance: dict[str, Any]
) -> AnnData:
    """Make the AnnData of a prediction of which nothing is known yet.

    Parameters
    ----------
    spots : AnnData
        N spots; names, ``obs``, ``obsm['spatial']`` and the spatial records of
        ``uns`` are copied, measured counts are not.
    genes : tuple of str
        G output genes.
    scores : DataFrame or None
        Per-gene scores of the bundle, by gene.
    provenance : dict
        Becomes ``uns['stexp']``.
    """
    from copy import deepcopy

    import pandas as pd
    from anndata import AnnData

    obs = spots.obs.copy()
    var = pd.DataFrame(index=pd.Index(list(genes), dtype=object))
    if scores is not None:
        var = scores.reindex(list(genes)).set_axis(var.index)
    codes = np.full(spots.n_obs, STATUSES.index("pending"), np.int8)
    obs["status"] = make_status(codes)
    for name in MEASURES:
        obs[name] = np.full(spots.n_obs, np.nan, np.float32)
    values = np.full((spots.n_obs, len(genes)), np.nan, np.float32)
    adata = AnnData(X=values, obs=obs, var=var)
    adata.obsm["spatial"] = np.array(spots.obsm["spatial"], dtype=np.float64)
    if "spatial_original" in spots.obsm:  # they were aligned
        adata.obsm["spatial_original"] = np.array(spots.obsm["spatial_original"])
    for name in ("spatial", "spatial_original", "stexp_spots"):
        if name in spots.uns:
            adata.uns[name] = deepcopy(spots.uns[name])
    adata.uns["stexp"] = provenance | {"spots": count_statuses(codes)}
    return adata


def make_status(codes: NDArray[np.int8]) -> Any:
    """Make the categorical ``status`` column, always with all five categories."""
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=list(STATUSES))  # type: ignore[call-overload]


def count_statuses(codes: NDArray[np.int8]) -> dict[str, int]:
    """Count the spots per status."""
    counts = np.bincount(codes, minlength=len(STATUSES))
    return {word: int(count) for word, count in zip(STATUSES, counts, strict=True)}
