"""Put the parts of a spot table together as the AnnData that all rooms expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import SpotsError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = [
    "RECORD",
    "assemble_spots",
    "find_duplicates",
    "refuse_duplicates",
    "set_diameter",
    "spots_record",
]

#: Name of the record about a spot table in ``uns``.
RECORD = "stexp_spots"


def assemble_spots(
    barcodes: Sequence[str] | pd.Index[str],
    spatial: ArrayLike,
    *,
    array: NDArray[np.int64] | None = None,
    counts: Any = None,
    genes: Sequence[str] = (),
    diameter_px: float | None = None,
    record: Mapping[str, Any],
) -> AnnData:
    """Build the spots' AnnData.

    Parameters
    ----------
    barcodes : sequence of str, N
        Unique names of the spots.
    spatial : array-like (N, 2)
        Centres, (x, y) in level-0 pixels.
    array : int64 array (N, 2), optional
        Array positions (column, row).
    counts : csr float32 (N, G), optional
        Raw counts; spots without measurement when left out.
    genes : sequence of str, G
        Names of the columns of ``counts``.
    diameter_px : float, optional
        Spot diameter in level-0 pixels.
    record : mapping
        ``uns['stexp_spots']``; entries that are None are left out.

    Returns
    -------
    AnnData
        As the package's docstring describes.
    """
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    names = barcodes if isinstance(barcodes, pd.Index) else pd.Index(list(barcodes), dtype=object)
    obs = pd.DataFrame(index=names)
    if array is not None:
        obs["array_col"] = array[:, 0].astype(np.int64)
        obs["array_row"] = array[:, 1].astype(np.int64)
    if counts is None:
        counts = csr_matrix((len(obs), 0), dtype=np.float32)
    adata = AnnData(X=counts, obs=obs, var=pd.DataFrame(index=pd.Index(list(genes), dtype=object)))
    adata.obsm["spatial"] = np.ascontiguousarray(spatial, dtype=np.float64)
    adata.uns[RECORD] = {key: value for key, value in record.items() if value is not None}
    if diameter_px is not None:
        set_diameter(adata, diameter_px)
    return adata


def set_diameter(adata: AnnData, diameter_px: float) -> None:
    """Record the spots' diameter (level-0 pixels) as Space Ranger does, for one library."""
    library = str(spots_record(adata).get("section") or "spots")
    scalefactors = {"spot_diameter_fullres": float(diameter_px)}
    adata.uns["spatial"] = {library: {"images": {}, "scalefactors": scalefactors}}


def spots_record(adata: AnnData) -> Mapping[str, Any]:
    """Return ``uns['stexp_spots']``, empty where there is none."""
    record = adata.uns.get(RECORD)
    return record if isinstance(record, Mapping) else {}


def find_duplicates(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, in order of their second appearance."""
    if len(set(names)) == len(names):
        return []
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in names:
        if name in seen:
            twice[name] = None
        seen.add(name)
    return list(twice)


def refuse_duplicates(names: Sequence[str], what: str, path: Path | str | None) -> None:
    """Raise a SpotsError that lists the names that occur more than once."""
    twice = find_duplicates(names)
    if twice:
        shown = ", ".join(twice[:5]) + (f" and {len(twice) - 5} more" if len(twice) > 5 else "")
        raise SpotsError(f"duplicate {what}", path=path, expected="each one once", found=shown)
