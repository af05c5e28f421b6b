"""Spots from and to h5ad files."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import OutputError, SpotsError
from napari_stexp.files import atomic_path
from napari_stexp.spots.checks import check_spots
from napari_stexp.spots.hest import find_hest_sample, read_hest_record
from napari_stexp.spots.record import RECORD, find_duplicates, refuse_duplicates, spots_record

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["peek_record", "read_h5ad", "tidy_table", "write_spots"]

#: Space Ranger's columns of places, x first.
_PLACES = ("pxl_col_in_fullres", "pxl_row_in_fullres")

logger = logging.getLogger(__name__)


def read_h5ad(path: str | Path, *, section: str | None = None) -> AnnData:
    """Read spots from an h5ad file.

    ``layers['counts']`` is taken as the counts where it exists (``X`` is then usually
    normalised), else ``X``. Genes named twice become unique as
    ``AnnData.var_names_make_unique`` does it: the first keeps its name.

    Parameters
    ----------
    path : path-like
        File with ``obsm['spatial']``, (x, y) in full-resolution pixels; else
        ``obsm['X_spatial']``, else Space Ranger's ``pxl_col_in_fullres`` (x) and
        ``pxl_row_in_fullres`` (y) in ``obs``. What HEST's metadata say of it is taken
        along, see `read_hest_record`.
    section : str, optional
        Name of the section, where the file doesn't record one.

    Raises
    ------
    SpotsError
        The file is missing, damaged or no h5ad; no usable positions; duplicate
        barcodes; counts that are negative or not finite.
    """
    path = Path(path)
    adata = _load(path)
    sample = find_hest_sample(path)
    known = read_hest_record(sample) if sample is not None else {}
    adata.uns[RECORD] = known | dict(spots_record(adata)) | {"source": str(path)}
    _find_places(adata, path)
    if section is not None:
        adata.uns[RECORD].setdefault("section", section)
    adata.obs_names = adata.obs_names.astype(str)
    refuse_duplicates(list(adata.obs_names), "barcodes", path)
    check_spots(adata)
    adata.obsm["spatial"] = np.ascontiguousarray(adata.obsm["spatial"], dtype=np.float64)
    tidy_table(adata, path)
    return adata


def tidy_table(adata: AnnData, path: Path) -> None:
    """Make a table's genes unique, and its ``X`` counts: ``layers['counts']``, else ``X``.

    Raises
    ------
    SpotsError
        They hold what is no count.
    """
    _make_genes_unique(adata, path)
    adata.X = _as_counts(adata.layers.get("counts", adata.X), adata)


def peek_record(path: Path) -> dict[str, str]:
    """Return the texts in a file's ``uns['stexp_spots']`` without reading its spots.

    Raises
    ------
    SpotsError
        The file is missing or no HDF5.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            record = file.get(f"uns/{RECORD}")
            entries = record.items() if isinstance(record, h5py.Group) else ()
            values = {
                name: entry[()] for name, entry in entries if getattr(entry, "shape", 0) == ()
            }
    except OSError as error:
        raise SpotsError(
            "the file can't be read as h5ad",
            path=path,
            expected="an AnnData file (HDF5)",
            found=error,
            hint="It may be damaged or cut off.",
        ) from error
    return {
        name: value.decode(errors="replace")
        for name, value in values.items()
        if isinstance(value, bytes)
    }


def _load(path: Path) -> AnnData:
    import anndata

    if not path.is_file():
        raise SpotsError("there is no such file", path=path)
    try:
        with warnings.catch_warnings():
            # Names that occur twice and old encodings are dealt with below, not printed.
            warnings.simplefilter("ignore")
            return anndata.read_h5ad(path)
    except MemoryError:
        raise
    except Exception as error:
        # h5py and anndata raise a dozen kinds for damaged files, none with the path.
        raise SpotsError(
            "the file can't be read as h5ad",
            path=path,
            expected="an AnnData file (HDF5)",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            hint="It may be damaged or cut off.",
        ) from error


def _find_places(adata: AnnData, path: Path) -> None:
    """Take the places from where they are kept when ``obsm['spatial']`` is missing.

    ``obsm`` goes first: in files of scanpy's ``read_visium`` it is right, while the two
    columns in ``obs`` have each other's names (scverse/scanpy#2251).
    """
    if "spatial" in adata.obsm:
        return
    if "X_spatial" in adata.obsm:
        adata.obsm["spatial"] = np.asarray(adata.obsm["X_spatial"])[:, :2]
    elif set(_PLACES) <= set(adata.obs.columns):
        try:
            adata.obsm["spatial"] = adata.obs[list(_PLACES)].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SpotsError(
                "the spots' positions are no numbers", path=path, expected=" and ".join(_PLACES)
            ) from error
    else:
        return
    logger.info("%s: no obsm['spatial']; places are taken from elsewhere in the file", path.name)


def _make_genes_unique(adata: AnnData, path: Path) -> None:
    twice = find_duplicates(list(adata.var_names.astype(str)))
    if twice:
        logger.info("%s: %d genes are named twice; made unique", path.name, len(twice))
    adata.var_names = adata.var_names.astype(str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata.var_names_make_unique()


def _as_counts(matrix: Any, adata: AnnData) -> Any:
    """Return the counts as csr float32 (N, G), (N, 0) for None; refuse what is no count."""
    from scipy.sparse import csr_matrix

    if matrix is None:
        matrix = csr_matrix((adata.n_obs, adata.n_vars), dtype=np.float32)
    counts = csr_matrix(matrix, dtype=np.float32)
    bad = ~(np.isfinite(counts.data) & (counts.data >= 0))
    if bad.any():
        predicted = "stexp" in adata.uns
        raise SpotsError(
            "the matrix holds values that are no counts",
            path=spots_record(adata).get("source"),
            expected="finite numbers, 0 or more",
            found=f"{bad.sum()} others, such as {counts.data[np.argmax(bad)]:g}",
            hint="This is a prediction; open it as one."
            if predicted
            else "Put the raw counts into X or into layers['counts'].",
        )
    return counts


def write_spots(adata: AnnData, path: str | Path) -> Path:
    """Write spots to an ``.h5ad`` file, whole or not at all.

    Raises
    ------
    OutputError
        Another suffix, a folder that can't be written, or content that HDF5 can't hold.
    """
    path = Path(path)
    if path.suffix.lower() != ".h5ad":
        raise OutputError(
            "spots are written as h5ad", path=path, expected=".h5ad", found=path.suffix or "none"
        )
    with atomic_path(path) as temporary:
        try:
            adata.write_h5ad(temporary, compression="gzip")
        except OSError:
            raise  # the place, not the content: atomic_path says so
        except Exception as error:
            # anndata raises kinds of its own for what HDF5 can't hold.
            raise OutputError(
                "something in the table can't be stored in h5ad", path=path, found=error
            ) from error
    return path
