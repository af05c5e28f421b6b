"""What a stored section was made from, as short hashes that change when it does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import SpotsError

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.spots import SectionSource

__all__ = ["patches_key", "spots_key"]

#: Raise it when the same input would be stored otherwise than before.
_VERSION = 1


def spots_key(source: SectionSource) -> str:
    """Hash a section's names and the identity of its tables.

    A file's identity is its name, size and time of modification.

    Raises
    ------
    SpotsError
        A table doesn't exist.
    """
    facts = [source.name, source.patient, source.organ, source.technology]
    files = [_identity(path) for path in (source.spots, source.counts, source.labels) if path]
    return _hash([_VERSION, facts, files])


def patches_key(source: SectionSource, spots: AnnData, settings: PrepareSettings) -> str:
    """Hash what patches depend on: slide, scale, places of the spots, and how they are cut."""
    assert source.slide is not None  # prepare_dataset has checked it
    centers = np.ascontiguousarray(spots.obsm["spatial"], dtype="<f8")
    pitch = spots.uns.get("stexp_spots", {}).get("pitch_um")
    cut = [settings.patch_px, settings.mpp, settings.context, settings.fill]
    return _hash(
        [_VERSION, _identity(Path(source.slide)), source.mpp, pitch and float(pitch), cut,
         list(map(str, spots.obs_names)), hashlib.sha256(centers.tobytes()).hexdigest()]
    )  # fmt: skip


def _identity(path: Path) -> Any:
    path = Path(path)
    try:
        facts = path.stat()
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            return [path.name, *(_identity(file) for file in inside)]
    except OSError as error:
        raise SpotsError("can't be read", path=path, found=error.strerror) from error
    return [path.name, facts.st_size, facts.st_mtime_ns]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
