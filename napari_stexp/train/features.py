"""Features of a frozen image encoder, computed once for some views of each patch.

An encoder that isn't trained gives the same features for the same patch in every
epoch, so training the rest of the model on stored features takes seconds. Views
take the place of the augmentation. They go through the symmetries of the square
that flips and rotations ask for (all eight for both, in the order of
`napari_stexp.train.augment.turn`), the first one being the patch as it is; from the
second on colours are changed at random, where jitter is asked for. In each step
each spot shows one of its views, at random. Of a data set on disk the features are kept
beside the patches (`napari_stexp.dataset.FeatureStore`), those of views with random
colours excepted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_stexp.dataset import FeatureStore, TrainingSet, encoder_key
from napari_stexp.model import ImagePreprocessor, MclSTExp
from napari_stexp.predict.parallel import map_in_order
from napari_stexp.progress import Progress
from napari_stexp.train.augment import make_augmentation, seeded, turn
from napari_stexp.train.settings import TrainSettings

__all__ = [
    "ViewMaker",
    "choose_views",
    "embed_in_batches",
    "embed_patches",
    "encode_views",
    "to_images",
]

_VIEWS, _CHOICE = 3, 4  # keep these random numbers apart from others of the same seed
_AT_ONCE = {"cpu": 8, "mps": 32}


def to_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Bring (B, S, p, p, 3) bytes to the device, as RGB in 0..1.

    Returns
    -------
    Tensor, (B, 3, p, p) where S is 1, else (B, S, 3, p, p)
        Channels last in memory.
    """
    images = pixels.to(device, non_blocking=True).permute(0, 1, 4, 2, 3).float().div_(255)
    return images[:, 0] if images.shape[1] == 1 else images


class ViewMaker:
    """Makes view v of patches, ready for the encoder.

    Parameters
    ----------
    prepare : ImagePreprocessor
        On the device where the views shall be.
    settings : TrainSettings
        Which symmetries and colours; seed.
    """

    def __init__(self, prepare: ImagePreprocessor, settings: TrainSettings) -> None:
        self.prepare, self.device, self.seed = prepare, prepare.device, settings.seed
        self._colors = make_augmentation(settings, geometry=False)
        turns = range(4) if settings.rotation != "none" else range(1)
        mirrored = (0, 4) if settings.flips else (0,)
        self._symmetries = [quarter + mirror for mirror in mirrored for quarter in turns]
        self.is_random = any(settings.jitter) or settings.stain_jitter > 0

    def symmetry(self, view: int) -> int:
        """Say by which symmetry of the square view ``view`` is turned; 0: as it is."""
        return self._symmetries[view % len(self._symmetries)]

    def make(self, pixels: NDArray[np.uint8], view: int = 0, start: int = 0) -> Tensor:
        """Return view ``view`` of (B, S, p, p, 3) patches, the first being number ``start``."""
        images = to_images(torch.from_numpy(pixels), self.device)
        if view:
            with seeded(self.seed, _VIEWS, view, start):
                images = self._colors(images)
        symmetry = self.symmetry(view)
        if symmetry:
            shape = images.shape
            flat = images.reshape(-1, *shape[-3:])
            images = turn(flat, torch.full((len(flat),), symmetry)).reshape(shape)
        return self.prepare.finish(images)


def encode_views(
    model: MclSTExp,
    data: TrainingSet,
    rows: NDArray[np.intp],
    maker: ViewMaker,
    views: int = 1,
    *,
    precision: str = "32-true",
) -> Generator[Progress, None, Tensor]:
    """Encode views of patches with the model's image encoder, in evaluation mode.

    Parameters
    ----------
    model : MclSTExp
    data : TrainingSet
    rows : ndarray, (n,) int
        Which patches.
    maker : ViewMaker
        On the model's device.
    views : int
        V.
    precision : str
        As in `TrainSettings`.

    Yields
    ------
    Progress
        Units are patches (V for each spot).

    Returns
    -------
    Tensor, (V, N, S·W) float32
        On the CPU; zero for the N - n spots that are not in ``rows``.
    """
    wanted = np.zeros(len(data), dtype=bool)
    wanted[rows] = True
    width = model.context * model.image_encoder.width
    features = torch.zeros(views, len(data), width)
    encode = _make_encode(model, precision)
    done = 0
    for view in range(views):
        store = _open_store(model, maker, view, precision)
        for part, patches in zip(data.reference.slices, data.patches, strict=True):
            mine = part.start + np.flatnonzero(wanted[part])
            table = features[view, part]
            known = store.load(patches) if store else None
            if known is not None:
                table[:] = torch.from_numpy(known) * torch.from_numpy(wanted[part])[:, None]
                yield Progress(done := done + len(mine), views * len(rows), "reading features")
                continue
            batches = _split(mine, maker.device)
            images = (maker.make(data.read(batch), view, int(batch[0])) for batch in batches)
            results = embed_in_batches(encode, model, images, maker.device)
            for batch, result in zip(batches, results, strict=True):
                table[torch.from_numpy(batch - part.start)] = result
                yield Progress(done := done + len(batch), views * len(rows), "encoding the patches")
            if store and np.array_equal(wanted[part], data.usable[part]):
                store.save(patches, table.numpy())
    return features


def _make_encode(model: MclSTExp, precision: str) -> Callable[[Tensor], Tensor]:
    kind = torch.bfloat16 if precision == "bf16-mixed" else torch.float16

    def encode(batch: Tensor) -> Tensor:
        with torch.autocast(batch.device.type, kind, enabled=precision != "32-true"):
            return model.image_features(batch)

    return encode


def _open_store(
    model: MclSTExp, maker: ViewMaker, view: int, precision: str
) -> FeatureStore | None:
    """Open the store of a view; None for views with random colours, which differ by data set."""
    if view and maker.is_random:
        return None
    key = encoder_key(model.image_encoder, model.encoder_name, maker.prepare.contract, precision)
    return FeatureStore(key, f"symmetry {maker.symmetry(view)}")


def embed_in_batches(
    function: Callable[[Tensor], Tensor],
    model: nn.Module,
    batches: Iterable[Tensor],
    device: torch.device,
) -> Iterator[Tensor]:
    """Yield ``function(batch)`` on the CPU, the model being in evaluation mode meanwhile.

    On a CPU batches are computed beside each other, one per core
    (`napari_stexp.predict.parallel` says why).
    """

    def run(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            return function(batch).float().cpu()

    workers = torch.get_num_threads() if device.type == "cpu" else 1
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield from map_in_order(run, batches, workers)
    finally:
        for module, training in modes.items():
            module.training = training


def embed_patches(
    model: MclSTExp, data: TrainingSet, rows: NDArray[np.intp], maker: ViewMaker
) -> Generator[Progress, None, NDArray[np.float32]]:
    """Embed patches as they are, (n, D) in the order of ``rows``.

    Yields
    ------
    Progress
        Units are patches.
    """
    images = (maker.make(data.read(part)) for part in _split(rows, maker.device))
    embedded: list[Tensor] = []
    done = 0
    for result in embed_in_batches(model.embed_image, model, images, maker.device):
        embedded.append(result)
        done += len(result)
        yield Progress(done, len(rows), "embedding the patches")
    joined: NDArray[np.float32] = torch.cat(embedded).numpy()
    return joined


def choose_views(n: int, settings: TrainSettings, epoch: int, step: int) -> NDArray[np.intp]:
    """Draw which view each of n spots shows in a step, (n,)."""
    generator = np.random.default_rng([settings.seed, _CHOICE, epoch, step])
    return generator.integers(settings.feature_views, size=n)


def _split(rows: NDArray[np.intp], device: torch.device) -> list[NDArray[np.intp]]:
    size = _AT_ONCE.get(device.type, 128)
    return [rows[start : start + size] for start in range(0, len(rows), size)]
