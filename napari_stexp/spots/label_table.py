"""A table that says something about spots: its columns, and which row is which spot."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.scale import spot_pitch_px
from napari_stexp.spots.tables import read_text

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["MOST_CLASSES", "is_label_column", "match_rows", "no_spot_in_common", "read_table"]

#: A column of more different values is no column of classes.
MOST_CLASSES = 60
#: What columns that name or place a spot are called, in lower case.
_BARCODES = ("barcode", "barcodes", "spot_id", "spot", "spots", "cell_id", "cell", "")
_PLACES = {
    "x", "y", "row", "col", "array_row", "array_col", "pixel_x", "pixel_y", "warped_x",
    "warped_y", "in_tissue", "pxl_row_in_fullres", "pxl_col_in_fullres", "selected",
}  # fmt: skip
_NO_LABELS = _PLACES | set(_BARCODES) | {"row.names", "index", "patient_id", "ids", "section"}
_NONE = {"", "nan", "na", "none", "<na>"}
#: A place in pixels is a spot's if it is nearer than this, in parts of the spots' pitch.
_NEAR = 0.25
_NOWHERE = 1e9  # an array position that no spot has
_UNKNOWN = {"unknown", "undetermined", "undefined"}
_FEW = 12  # so many classes are believed of any number of spots
#: HER2ST's table of what experts call the clusters, with their reasons.
_NAMES_FILE, _REASONS = "motivation.csv", ",Marker genes include"
_NAME_LINE = re.compile(
    r'(?P<patient>[^,]+),(?P<cluster>\d+),(?:"(?P<quoted>[^"]*)"|(?P<plain>.*))'
)


def read_table(path: Path) -> pd.DataFrame:
    """Read all columns as text, stripped; what means 'none' is ''.

    Parameters
    ----------
    path : Path
        Tab- or comma-separated (its first lines tell), plain or gzipped; or ``.h5ad``,
        of which ``obs`` is read, with its index as ``barcode``. HER2ST's clusters get
        the experts' names (``2: cancer 1``) where ``motivation.csv`` lies beside.

    Raises
    ------
    SpotsError
        It is missing, damaged or no table.
    """
    table = _read_obs(path) if path.name.lower().endswith(".h5ad") else _read_csv(path)
    for name in table.columns:
        text = table[name].str.strip()
        table[name] = text.where(~text.str.lower().isin(_NONE), "")
    return _name_clusters(table, path)


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    content = read_text(path)
    start = b"\n".join(content.split(b"\n", 2)[:2])  # R leaves out the first name of two
    separator = next((mark for mark in "\t,;" if mark.encode() in start), ",")
    try:
        table = pd.read_csv(io.BytesIO(content), sep=separator, dtype=str, na_filter=False)
    except (ValueError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise SpotsError("the labels are no table", path=path, found=error) from error
    if not isinstance(table.index, pd.RangeIndex):  # R leaves out the name of the first column
        table = table.reset_index(names="")
    names = [str(name).strip() for name in table.columns]
    table.columns = pd.Index(["" if name.startswith("Unnamed: 0") else name for name in names])
    return table


def _read_obs(path: Path) -> pd.DataFrame:
    import h5py
    from anndata.io import read_elem

    try:
        with h5py.File(path) as file:
            obs = read_elem(file["obs"])
    except Exception as error:  # h5py and anndata raise a dozen kinds for damaged files
        raise SpotsError(
            "the labels can't be read as h5ad", path=path, expected="an AnnData file", found=error
        ) from error
    table = obs.astype(object).where(obs.notna(), "").astype(str)
    table = table.drop(columns="barcode", errors="ignore")
    table.insert(0, "barcode", obs.index.astype(str))
    return table.reset_index(drop=True)


def is_label_column(values: pd.Series, name: str = "") -> bool:
    """Whether a column holds classes: texts or whole numbers, no more than `MOST_CLASSES`.

    A column where most spots have a value of their own (identifiers) does not, nor one
    whose name says that it places or names a spot.
    """
    import pandas as pd

    if str(name).lower() in _NO_LABELS or not _may_be_classes(values.dtype):
        return False
    known = values.dropna().astype(str)
    known = known[known != ""]
    different = known.nunique()
    if not 1 <= different <= MOST_CLASSES or different > max(_FEW, len(known) / 2):
        return False
    numbers = pd.to_numeric(known, errors="coerce")
    return bool(numbers.isna().any() or (numbers == numbers.round()).all())


def _may_be_classes(dtype: Any) -> bool:
    from pandas.api import types

    return not (
        types.is_float_dtype(dtype)
        or types.is_complex_dtype(dtype)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )


def match_rows(
    table: pd.DataFrame, adata: AnnData, path: Path
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which rows of a table are which spots: (rows, spots), both (M,).

    By barcode where a column has some of the spots' names; else by ``x`` and ``y``,
    as array positions (rounded), or as level-0 pixels (the nearest spot).

    Raises
    ------
    SpotsError
        The table has no such columns, or no spot in common with ``adata``.
    """
    columns = {name.lower(): name for name in reversed(table.columns)}
    names = [columns[key] for key in _BARCODES if key in columns]
    found: list[str] = []
    for name in names:
        match = _match_names(table[name].tolist(), [str(spot) for spot in adata.obs_names])
        if len(match[0]):
            return match
        found += table[name].tolist()[:3]
    if {"x", "y"} <= set(columns):
        place = _numbers(table, [columns["x"], columns["y"]])
        for match in (_match_array(place, adata), _match_pixels(place, adata)):
            if len(match[0]):
                return match
        found += [f"{x:g}x{y:g}" for x, y in place[np.isfinite(place).all(axis=1)][:3]]
    elif not names:
        raise SpotsError(
            "the labels say no place that the spots have",
            path=path,
            expected="columns x and y, or barcode",
            found=", ".join(table.columns[:8]),
        )
    raise no_spot_in_common(adata, ", ".join(found[:3]) or "no labels", path)


