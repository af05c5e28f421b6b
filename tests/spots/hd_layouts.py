"""Write runs of Visium HD with known content, as Space Ranger 3 and 4 lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from .layouts import IDS, KINDS, SYMBOLS

MPP = 0.25
COLUMNS = (
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
)
#: Outlines of cells 1, 2 and 5 (x, y): a square, a square with a hole, two squares.
OUTLINES = {
    1: [[[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]],
    2: [
        [
            [[100, 100], [120, 100], [120, 120], [100, 120], [100, 100]],
            [[105, 105], [115, 105], [115, 115], [105, 115], [105, 105]],
        ]
    ],
    5: [
        [[[0, 50], [10, 50], [10, 60], [0, 60], [0, 50]]],
        [[[20, 50], [30, 50], [30, 60], [20, 60], [20, 50]]],
    ],
}
AREAS = {1: 100.0, 2: 300.0, 5: 200.0}


def barcode(um: int, row: int, column: int) -> str:
    return f"s_{um:03d}um_{row:05d}_{column:05d}-1"


def bin_counts(um: int, row: int, column: int) -> list[int]:
    """Return what a bin has of the genes of `layouts.SYMBOLS`."""
    return [row, column, (row + column) % 3, um]


def write_matrix(path: Path, barcodes: list[str], counts: np.ndarray, **options: object) -> Path:
    """Write counts (spots by genes) as Space Ranger does, in shuffled and gzipped chunks."""
    matrix = csr_matrix(counts)
    options = {
        "chunks": (7,),
        "maxshape": (None,),
        "compression": "gzip",
        "shuffle": True,
        **options,
    }
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(barcodes, dtype="S")
        group.create_dataset("data", data=matrix.data.astype(np.int32), **options)
        group.create_dataset("indices", data=matrix.indices.astype(np.int64), **options)
        group.create_dataset("indptr", data=matrix.indptr.astype(np.int64), **options)
        group["shape"] = np.array(matrix.shape[::-1], dtype=np.int32)
        features = group.create_group("features")
        features["id"] = np.array(IDS, dtype="S")
        features["name"] = np.array(SYMBOLS, dtype="S")
        features["feature_type"] = np.array(KINDS, dtype="S")
        features["genome"] = np.array(["GRCh38"] * len(IDS), dtype="S")
    return path


def write_square(folder: Path, um: int, side: int = 6) -> Path:
    """Write the bins of one width: those in row 0 lie outside tissue; counts run backwards."""
    spatial = folder / "spatial"
    spatial.mkdir(parents=True)
    places = [(row, column) for row in range(side) for column in range(side)]
    step = um / MPP
    rows = [
        (
            barcode(um, r, c),
            int(r > 0),
            r,
            c,
            40 + step * (r + 0.01 * c),
            20 + step * (c - 0.01 * r),
        )
        for r, c in places
    ]
    columns = zip(*rows, strict=True)
    pq.write_table(
        pa.table({name: list(cells) for name, cells in zip(COLUMNS, columns, strict=True)}),
        spatial / "tissue_positions.parquet",
    )
    factors = {
        "spot_diameter_fullres": step,
        "bin_size_um": float(um),
        "microns_per_pixel": MPP,
        "tissue_hires_scalef": 0.1,
        "tissue_lowres_scalef": 0.01,
    }
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))
    measured = [(r, c) for r, c in reversed(places) if r > 0]
    write_matrix(
        folder / "filtered_feature_bc_matrix.h5",
        [barcode(um, r, c) for r, c in measured],
        np.array([bin_counts(um, r, c) for r, c in measured]),
    )
    return folder


def write_cells(folder: Path, *, annotated: bool = True) -> Path:
    """Write ``segmented_outputs``: cells 1, 2 and 5; counts of 5 and 1."""
    (folder / "spatial").mkdir(parents=True)
    features = []
    for number, parts in OUTLINES.items():
        single = len(parts) == 1
        geometry = {
            "type": "Polygon" if single else "MultiPolygon",
            "coordinates": parts[0] if single else parts,
        }
        properties: dict[str, object] = {"cell_id": number}
        if annotated and number != 2:
            properties["classification"] = {"name": f"Cluster-{number}", "color": [1, 2, 3]}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    name = "graphclust_annotated_cell_segmentations" if annotated else "cell_segmentations"
    content = {"type": "FeatureCollection", "features": features}
    (folder / f"{name}.geojson").write_text(json.dumps(content))
    factors = {"microns_per_pixel": MPP, "tissue_hires_scalef": 0.1}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    write_matrix(
        folder / "filtered_feature_cell_matrix.h5",
        ["cellid_000000005-1", "cellid_000000001-1"],
        np.array([[5, 0, 1, 9], [1, 2, 0, 9]]),
    )
    return folder


def write_hd(
    folder: Path, widths: tuple[int, ...] = (2, 8, 16), *, cells: bool = True, image: bool = True
) -> Path:
    """Write a run; ``folder`` holds ``outs``."""
    outs = folder / "outs"
    for um in widths:
        write_square(outs / "binned_outputs" / f"square_{um:03d}um", um)
    if cells:
        write_cells(outs / "segmented_outputs")
    (outs / "spatial").mkdir(parents=True)  # of the whole run: pictures only
    for name in ("tissue_hires_image.png", "cytassist_image.tiff", "aligned_tissue_image.jpg"):
        (outs / "spatial" / name).write_bytes(b"")
    if image:
        (folder / f"{folder.name}_tissue_image.btf").write_bytes(b"")
    return folder
