"""Measured sections as the arrays that training and the reference bank need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import GeneListError, SpotsError, TrainingError
from napari_stexp.model import SectionInfo, check_genes, log_normalize

if TYPE_CHECKING:
    import scipy.sparse
    from anndata import AnnData

__all__ = ["Reference", "prepare_reference"]


@dataclass(frozen=True, eq=False)
class Reference:
    """Sections put one after the other (N spots, G genes).

    Attributes
    ----------
    sections : tuple of SectionInfo
        In order.
    section : ndarray, (N,) int32
        Index into ``sections``; never decreases.
    counts : csr_array, (N, G) float32
        Raw counts over the gene list.
    spot_ids : ndarray of str, (N,)
    positions : ndarray, (N, 2) int32
        Array position (x, y) = (``array_col``, ``array_row``).
    centers : ndarray, (N, 2) float64
        (x, y) in level-0 px of the section's slide.
    """

    sections: tuple[SectionInfo, ...]
    section: NDArray[np.int32]
    counts: scipy.sparse.csr_array
    spot_ids: NDArray[np.str_]
    positions: NDArray[np.int32]
    centers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.section)

    @property
    def slices(self) -> list[slice]:
        """Where each section lies."""
        bounds = np.searchsorted(self.section, np.arange(len(self.sections) + 1)).tolist()
        return [slice(a, b) for a, b in pairwise(bounds)]

    @property
    def n_positions(self) -> tuple[int, int]:
        """Rows that the position tables need."""
        high = self.positions.max(axis=0, initial=0)
        return int(high[0]) + 1, int(high[1]) + 1

    def expression(self) -> NDArray[np.float32]:
        """Return what the spot encoder sees, (N, G): log10(1 + 10,000 · share of the spot)."""
        return log_normalize(self.counts, "spot")

    def canonical_order(self) -> NDArray[np.intp]:
        """Order that doesn't depend on files: by section name, then x, y, barcode."""
        names = np.array([section.name for section in self.sections], dtype=np.str_)
        keys = (self.spot_ids, self.positions[:, 1], self.positions[:, 0], names[self.section])
        return np.lexsort(keys)

    def take(self, order: NDArray[np.intp]) -> Reference:
        """Reorder the spots; sections stay together and are renumbered as they come."""
        old = self.section[order]
        _, first = np.unique(old, return_index=True)
        sequence = old[np.sort(first)]
        number = np.full(len(self.sections), -1, dtype=np.int32)
        number[sequence] = np.arange(len(sequence), dtype=np.int32)
        return replace(
            self,
            sections=tuple(self.sections[i] for i in sequence),
            section=number[old],
            counts=self.counts[order],
            spot_ids=self.spot_ids[order],
            positions=self.positions[order],
            centers=self.centers[order],
        )


def prepare_reference(
    sections: Sequence[AnnData], genes: Sequence[str], *, missing: str = "error"
) -> Reference:
    """Take the gene list's counts and the array positions out of measured sections.

    Parameters
    ----------
    sections : sequence of AnnData
        As `napari_stexp.spots.read_reference` gives them.
    genes : sequence of str
        The gene list, in order.
    missing : {'error', 'zero'}
        What to do with genes that a section didn't measure.

    Raises
    ------
    TrainingError
        There are no sections, two have the same name, or ``missing`` is unknown.
    GeneListError
        Genes are missing, listed for every section.
    SpotsError
        A section has no counts, no raw counts, or no array positions.
    """
    from scipy import sparse

    names = check_genes(genes)
    if missing not in ("error", "zero"):
        raise TrainingError("unknown choice", expected="'error' or 'zero'", found=repr(missing))
    if not sections:
        raise TrainingError("no sections were given", expected="at least one measured section")
    infos = tuple(describe_section(adata, i) for i, adata in enumerate(sections))
    seen: set[str] = set()
    for info in infos:
        if info.name in seen:
            raise TrainingError(
                "two sections have the same name",
                found=repr(info.name),
                hint="A section given twice would count twice in every prediction.",
            )
        seen.add(info.name)
    _check_genes_measured(sections, infos, names, missing)
    return Reference(
        sections=infos,
        section=np.repeat(
            np.arange(len(infos), dtype=np.int32), [adata.n_obs for adata in sections]
        ),
        counts=sparse.csr_array(
            sparse.vstack(
                [_counts(adata, names, info) for adata, info in zip(sections, infos, strict=True)],
                format="csr",
            )
        ),
        spot_ids=np.concatenate([np.asarray(adata.obs_names, dtype=np.str_) for adata in sections]),
        positions=np.concatenate(
            [_positions(adata, info) for adata, info in zip(sections, infos, strict=True)]
        ),
        centers=np.concatenate([_centers(adata) for adata in sections]),
    )


