"""Features of a data set's patches, kept beside them.

An image encoder that isn't trained gives the same features for the same patch, in every
fold, every training of the rest and every evaluation. Where patches lie in a data set's
folder, their features are written next to them once and read from then on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import OutputError
from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    from torch import nn

    from napari_stexp.model import InputContract

__all__ = ["FeatureStore", "encoder_key"]


def encoder_key(
    encoder: nn.Module, name: str, contract: InputContract, precision: str = "32-true"
) -> str:
    """Say by a digest what features depend on beside the patches.

    Parameters
    ----------
    encoder : nn.Module
        An image encoder; its weights count.
    name : str
        Its name.
    contract : InputContract
        How patches are prepared for it.
    precision : str
        Of its arithmetic.
    """
    digest = hashlib.sha256(json.dumps([name, contract.to_json(), precision]).encode())
    for key, tensor in sorted(encoder.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class FeatureStore:
    """Tables (n, W) of the patches of sections, by section and key.

    Parameters
    ----------
    *key : str
        What the features depend on beside the patches.
    """

    def __init__(self, *key: str) -> None:
        self._key = key

    def load(self, patches: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Read the features of a section's patches; None where there are none yet.

        Parameters
        ----------
        patches : ndarray, (n, S, p, p, 3) uint8
            One of `TrainingSet.patches`.

        Returns
        -------
        ndarray, (n, W) float32, or None
        """
        path = self._path(patches)
        try:
            table = np.load(path, allow_pickle=False) if path else None
        except (OSError, ValueError, EOFError):
            return None  # not there, or damaged: they are computed again
        if table is None or table.ndim != 2 or len(table) != len(patches):
            return None
        return table if table.dtype == np.float32 else None

    def save(self, patches: NDArray[np.uint8], features: NDArray[np.float32]) -> None:
        """Keep the features of a section's patches, if these lie in a folder that can be written.

        A full disk or a read-only folder is no error: they are computed again next time.
        """
        path = self._path(patches)
        if path is None:
            return
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, np.ascontiguousarray(features, dtype=np.float32))
        except OutputError:
            return

    def _path(self, patches: NDArray[np.uint8]) -> Path | None:
        name = getattr(patches, "filename", None)
        if name is None:
            return None
        cut = Path(name)
        try:
            facts = cut.stat()
        except OSError:
            return None
        parts = [*self._key, str(facts.st_size), str(facts.st_mtime_ns)]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
        return cut.with_name(f"features-{digest}.npy")
