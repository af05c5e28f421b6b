"""Names of Space Ranger's files, and where the counts of a section are."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "find_cell_counts",
    "find_counts",
    "is_cells_file",
    "is_counts_file",
    "is_positions_file",
    "is_visium_file",
]

#: In the order in which they are taken; the folder of the third is that of Wu et al.
_COUNTS = (
    "filtered_feature_bc_matrix.h5",
    "filtered_feature_bc_matrix",
    "filtered_count_matrix",
    "filtered_gene_bc_matrices",
    "raw_feature_bc_matrix.h5",
    "raw_feature_bc_matrix",
)
_CELL_COUNTS = (
    "filtered_feature_cell_matrix.h5",
    "filtered_feature_cell_matrix",
    "raw_feature_cell_matrix.h5",
    "raw_feature_cell_matrix",
)
_MATRIX = ("matrix.mtx", "matrix.mtx.gz")


def is_positions_file(path: Path) -> bool:
    """Whether the file's name is one that Space Ranger gives to the spots' positions."""
    return "tissue_positions" in path.name and bool({".csv", ".parquet"} & set(path.suffixes[-2:]))


def is_cells_file(path: Path) -> bool:
    """Whether the file's name is one that Space Ranger gives to the cells' outlines."""
    return path.name.endswith("cell_segmentations.geojson")


def is_visium_file(path: Path) -> bool:
    """Whether a file says where a section's spots, bins or cells are."""
    return is_positions_file(path) or is_cells_file(path)


def is_counts_file(path: Path) -> bool:
    """Whether the name is one that Space Ranger gives to counts, in HDF5 or in a folder."""
    return path.name.endswith((*_COUNTS, *_CELL_COUNTS))


def find_cell_counts(folder: Path) -> Path | None:
    """Return the counts of segmented cells."""
    return next((path for name in _CELL_COUNTS if (path := _counts(folder, name))), None)


def find_counts(root: Path, stem: str, *, alone: bool) -> Path | None:
    """Return a section's counts: with its prefix, or with any where it is alone."""
    for name in _COUNTS:
        for separator in ("_", "-", ".", ""):
            found = _usable(root / f"{stem}{separator if stem else ''}{name}")
            if found is not None:
                return found
        if alone and (found := _counts(root, name)):
            return found
    for path in (path for name in _MATRIX for path in sorted(root.glob(f"*{name}"))):
        if alone or (stem and path.name.removeprefix(stem).lstrip("_-. ") in _MATRIX):
            return path
    return None


def _counts(root: Path, name: str) -> Path | None:
    for path in (root / name, *sorted(root.glob(f"*{name}"))):
        if (found := _usable(path)) is not None:
            return found
    return None


def _usable(path: Path) -> Path | None:
    """Return what holds counts: a file, or a folder (or a genome's one in it) with a matrix."""
    if path.is_file():
        return path
    if path.is_dir():
        for folder in (path, *sorted(inner for inner in path.iterdir() if inner.is_dir())):
            if any(folder.glob("*matrix.mtx*")):
                return folder
    return None
