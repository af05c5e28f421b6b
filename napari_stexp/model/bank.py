"""The reference bank: measured spots that predictions are averages of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import BundleError, PredictionError
from napari_stexp.model.expression import TARGET_SUM, check_scale_name, log_normalize_sparse
from napari_stexp.model.header import SectionInfo
from napari_stexp.model.thumbnails import Thumbnails

if TYPE_CHECKING:
    import scipy.sparse

__all__ = ["ReferenceBank"]


@dataclass(frozen=True, eq=False)
class ReferenceBank:
    """Embeddings and expression of the reference spots (N spots, G genes, D wide).

    Attributes
    ----------
    embeddings : ndarray, (N, D) float32
        Spot embeddings, not normalised to unit length.
    section : ndarray, (N,) int32
        Index into ``sections``.
    sections : tuple of SectionInfo
        Names and patients; may list sections without a spot left.
    spot_ids : ndarray of str, (N,)
        Barcodes, unique within a section.
    positions : ndarray, (N, 2) int32
        Array position (x, y); -1 where unknown.
    centers : ndarray, (N, 2) float64
        Patch centre (x, y) in level-0 px of the section's own slide; NaN where unknown.
    counts : csr_array, (N, G), optional
        Raw counts over the gene list; both expression scales follow from them.
    expression : ndarray, (N, G) float32, optional
        log10(1 + x) on the scale ``expression_scale``, where counts are unknown.
    expression_scale : str
        'spot' or 'gene'.
    thumbnails : Thumbnails, optional
        Pictures of the patches.

    Raises
    ------
    BundleError
        Shapes don't fit each other, or neither counts nor expression are given.
    """

    embeddings: NDArray[np.float32]
    section: NDArray[np.int32]
    sections: tuple[SectionInfo, ...]
    spot_ids: NDArray[np.str_]
    positions: NDArray[np.int32]
    centers: NDArray[np.float64]
    counts: scipy.sparse.csr_array | None = None
    expression: NDArray[np.float32] | None = None
    expression_scale: str = "spot"
    thumbnails: Thumbnails | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise BundleError("the reference bank doesn't fit together: " + "; ".join(problems))

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def n_genes(self) -> int:
        """G."""
        values = self.counts if self.counts is not None else self.expression
        assert values is not None  # checked when made
        return int(values.shape[1])

    @property
    def section_names(self) -> NDArray[np.str_]:
        """Name of each spot's section, (N,)."""
        return self._labels("name")

    @property
    def patients(self) -> NDArray[np.str_]:
        """Patient of each spot, (N,); empty text where unknown."""
        return self._labels("patient")

    def expression_sparse(
        self, scale: str = "spot", target_sum: float = TARGET_SUM
    ) -> scipy.sparse.csr_array:
        """Return what predictions average, as a sparse matrix.

        Per-gene scaling runs over each section by itself. The last result is kept.

        Returns
        -------
        csr_array, (N, G) float32

        Raises
        ------
        PredictionError
            The bank has no counts, and its expression is on the other scale.
        """
        from scipy import sparse

        check_scale_name(scale)
        key = (scale, float(target_sum))
        if key not in self._cache:
            if self.counts is None:
                result = sparse.csr_array(self._stored_expression(scale, target_sum))
            elif scale == "spot":
                result = log_normalize_sparse(self.counts, scale, target_sum)
            else:
                result = self._by_section(scale, target_sum)
            self._cache.clear()  # one at a time: it may be large
            self._cache[key] = result
        return self._cache[key]

    def expression_matrix(
        self, scale: str = "spot", target_sum: float = TARGET_SUM
    ) -> NDArray[np.float32]:
        """Return `expression_sparse` as a dense array, (N, G) float32."""
        if self.counts is None:
            return self._stored_expression(scale, target_sum)
        dense: NDArray[np.float32] = self.expression_sparse(scale, target_sum).toarray()
        return dense

    def take(self, rows: NDArray[Any]) -> ReferenceBank:
        """Keep these rows (indices or a mask).

        Expression on the per-gene scale is of whole sections: don't split one.
        """
        rows = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            embeddings=self.embeddings[rows],
            section=self.section[rows],
            spot_ids=self.spot_ids[rows],
            positions=self.positions[rows],
            centers=self.centers[rows],
            counts=None if self.counts is None else self.counts[rows],
            expression=None if self.expression is None else self.expression[rows],
            thumbnails=None if self.thumbnails is None else self.thumbnails.take(rows),
            _cache={},
        )

    def without(self, sections: Sequence[str] = (), patients: Sequence[str] = ()) -> ReferenceBank:
        """Leave out sections and patients, by name.

        Raises
        ------
        PredictionError
            A name is not in the bank (a mistyped one would leak silently), or
            nothing is left.
        """
        if not sections and not patients:
            return self
        drop = np.zeros(len(self), dtype=bool)
        for what, wanted, labels in (
            ("section", sections, self.section_names),
            ("patient", patients, self.patients),
        ):
            known = {str(label) for label in np.unique(labels)} - {""}
            unknown = [name for name in wanted if name not in known]
            if unknown:
                raise PredictionError(
                    f"the model's reference has no such {what}",
                    expected=", ".join(sorted(known)) or f"no {what} is named in this model",
                    found=", ".join(map(repr, unknown)),
                )
            drop |= np.isin(labels, list(wanted))
        if drop.all():
            raise PredictionError(
                "no reference spot is left",
                found="all sections and patients of the model left out",
            )
        return self.take(~drop)

    def _labels(self, attribute: str) -> NDArray[np.str_]:
        names = np.array([getattr(section, attribute) for section in self.sections], dtype=np.str_)
        labels: NDArray[np.str_] = names[self.section] if len(names) else names
        return labels

    def _stored_expression(self, scale: str, target_sum: float) -> NDArray[np.float32]:
        assert self.expression is not None  # checked when made
        check_scale_name(scale)
        if scale != self.expression_scale or target_sum != TARGET_SUM:
            raise PredictionError(
                "this model's reference holds no counts, so only its own scale can be predicted",
                expected=f"scale '{self.expression_scale}' scaled to {TARGET_SUM:g}",
                found=f"scale '{scale}' scaled to {target_sum:g}",
            )
        return self.expression

    def _by_section(self, scale: str, target_sum: float) -> scipy.sparse.csr_array:
        from scipy import sparse

        assert self.counts is not None
        order = np.argsort(self.section, kind="stable")
        bounds = np.flatnonzero(np.diff(self.section[order])) + 1
        parts = [
            log_normalize_sparse(self.counts[rows], scale, target_sum)
            for rows in np.split(order, bounds)
            if len(rows)
        ]
        if not parts:
            return self.counts.astype(np.float32)
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return sparse.csr_array(sparse.vstack(parts, format="csr"))[inverse]

    def _problems(self) -> list[str]:
        n = len(self.embeddings)
        shapes = {
            "embeddings": (self.embeddings, (n, self.embeddings.shape[-1])),
            "section": (self.section, (n,)),
            "spot_ids": (self.spot_ids, (n,)),
            "positions": (self.positions, (n, 2)),
            "centers": (self.centers, (n, 2)),
        }
        problems = [
            f"{name} should be {shape}, is {array.shape}"
            for name, (array, shape) in shapes.items()
            if array.shape != shape
        ]
        for name in ("counts", "expression"):
            values = getattr(self, name)
            if values is not None and values.shape[0] != n:
                problems.append(f"{name} should have {n} rows, has {values.shape[0]}")
        if self.counts is None and self.expression is None:
            problems.append("neither counts nor expression are there")
        if self.thumbnails is not None and len(self.thumbnails) != n:
            problems.append(f"{n} spots but {len(self.thumbnails)} pictures")
        if self.section.size and not (
            self.section.min() >= 0 and self.section.max() < len(self.sections)
        ):
            problems.append(f"section indices leave 0..{len(self.sections) - 1}")
        if not np.isfinite(self.embeddings).all():
            problems.append("embeddings are not all finite")
        return problems
