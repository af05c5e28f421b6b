"""Builds a Visium HD run as Space Ranger lays it out, with made-up counts, for `visium_hd.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_stexp.spots.spaceranger.positions import COLUMNS

MPP = 0.274  # µm per level-0 px


def write_run(folder: Path, bins: int, genes: int, per_bin: int, um: int = 8) -> Path:
    """Write ``folder/outs/binned_outputs/square_008um`` and return ``folder``.

    Parameters
    ----------
    folder : Path
    bins : int
        In tissue; the array has a quarter more.
    genes : int
    per_bin : int
        Genes that a bin has counts of, on average.
    um : int
        Width of a bin.
    """
    inner = folder / "outs" / "binned_outputs" / f"square_{um:03d}um"
    (inner / "spatial").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(bins * 1.25)))
    row, column = (part.ravel() for part in np.divmod(np.arange(side * side), side))
    distance = np.hypot(row - side / 2, column - side / 2)
    inside = np.zeros(side * side, dtype=np.int64)
    inside[np.argsort(distance, kind="stable")[:bins]] = 1
    names = np.array([f"s_{um:03d}um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)])
    _write_positions(inner / "spatial", names, inside, row, column, um)
    chosen = rng.permutation(np.flatnonzero(inside))
    _write_counts(inner, names[chosen], distance[chosen] / side, genes, per_bin, rng)
    return folder


def _write_positions(
    folder: Path,
    names: np.ndarray,
    inside: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    um: int,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    step, turn = um / MPP, np.deg2rad(0.6)  # the array lies slightly askew on the slide
    x = 600 + step * (column * np.cos(turn) - row * np.sin(turn)) + step * row.max() * np.sin(turn)
    y = 600 + step * (column * np.sin(turn) + row * np.cos(turn))
    table = pa.table(dict(zip(COLUMNS, (names, inside, row, column, y, x), strict=True)))
    pq.write_table(table, folder / "tissue_positions.parquet")
    factors = {
        "spot_diameter_fullres": step,
        "bin_size_um": float(um),
        "microns_per_pixel": MPP,
        "regist_target_img_scalef": 0.1,
        "tissue_lowres_scalef": 0.01,
        "fiducial_diameter_fullres": 330 / MPP,
        "tissue_hires_scalef": 0.1,
    }
    (folder / "scalefactors_json.json").write_text(json.dumps(factors))


def _write_counts(
    folder: Path,
    names: np.ndarray,
    distance: np.ndarray,
    genes: int,
    per_bin: int,
    rng: np.random.Generator,
) -> None:
    import h5py

    # A few genes are everywhere, most are rare; bins differ in depth, as libraries do.
    share = np.cumsum(rng.lognormal(0, 2.2, genes))
    share /= share[-1]
    depth = rng.gamma(2.0, per_bin / 2.0, len(names)) * (1.3 - distance)
    drawn = rng.poisson(depth * per_bin / depth.mean() * 1.25)
    owner = np.repeat(np.arange(len(names)), drawn)
    gene = np.searchsorted(share, rng.random(len(owner), dtype=np.float32)).astype(np.int64)
    code, data = np.unique(owner * genes + np.minimum(gene, genes - 1), return_counts=True)
    owner, gene = np.divmod(code, genes)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(names)))])
    parts = {"data": data.astype(np.int32), "indices": gene, "indptr": indptr}
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = names.astype("S")
        for name, values in parts.items():  # as Space Ranger stores them
            group.create_dataset(
                name, data=values, chunks=(80_000,), maxshape=(None,), compression="gzip",
                shuffle=True,
            )  # fmt: skip
        group["shape"] = np.array([genes, len(names)], np.int32)
        features = group.create_group("features")
        features["id"] = np.array([f"ENSG{i:011d}" for i in range(genes)], "S")
        features["name"] = np.array([f"GENE{i}" for i in range(genes)], "S")
        features["feature_type"] = np.array(["Gene Expression"] * genes, "S")
        features["genome"] = np.array(["GRCh38"] * genes, "S")
