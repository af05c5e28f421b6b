"""Write sections with known content in the layouts of 10x Genomics and GSE144240."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from scipy.sparse import csc_matrix

BARCODES = ["AAAC-1", "AAAG-1", "AAAT-1", "CCCA-1"]
#: Genes by spots; one symbol twice; an antibody.
IDS = ["ENSG1", "ENSG2", "ENSG3", "AB1"]
SYMBOLS = ["ERBB2", "TBCE", "TBCE", "CD3"]
KINDS = ["Gene Expression"] * 3 + ["Antibody Capture"]
COUNTS = np.array([[5, 0, 1, 0], [0, 2, 0, 0], [7, 0, 0, 3], [9, 9, 9, 9]])
#: barcode, in_tissue, array_row, array_col, pxl_row_in_fullres, pxl_col_in_fullres
POSITIONS = [
    ("AAAC-1", 1, 0, 0, 100, 200),
    ("GGGG-1", 0, 0, 2, 100, 300),
    ("AAAT-1", 1, 1, 1, 187, 250),
    ("AAAG-1", 1, 2, 0, 273, 200),
    ("CCCA-1", 0, 2, 2, 273, 300),
]
HEADER = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n"


def write_h5(path: Path, counts: np.ndarray = COUNTS, *, version: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = csc_matrix(counts)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        group["barcodes"] = np.array(BARCODES, dtype="S")
        group["data"] = matrix.data
        group["indices"] = matrix.indices.astype(np.int64)
        group["indptr"] = matrix.indptr.astype(np.int64)
        group["shape"] = np.array(matrix.shape, dtype=np.int32)
        if version == 3:
            features = group.create_group("features")
            features["id"] = np.array(IDS, dtype="S")
            features["name"] = np.array(SYMBOLS, dtype="S")
            features["feature_type"] = np.array(KINDS, dtype="S")
            features["genome"] = np.array(["GRCh38"] * 4, dtype="S")
        else:
            group["genes"] = np.array(IDS, dtype="S")
            group["gene_names"] = np.array(SYMBOLS, dtype="S")
    return path


def write_mtx(
    folder: Path,
    counts: np.ndarray = COUNTS,
    *,
    columns: int = 3,
    packed: bool = True,
    prefix: str = "",
    genes: str = "features",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    scipy.io.mmwrite(stream, csc_matrix(counts))
    table = {1: [SYMBOLS], 2: [IDS, SYMBOLS], 3: [IDS, SYMBOLS, KINDS]}[columns]
    parts = {
        "matrix.mtx": stream.getvalue(),
        "barcodes.tsv": _lines([BARCODES]),
        f"{genes}.tsv": _lines(table),
    }
    for name, content in parts.items():
        path = folder / f"{prefix}{name}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def _lines(columns: Sequence[Sequence[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in zip(*columns, strict=True)).encode()


def write_positions(folder: Path, *, header: bool, name: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(",".join(map(str, row)) + "\n" for row in POSITIONS)
    path = folder / (name or ("tissue_positions.csv" if header else "tissue_positions_list.csv"))
    path.write_text(HEADER + text if header else text)
    (folder / "scalefactors_json.json").write_text(json.dumps({"spot_diameter_fullres": 55.5}))
    return path


def write_visium(folder: Path, *, header: bool = True, counts: str = "h5") -> Path:
    """Write Space Ranger's folder, images of both kinds among it."""
    write_positions(folder / "spatial", header=header)
    for name in ("tissue_hires_image.png", "tissue_lowres_image.png", "aligned_fiducials.jpg"):
        (folder / "spatial" / name).write_bytes(b"")
    (folder / "image.tif").write_bytes(b"")
    (folder / "cytassist_image.tiff").write_bytes(b"")
    if counts == "h5":
        write_h5(folder / "filtered_feature_bc_matrix.h5")
    elif counts:
        write_mtx(folder / counts)
    return folder


SPOTS = "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n"


def write_cscc(folder: Path, name: str, *, number: int = 4284316, packed: bool = True) -> Path:
    """Write a section of GSE144240: counts of the whole array, spots in tissue only."""
    folder.mkdir(parents=True, exist_ok=True)
    spots = SPOTS + "10\t11\t10.02\t11.03\t1000.5\t1100\t1\n12\t11\t12\t11\t1200\t1101.25\t1\n"
    counts = "\tKRT5\tKRT14\n12x11\t3\t0\n9x9\t1\t1\n10x11\t0\t4\n"
    files = {
        f"GSM{number}_{name}_stdata.tsv": counts.encode(),
        f"GSM{number}_spot_data-selection-{name}.tsv": spots.encode(),
        f"GSM{number}_{name}.jpg": b"\xff\xd8\xff",
    }
    for file, content in files.items():
        path = folder / (file + ".gz" if packed else file)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder
