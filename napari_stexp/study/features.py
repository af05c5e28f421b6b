"""What is known of a data set's patches: statistics, the encoder's features, embeddings.

Computed once per section, however many scales, baselines, folds or evaluations ask for
it (`napari_stexp.dataset.FeatureStore`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp._version import __version__
from napari_stexp.dataset import FeatureStore, TrainingSet, encoder_key
from napari_stexp.model import STATISTICS, patch_statistics
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
        header = bundle.header
        key = encoder_key(self._encoder.image_encoder, header.encoder, header.input)
        self._features = FeatureStore(key, "symmetry 0")
        self._statistics = FeatureStore("statistics", __version__, *STATISTICS)

    def describe(self, spots: TrainingSet) -> Generator[int, None, PatchFeatures]:
        """Describe the patches of all spots, at least one of which is usable.

        Yields
        ------
        int
            How many patches came since the last time; each comes twice, for its
            statistics and for its features.

        Returns
        -------
        PatchFeatures
            In the order of the spots.
        """
        statistics = yield from _fill(spots, self._statistics, self._measure)
        features = yield from _fill(spots, self._features, self._encoder.features_parallel)
        good = spots.usable
        tables = (statistics[good], features[good], self._encoder.project(features[good]))
        return PatchFeatures(*(_spread(table, good) for table in tables))

    def _measure(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the statistics (n, S x F) of (n, S, p, p, 3) patches."""
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(pixels).to(self._device).flatten(0, 1)
            values = patch_statistics(images.permute(0, 3, 1, 2).float().div_(255))
        measured: NDArray[np.float32] = values.reshape(len(pixels), -1).cpu().numpy()
        return measured


def _fill(
    spots: TrainingSet,
    store: FeatureStore,
    describe: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> Generator[int, None, NDArray[np.float32]]:
    """Return a table of all spots, zero where there is no patch; what is stored isn't computed."""
    tables = []
    for part, patches in zip(spots.reference.slices, spots.patches, strict=True):
        usable = spots.usable[part]
        rows = part.start + np.flatnonzero(usable)
        table = store.load(patches)
        if table is None:
            described = []
            for start in range(0, len(rows), _AT_ONCE):
                described.append(describe(spots.read(rows[start : start + _AT_ONCE])))
                yield len(described[-1])
            table = np.zeros((len(usable), described[0].shape[1]), np.float32)
            table[usable] = np.concatenate(described)
            store.save(patches, table)
        else:
            yield len(rows)
        tables.append(table)
    return np.concatenate(tables)


def _spread(rows: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give spots without a usable patch a row of NaN."""
    whole = np.full((len(usable), rows.shape[1]), np.nan, dtype=np.float32)
    whole[usable] = rows
    return whole