def no_spot_in_common(adata: AnnData, found: str, path: Path) -> SpotsError:
    """Return the error for a table that is of other spots."""
    spots = [str(spot) for spot in adata.obs_names[:3]]
    return SpotsError(
        "the labels and the spots have no spot in common",
        path=path,
        expected=f"spots such as {', '.join(spots)}",
        found=found,
        hint="Do they belong to the same section?",
    )


def _match_names(keys: list[str], spots: list[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    number = {spot: index for index, spot in enumerate(spots)}
    pairs = [(row, number[key]) for row, key in enumerate(keys) if key in number]
    array = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _match_array(
    place: NDArray[np.float64], adata: AnnData
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if not {"array_col", "array_row"} <= set(adata.obs.columns):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    # HER2ST's files have rows without a place
    place = np.nan_to_num(place, nan=-_NOWHERE, posinf=_NOWHERE, neginf=-_NOWHERE)
    keys = np.rint(place.clip(-_NOWHERE, _NOWHERE)).astype(np.int64)
    spots = adata.obs[["array_col", "array_row"]].to_numpy(np.int64)
    return _match_names(_array_names(keys), _array_names(spots))


def _match_pixels(
    place: NDArray[np.float64], adata: AnnData
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows whose place is near one spot and far from all others."""
    from scipy.spatial import KDTree

    pitch = spot_pitch_px(adata)
    known = np.flatnonzero(np.isfinite(place).all(axis=1))
    if pitch is None or not len(known):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    distance, nearest = KDTree(adata.obsm["spatial"]).query(place[known])
    near = distance < _NEAR * pitch
    return known[near], nearest[near].astype(np.intp)


def _numbers(table: pd.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    import pandas as pd

    numbers = [pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in columns]
    return np.column_stack(numbers)


def _array_names(array: NDArray[np.int64]) -> list[str]:
    return [f"{x}x{y}" for x, y in array.tolist()]


def _name_clusters(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Put the experts' names of HER2ST's clusters beside their numbers."""
    if not {"patient_id", "label"} <= set(table.columns):
        return table
    for folder in (path.parent, path.parent.parent):
        if (folder / _NAMES_FILE).is_file():
            names = _read_cluster_names(folder / _NAMES_FILE)
            table["label"] = [
                _join_name(label, names.get((patient, label), ""))
                for patient, label in zip(table["patient_id"], table["label"], strict=True)
            ]
            break
    return table


def _join_name(label: str, name: str) -> str:
    """Return '2: cancer 1', but plain 'unknown', which counts as no class in comparisons."""
    if name.lower() in _UNKNOWN:
        return name
    return f"{label}: {name}" if name else label


def _read_cluster_names(path: Path) -> dict[tuple[str, str], str]:
    """Return {(patient, cluster): name}.

    The file's names hold commas and are not quoted: a name ends where the reasons begin.
    """
    names = {}
    for line in read_text(path).decode("utf-8-sig", errors="replace").splitlines():
        match = _NAME_LINE.match(line)
        if match:
            name = match["quoted"] or match["plain"].split(_REASONS)[0].strip(" ,")
            names[match["patient"].strip(), match["cluster"]] = name.strip()
    return names
