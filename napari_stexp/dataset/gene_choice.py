"""The paper's gene rule: shared by all sections, variable in one, expressed in enough spots."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.dataset.references import describe_section, name_some, source_of
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import GeneListError, SpotsError, TrainingError
from napari_stexp.model import SectionInfo
from napari_stexp.model.records import Record, choice, many, rule, text, whole

if TYPE_CHECKING:
    import scipy.sparse
    from anndata import AnnData

__all__ = ["GeneChoice", "choose_genes"]

_number = whole(0, 10**9)


@dataclass(frozen=True)
class GeneChoice(Record):
    """Genes, and how many were left after each step of choosing them.

    Attributes
    ----------
    genes : tuple of str
        The gene list: in alphabetical order where it was chosen, else as given.
    origin : {'chosen', 'given'}
        By the rule, or taken as it was.
    sections : tuple of str
        Names of the sections it was chosen from.
    n_spots : int
        Their spots.
    measured : tuple of int
        Genes that each section measured.
    shared : int
        Genes that all sections measured.
    variable : tuple of int
        Highly variable genes of each section; with equal variability it may be more
        than asked for. Empty for a given list.
    union : int
        Genes that are highly variable in at least one section.
    dropped : int
        Of these, how many are expressed in too few spots.
    """

    genes: tuple[str, ...] = rule(many(text(200, empty=False), least=1))
    origin: str = rule(choice("chosen", "given"), "chosen")
    sections: tuple[str, ...] = rule(many(text(200, empty=False)), ())
    n_spots: int = rule(_number, 0)
    measured: tuple[int, ...] = rule(many(_number), ())
    shared: int = rule(_number, 0)
    variable: tuple[int, ...] = rule(many(_number), ())
    union: int = rule(_number, 0)
    dropped: int = rule(_number, 0)

    def describe(self) -> str:
        """Return the steps as one line."""
        if self.origin == "given":
            return f"{len(self.genes)} genes as given"
        least, most = min(self.variable), max(self.variable)
        each = f"{least}" if least == most else f"{least} to {most}"
        return (
            f"{self.shared} genes shared by {len(self.sections)} sections; {each} highly "
            f"variable per section, {self.union} together; {self.dropped} of them in too few of "
            f"{self.n_spots} spots; {len(self.genes)} genes"
        )


def choose_genes(
    sections: Sequence[AnnData], settings: PrepareSettings | None = None
) -> GeneChoice:
    """Choose genes as the paper does.

    Genes that all sections measured; of these the ``n_top_genes`` most variable of each
    section (scanpy's ``highly_variable_genes`` after ``normalize_total`` and ``log1p``
    over the shared genes, as in the released script; the ``seurat_v3`` flavors on the
    counts); their union; without those that are expressed (count above 0) in fewer than
    ``min_spots`` spots over all sections (Min et al. 2024, section "Datasets").

    The result depends neither on the order of the sections nor on that of their genes.

    Parameters
    ----------
    sections : sequence of AnnData
        Raw counts in ``X``; names and patients in ``uns['stexp_spots']``.
    settings : PrepareSettings, optional
        Uses ``n_top_genes``, ``flavor`` and ``min_spots``. Where fewer genes are shared
        than ``n_top_genes``, all shared genes count as highly variable.

    Returns
    -------
    GeneChoice

    Raises
    ------
    TrainingError
        No sections, or scanpy isn't installed.
    SpotsError
        A section has fewer than two spots, no counts, or counts that are none.
    GeneListError
        The sections share no gene, scanpy can't rank them, or no gene is expressed in
        enough spots.
    """
    settings = settings or PrepareSettings()
    if not sections:
        raise TrainingError("no sections were given", expected="at least one measured section")
    infos = [describe_section(adata, i) for i, adata in enumerate(sections)]
    for adata, info in zip(sections, infos, strict=True):
        check_measured(adata, info)
    shared = _shared_genes(sections, infos)
    counts = [counts_of(adata, shared) for adata in sections]
    flags = [
        _highly_variable(matrix, shared, settings, info)
        for matrix, info in zip(counts, infos, strict=True)
    ]
    union = np.logical_or.reduce(flags)
    n_spots = sum(adata.n_obs for adata in sections)
    expressed = np.sum([_expressed_in(matrix) for matrix in counts], axis=0)
    kept = union & (expressed >= settings.min_spots)
    if not kept.any():
        raise GeneListError(
            "no gene is expressed in enough spots",
            expected=f"at least {settings.min_spots} spots (min_spots)",
            found=f"at most {expressed[union].max(initial=0)} of the {n_spots} spots "
            f"of {len(sections)} section(s)",
            hint="Lower min_spots: the paper's 1,000 is for data sets of ten thousand spots.",
        )
    return GeneChoice(
        genes=tuple(np.asarray(shared)[kept].tolist()),
        sections=tuple(info.name for info in infos),
        n_spots=n_spots,
        measured=tuple(adata.n_vars for adata in sections),
        shared=len(shared),
        variable=tuple(int(flag.sum()) for flag in flags),
        union=int(union.sum()),
        dropped=int(union.sum() - kept.sum()),
    )


def take_genes(sections: Sequence[AnnData], genes: Sequence[str]) -> GeneChoice:
    """Describe a given gene list over the sections, in the terms of a chosen one."""
    infos = [describe_section(adata, i) for i, adata in enumerate(sections)]
    names = [set(map(str, adata.var_names)) for adata in sections]
    return GeneChoice(
        genes=tuple(genes),
        origin="given",
        sections=tuple(info.name for info in infos),
        n_spots=sum(adata.n_obs for adata in sections),
        measured=tuple(adata.n_vars for adata in sections),
        shared=len(set.intersection(*names)) if names else 0,
        union=len(genes),
    )


def check_measured(adata: AnnData, info: SectionInfo) -> None:
    """Raise `SpotsError` unless a section has two spots or more with raw counts."""
    path = source_of(adata)
    if not adata.n_vars:
        raise SpotsError(
            f"section {info.name} has no counts",
            path=path,
            expected="raw counts of its spots",
            found=f"{adata.n_obs} spots without measurement",
        )
    if adata.n_obs < 2:
        raise SpotsError(
            f"section {info.name} is too small",
            path=path,
            expected="two spots or more",
            found=f"{adata.n_obs}",
            hint="Nothing varies over one spot; leave the section out (min_section_spots=2).",
        )
    for what, names in (("genes", adata.var_names), ("spots", adata.obs_names)):
        if not names.is_unique:
            raise SpotsError(
                f"section {info.name} has {what} of the same name",
                path=path,
                found=", ".join(map(str, names[names.duplicated()][:5])),
            )
    values = _stored_values(adata)
    bad = ~np.isfinite(values) | (values < 0) | (values != np.floor(values))
    if bad.any():
        raise SpotsError(
            f"section {info.name} holds no raw counts",
            path=path,
            expected="whole numbers, zero or more",
            found=f"{bad.sum()} other values, such as {values[bad][0]:g}",
            hint="Put the raw counts into X (or into layers['counts'] of an h5ad file).",
        )


def _stored_values(adata: AnnData) -> NDArray[np.floating]:
    from scipy import sparse

    values: NDArray[np.floating] = (
        adata.X.data if sparse.issparse(adata.X) else np.asarray(adata.X).reshape(-1)
    )
    return values


def _shared_genes(sections: Sequence[AnnData], infos: Sequence[SectionInfo]) -> list[str]:
    shared: set[str] = set(map(str, sections[0].var_names))
    for adata, info in zip(sections, infos, strict=True):
        left = shared & set(map(str, adata.var_names))
        if not left:
            raise GeneListError(
                f"section {info.name} shares no gene with the sections before it",
                path=source_of(adata),
                expected=name_some(sorted(shared)),
                found=name_some(adata.var_names),
                hint="Are the names of the same kind (symbols or Ensembl identifiers)?",
            )
        shared = left
    return sorted(shared)


def counts_of(adata: AnnData, genes: Sequence[str]) -> scipy.sparse.csr_matrix:
    """Return the counts of some measured genes, csr float32 (n, G)."""
    from scipy import sparse

    columns = adata.var_names.astype(str).get_indexer(genes)
    return sparse.csr_matrix(sparse.csc_matrix(adata.X)[:, columns], dtype=np.float32)


def _expressed_in(counts: scipy.sparse.csr_matrix) -> NDArray[np.int64]:
    """Count the spots in which each gene is expressed, (G,)."""
    return np.asarray((counts > 0).sum(axis=0), dtype=np.int64).reshape(-1)


def _highly_variable(
    counts: scipy.sparse.csr_matrix, genes: list[str], settings: PrepareSettings, info: SectionInfo
) -> NDArray[np.bool_]:
    """Flag a section's most variable genes, (G,)."""
    import pandas as pd
    from anndata import AnnData

    if settings.n_top_genes >= len(genes):
        return np.ones(len(genes), dtype=bool)
    scanpy = _import_scanpy()
    adata = AnnData(X=counts.copy(), var=pd.DataFrame(index=pd.Index(genes, dtype=object)))
    try:
        with warnings.catch_warnings():
            # Spots without a count stay zero, as in the released script; the rest is
            # scanpy's own use of pandas and numpy.
            warnings.simplefilter("ignore")
            if not settings.flavor.startswith("seurat_v3"):
                scanpy.pp.normalize_total(adata)
                scanpy.pp.log1p(adata)
            found = scanpy.pp.highly_variable_genes(
                adata, n_top_genes=settings.n_top_genes, flavor=settings.flavor, inplace=False
            )
    except (ImportError, ValueError, ArithmeticError, LookupError) as error:
        raise GeneListError(
            f"the genes of section {info.name} can't be ranked by variability",
            expected=f"what scanpy's flavor {settings.flavor!r} can work with",
            found=f"{type(error).__name__}: {error}".splitlines()[0],
            hint="Choose another flavor, or give a gene list.",
        ) from error
    return np.asarray(found.loc[genes, "highly_variable"], dtype=bool)


def _import_scanpy() -> Any:
    try:
        import scanpy
    except ImportError as error:
        raise TrainingError(
            "choosing genes needs scanpy, which isn't installed",
            hint='pip install "napari-stexp[train]", or give a gene list.',
        ) from error
    return scanpy
