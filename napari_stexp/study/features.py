"""What is known of a data set's patches: statistics, the encoder's features, embeddings.

Computed once per section, however many scales, baselines or methods ask for it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.dataset import TrainingSet
from napari_stexp.model import patch_statistics
from napari_stexp.predict import PatchEncoder

if TYPE_CHECKING:
    import torch

    from napari_stexp.model import ModelBundle

__all__ = ["PatchDescriber", "PatchFeatures"]

_AT_ONCE = 128  # patches between two reports


@dataclass(frozen=True)
class PatchFeatures:
    """Descriptions of N patches; rows of NaN where a patch is not usable.

    Attributes
    ----------
    statistics : (N, S x F) float32
        Of colour and stain (`napari_stexp.model.patch_statistics`), field of view after
        field of view.
    features : (N, W) float32
        What the model's image encoder gives, before its projection.
    embeddings : (N, D) float32
        What is searched for in the bank.
    """

    statistics: NDArray[np.float32]
    features: NDArray[np.float32]
    embeddings: NDArray[np.float32]


class PatchDescriber:
    """Describes the patches of sections with a bundle's encoder.

    Parameters
    ----------
    bundle : ModelBundle
        Whose encoder it is.
    device : torch.device
        Where to compute.
    """

    def __init__(self, bundle: ModelBundle, device: torch.device) -> None:
        self._encoder = PatchEncoder(bundle, device)
        self._device = device

    def describe(self, spots: TrainingSet) -> Generator[int, None, PatchFeatures]:
        """Describe the patches of all spots, at least one of which is usable.

        Yields
        ------
        int
            How many patches came since the last time.

        Returns
        -------
        PatchFeatures
            In the order of the spots.
        """
        rows = np.flatnonzero(spots.usable)
        parts = []
        for start in range(0, len(rows), _AT_ONCE):
            pixels = spots.read(rows[start : start + _AT_ONCE])
            features = self._encoder.features_parallel(pixels)
            statistics = _measure(pixels, self._device)
            parts.append((statistics, features, self._encoder.project(features)))
            yield len(pixels)
        tables = (np.concatenate(column) for column in zip(*parts, strict=True))
        return PatchFeatures(*(_spread(table, spots.usable) for table in tables))


def _measure(pixels: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
    """Return the statistics (n, S x F) of (n, S, p, p, 3) patches."""
    import torch

    with torch.inference_mode():
        images = torch.from_numpy(pixels).to(device).flatten(0, 1)
        values = patch_statistics(images.permute(0, 3, 1, 2).float().div_(255))
    measured: NDArray[np.float32] = values.reshape(len(pixels), -1).cpu().numpy()
    return measured


def _spread(rows: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give spots without a usable patch a row of NaN."""
    whole = np.full((len(usable), rows.shape[1]), np.nan, dtype=np.float32)
    whole[usable] = rows
    return whole
