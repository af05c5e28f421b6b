"""Counts in HDF5, as Cell Ranger 2 and later and Space Ranger write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.spaceranger.h5_arrays import read_array

if TYPE_CHECKING:
    import h5py

__all__ = ["Parts", "read_h5"]

#: Barcodes, genes, their ids (none where there are none), kinds, csr (N, G).
Parts = tuple[list[str], list[str], list[str], list[str], Any]


def read_h5(path: Path) -> Parts:
    """Read ``…_matrix.h5``.

    Returns
    -------
    Parts
        The matrix is a row per spot, float32, without a dense copy on the way.

    Raises
    ------
    SpotsError
        Damaged, cut off, or none of these files.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            return _read_groups(file, path)
    except SpotsError:
        raise
    except (
        OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError,
        MemoryError, RuntimeError,
    ) as error:  # fmt: skip
        # h5py raises these for files that are cut off, damaged or none of its own.
        raise SpotsError(
            "the counts can't be read",
            path=path,
            expected="HDF5 as Space Ranger writes it",
            found=f"{type(error).__name__}: {error}",
            hint="It may be damaged or cut off.",
        ) from error


def _read_groups(file: h5py.File, path: Path) -> Parts:
    """Read Cell Ranger 3's group ``matrix``, or Cell Ranger 2's, named after the genome."""
    from scipy.sparse import csr_matrix

    named = [name for name in file if "indptr" in getattr(file[name], "keys", tuple)()]
    group = file["matrix"] if "matrix" in named else file[named[0]] if len(named) == 1 else None
    if group is None:
        raise SpotsError(
            "the file holds no counts",
            path=path,
            expected="a group matrix with barcodes, features, data, indices and indptr",
            found=", ".join(list(file)[:8]) or "nothing",
        )
    barcodes = _text(group["barcodes"])
    if "features" in group:
        genes = _text(group["features/name"])
        ids = _text(group["features/id"]) if "features/id" in group else []
        kinds = _text(group["features/feature_type"])
    else:
        genes = _text(group["gene_names"])
        ids = _text(group["genes"]) if "genes" in group else []
        kinds = [""] * len(genes)
    # A column per spot there, which is a row per spot here.
    wide = len(group["data"]) > np.iinfo(np.int32).max
    matrix = csr_matrix(
        (
            read_array(group["data"], np.float32),
            read_array(group["indices"], np.int64 if wide else np.int32),
            read_array(group["indptr"], np.int64 if wide else np.int32),
        ),
        shape=(len(barcodes), len(genes)),
    )
    matrix.check_format(full_check=True)
    matrix.sum_duplicates()
    return barcodes, genes, ids, kinds, matrix


def _text(dataset: h5py.Dataset) -> list[str]:
    return [
        entry.decode() if isinstance(entry, bytes) else str(entry) for entry in dataset[:].tolist()
    ]
