"""Whether an output is already what a job would make."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import PredictParams
    from napari_stexp.slide import Slide

__all__ = ["output_matches"]

#: Parts of the provenance that decide about the numbers.
_PARTS = ("software", "scale", "slide", "model", "reference")
#: Settings that only decide how fast they come.
_HOW_ONLY = {"device", "batch_size", "threads"}

logger = logging.getLogger(__name__)


def output_matches(
    path: Path, slide: Slide, spots: AnnData, bundle: ModelBundle, params: PredictParams
) -> bool:
    """Tell whether ``path`` is a finished prediction of these inputs and settings.

    Compared are the slide's fingerprint and scale, the model's hash, the reference,
    the settings that change numbers, the software's version, and the spots' barcodes
    and places. A file that can't be read doesn't match.
    """
    found = _read_parts(path)
    if found is None:
        return False
    wanted = _expected(slide, spots, bundle, params)
    facts = found["stexp"]
    if any(_plain(facts.get(part)) != wanted.get(part) for part in _PARTS):
        return False
    if _settings(_plain(facts.get("parameters", {}))) != _settings(wanted["parameters"]):
        return False
    return (
        list(found["barcodes"]) == list(spots.obs_names)
        and np.array_equal(found["spatial"], np.asarray(spots.obsm["spatial"]))
        and "pending" not in set(found["status"])
    )


def _read_parts(path: Path) -> dict[str, Any] | None:
    """Read names, places and provenance, and leave the values where they are."""
    if not path.is_file():
        return None
    import h5py
    from anndata.io import read_elem

    try:
        with h5py.File(path) as file:
            obs = read_elem(file["obs"])
            return {
                "stexp": read_elem(file["uns/stexp"]),
                "spatial": np.asarray(read_elem(file["obsm/spatial"])),
                "barcodes": obs.index.astype(str),
                "status": obs["status"].astype(str),
            }
    except Exception as error:  # noqa: BLE001  damaged HDF5 raises a dozen kinds
        logger.info("%s is no usable prediction and is made again: %s", path, error)
        return None


def _expected(
    slide: Slide, spots: AnnData, bundle: ModelBundle, params: PredictParams
) -> dict[str, Any]:
    """Return the provenance that a prediction of these would have."""
    from napari_stexp.predict import start_prediction

    provenance: dict[str, Any] = _plain(
        start_prediction(slide, spots, bundle, params).adata.uns["stexp"]
    )
    return provenance


def _settings(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key not in _HOW_ONLY}


def _plain(value: Any) -> Any:
    """Return the value without numpy's types, which h5ad returns."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