def source_of(adata: AnnData) -> str | None:
    """Return the file that a section was read from, as far as its record says."""
    record = adata.uns.get("stexp_spots")
    source = record.get("source") if hasattr(record, "get") else None
    return str(source) if source else None


def describe_section(adata: AnnData, index: int, organ: str = "") -> SectionInfo:
    """Name, patient and technology of a section, as far as its record says."""
    record = adata.uns.get("stexp_spots")
    record = record if hasattr(record, "get") else {}
    return SectionInfo(
        name=str(record.get("section") or f"section {index + 1}"),
        patient=str(record.get("patient") or ""),
        organ=str(record.get("organ") or organ),
        technology=str(record.get("technology") or ""),
        n_spots=int(adata.n_obs),
    )


def name_some(names: Iterable[object], most: int = 5) -> str:
    """Return the first names of many, for a message."""
    known = [str(name) for name in names]
    return ", ".join(known[:most]) + (" …" if len(known) > most else "")


def _check_genes_measured(
    sections: Sequence[AnnData], infos: Sequence[SectionInfo], genes: list[str], missing: str
) -> None:
    problems = []
    for adata, info in zip(sections, infos, strict=True):
        if not adata.n_obs or not adata.n_vars:
            raise SpotsError(f"section {info.name} has no measured spots", path=source_of(adata))
        if not adata.var_names.is_unique:
            raise SpotsError(
                f"section {info.name} has several columns for the same gene", path=source_of(adata)
            )
        absent = [gene for gene in genes if gene not in adata.var_names]
        if len(absent) == len(genes):
            raise GeneListError(
                f"section {info.name} measured none of the {len(genes)} genes",
                path=source_of(adata),
                expected=name_some(genes),
                found=name_some(adata.var_names),
                hint="Are the names of the same kind (symbols or Ensembl identifiers)?",
            )
        if absent and missing == "error":
            problems.append(f"{info.name}: {len(absent)} ({name_some(absent, 10)})")
    if problems:
        raise GeneListError(
            "genes are missing in reference sections",
            expected=f"all {len(genes)} genes",
            found="missing in " + "; ".join(problems),
            hint="They can be taken as zero (missing='zero').",
        )


def _counts(adata: AnnData, genes: list[str], info: SectionInfo) -> scipy.sparse.csr_array:
    from scipy import sparse

    column = adata.var_names.get_indexer(genes)
    raw = sparse.csc_array(adata.X)
    # A zero column behind the others stands for every gene that wasn't measured.
    padded = sparse.hstack([raw, sparse.csc_array((raw.shape[0], 1), dtype=raw.dtype)], "csc")
    counts = sparse.csr_array(padded[:, np.where(column < 0, raw.shape[1], column)])
    values = counts.data
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.floor(values)).any():
        raise SpotsError(
            f"section {info.name} holds no raw counts",
            path=source_of(adata),
            expected="whole numbers, zero or more",
            found="other values (already normalised?)",
            hint="Put the raw counts into X.",
        )
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts.astype(np.float32)


def _positions(adata: AnnData, info: SectionInfo) -> NDArray[np.int32]:
    if not {"array_col", "array_row"} <= set(adata.obs.columns):
        raise SpotsError(
            f"section {info.name} has no array positions",
            path=source_of(adata),
            expected="obs['array_col'] and obs['array_row']",
            hint="mclSTExp's spot encoder needs the place of each spot in the array.",
        )
    values: NDArray[Any] = adata.obs[["array_col", "array_row"]].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or (values > 65_535).any():
        raise SpotsError(
            f"section {info.name} has impossible array positions",
            path=source_of(adata),
            expected="0 to 65,535",
        )
    return np.round(values).astype(np.int32)


def _centers(adata: AnnData) -> NDArray[np.float64]:
    if "spatial" not in adata.obsm:
        return np.full((adata.n_obs, 2), np.nan)
    return np.asarray(adata.obsm["spatial"], dtype=np.float64)[:, :2]
