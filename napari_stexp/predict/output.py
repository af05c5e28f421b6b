"""Predictions on disk: h5ad (all of it), CSV and Parquet (spots and genes as a table)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import OutputError, PredictionError
from napari_stexp.files import atomic_path
from napari_stexp.predict.prediction import MEASURES, Prediction

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["SUFFIXES", "check_output", "prediction_table", "read_prediction", "write_prediction"]

#: What `write_prediction` writes.
SUFFIXES = (".h5ad", ".csv", ".csv.gz", ".parquet")


def check_output(path: str | Path) -> str:
    """Return which of `SUFFIXES` a path has, before hours are spent on its content.

    Raises
    ------
    OutputError
        It has another one, or is a folder.
    """
    path = Path(path)
    name = path.name.lower()
    if path.is_dir():
        raise OutputError("this is a folder", path=path, expected="a file name")
    for suffix in SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return suffix
    raise OutputError(
        "can't tell the format from this name",
        path=path,
        expected=f"a name ending in {', '.join(SUFFIXES)}",
        found=path.suffix or "no suffix",
    )


def write_prediction(adata: AnnData, path: str | Path) -> Path:
    """Write a prediction; the suffix says how. Nothing half-written is ever left.

    ``.h5ad`` holds all of it. ``.csv``, ``.csv.gz`` and ``.parquet`` hold one row
    per spot: barcode, x and y (level-0 pixels), status, similarity, effective_k,
    confidence, then the genes; a Parquet file also keeps the provenance, as JSON
    in its metadata under ``stexp``.

    Raises
    ------
    OutputError
        The suffix is unknown, or the place can't be written.
    """
    path = Path(path)
    suffix = check_output(path)
    with atomic_path(path) as temporary:
        if suffix == ".h5ad":
            # a prediction of many spots compresses badly and slowly: values are averages
            adata.write_h5ad(temporary)
        elif suffix == ".parquet":
            _write_parquet(adata, temporary)
        else:
            # 'infer' reads the temporary file's name, which ends like the final one
            prediction_table(adata).to_csv(temporary, index=False, compression="infer")
    return path


def prediction_table(adata: AnnData) -> pd.DataFrame:
    """Return a prediction as a table, one row per spot.

    A gene named like one of the leading columns gets ``gene:`` before its name.
    """
    import pandas as pd

    xy = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    leading = {
        "barcode": adata.obs_names.astype(str),
        "x": xy[:, 0],
        "y": xy[:, 1],
        "status": adata.obs["status"].astype(str).to_numpy(),
    } | {name: adata.obs[name].to_numpy() for name in MEASURES if name in adata.obs}
    genes = [f"gene:{name}" if name in leading else name for name in adata.var_names]
    values = pd.DataFrame(np.asarray(adata.X), columns=genes)
    return pd.concat([pd.DataFrame(leading), values], axis=1)


def read_prediction(path: str | Path) -> AnnData:
    """Read a prediction from ``.h5ad``.

    Raises
    ------
    PredictionError
        The file is missing, damaged, or holds no prediction.
    """
    import anndata

    path = Path(path)
    if not path.is_file():
        raise PredictionError("there is no such file", path=path)
    try:
        adata = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise PredictionError(
            "the file can't be read as h5ad",
            path=path,
            expected="a prediction written by napari-stexp",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
        ) from error
    try:
        return Prediction(adata).adata
    except PredictionError as error:
        raise PredictionError(
            error.what, path=path, expected=error.expected, found=error.found
        ) from error


def _write_parquet(adata: AnnData, path: Path) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(prediction_table(adata), preserve_index=False)
    facts = json.dumps(adata.uns.get("stexp", {}), default=_to_plain)
    kept = table.schema.metadata or {}
    pq.write_table(table.replace_schema_metadata({**kept, b"stexp": facts.encode()}), path)


def _to_plain(value: object) -> object:
    """Make JSON of numpy's scalars and arrays, which h5ad returns."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
