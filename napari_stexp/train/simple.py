"""A plain training loop: one process, one device, all patches in memory."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_stexp._version import __version__
from napari_stexp.dataset.references import Reference, prepare_reference
from napari_stexp.errors import TrainingError
from napari_stexp.model import (
    ENCODERS,
    BundleHeader,
    ImagePreprocessor,
    InputContract,
    MclSTExp,
    ModelBundle,
    ModelSizes,
    Retrieval,
    Thumbnails,
    check_genes,
)
from napari_stexp.model.records import Record, choice, many, number, rule, whole
from napari_stexp.model.state import make_model
from napari_stexp.progress import Progress
from napari_stexp.slide import PatchReader, Slide
from napari_stexp.train.banking import bank_of
from napari_stexp.train.contrastive import augment, contrastive_loss

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["TrainSettings", "train_simple"]

_READ_AT_ONCE = 256


def _yes_no(value: object) -> bool:
    checked: bool = choice(True, False)(value)
    return checked


@dataclass(frozen=True)
class TrainSettings(Record):
    """How to train; the defaults are the paper's for HER2+.

    Attributes
    ----------
    encoder : str
        A key of `napari_stexp.model.ENCODERS`.
    epochs, batch_size : int
        Batches are drawn from all sections, shuffled anew in each epoch, and of
        nearly equal size (no tiny last one).
    learning_rate, weight_decay : float
        Of Adam.
    temperature, unit_length
        See `napari_stexp.train.contrastive.contrastive_loss`.
    jitter : tuple of 3 floats
        Strength of random brightness, contrast and saturation.
    turns : bool
        Random flips and quarter turns.
    recalibrate_norm : bool
        Measure batch-norm statistics once more over all patches after the last
        epoch. Running averages lag behind in short trainings.
    seed : int
        Of weights, order and augmentation.
    """

    encoder: str = rule(choice(*ENCODERS), "densenet121")
    epochs: int = rule(whole(1, 100_000), 90)
    batch_size: int = rule(whole(2, 100_000), 128)
    learning_rate: float = rule(number(1e-8, 10), 1e-4)
    weight_decay: float = rule(number(0, 10), 1e-3)
    temperature: float = rule(number(1e-3, 1e3), 1.0)
    unit_length: bool = rule(_yes_no, False)
    jitter: tuple[float, float, float] = rule(many(number(0, 1), 3), (0.5, 0.5, 0.5))
    turns: bool = rule(_yes_no, True)
    recalibrate_norm: bool = rule(_yes_no, False)
    seed: int = rule(whole(0, 2**63 - 1), 0)


def train_simple(  # noqa: PLR0913 - what to learn from, how, and what the bundle shall say
    sections: Sequence[tuple[NDArray[np.uint8] | Slide, AnnData]],
    genes: Sequence[str],
    contract: InputContract,
    settings: TrainSettings | None = None,
    *,
    retrieval: Retrieval | None = None,
    name: str = "",
    device: str | torch.device = "cpu",
    initial: Mapping[str, Tensor] | None = None,
    missing: str = "error",
    thumbnail_px: int = 0,
) -> Generator[Progress, None, ModelBundle]:
    """Train mclSTExp on measured sections and bank them.

    Patches of all sections are kept in memory as bytes: 150 KB a spot at 224 px.

    Parameters
    ----------
    sections : sequence of (patches, AnnData)
        For each section its slide, or its patches (N, p, p, 3) uint8 RGB in the
        spots' order, read as ``contract`` says; and its spots with raw counts
        and array positions.
    genes : sequence of str
        The gene list, in order.
    contract : InputContract
        Patch size, µm per px and the rest of what the encoder shall be fed.
    settings : TrainSettings, optional
        The paper's when not given.
    retrieval : Retrieval, optional
        Stored with the model; k = 200 (or the number of spots, if lower) when
        not given.
    name : str
        What to call the model.
    device : str or torch.device
        Where to train.
    initial : mapping, optional
        Parameters to begin with, by the released names (some or all; of another
        bundle's ``state``, for instance). The rest is random: nothing is
        downloaded.
    missing : {'error', 'zero'}
        What to do with genes that a section didn't measure.
    thumbnail_px : int
        Side of the pictures of reference patches to keep in the bank, 0: none.

    Yields
    ------
    Progress
        Units are batches; ``new`` is the batch's loss (float).

    Returns
    -------
    ModelBundle
        On the CPU, unsaved; bank windowing 'section'.

    Raises
    ------
    TrainingError
        Patches don't fit the spots or the contract, fewer than two spots, or
        the loss is no longer finite.
    GeneListError, SpotsError
        See `napari_stexp.dataset.references.prepare_reference`.
    """
    settings = settings or TrainSettings()
    names = check_genes(genes)
    reference = prepare_reference([adata for _, adata in sections], names, missing=missing)
    patches = np.empty((len(reference), contract.patch_px, contract.patch_px, 3), np.uint8)
    usable = np.ones(len(reference), dtype=bool)
    for (source, _), part in zip(sections, reference.slices, strict=True):
        yield Progress(part.start, len(reference), "reading patches")
        usable[part] = _fill_patches(source, reference.centers[part], contract, patches[part])
    if usable.sum() < 2:
        raise TrainingError("there is too little to learn from", found=f"{usable.sum()} spots")
    sizes = ModelSizes(n_positions=reference.n_positions)
    model = _initial_model(settings, len(names), sizes, contract, initial).to(device)
    yield from _fit(model, patches, reference, np.flatnonzero(usable), contract, settings)
    model.eval()
    order = reference.canonical_order()
    bank = bank_of(model, reference, "section")
    if thumbnail_px:
        pictures = Thumbnails.from_patches(patches[order], thumbnail_px)
        bank = replace(bank, thumbnails=pictures)
    header = BundleHeader(
        genes=tuple(names),
        name=name,
        encoder=settings.encoder,
        sizes=sizes,
        input=contract,
        retrieval=retrieval or Retrieval(k=min(200, len(bank))),
        sections=bank.sections,
        windowing="section",
        training=settings.to_json() | {"spots": int(usable.sum()), "trainer": "train_simple"},
        software=f"napari-stexp {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    return ModelBundle(header, state, bank)


def _fill_patches(
    source: NDArray[np.uint8] | Slide,
    centers: NDArray[np.float64],
    contract: InputContract,
    out: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Put a section's patches into ``out`` (N, p, p, 3); return which are usable."""
    if isinstance(source, np.ndarray):
        if source.shape != out.shape or source.dtype != np.uint8:
            raise TrainingError(
                "patches don't fit the spots or the input contract",
                expected=f"uint8 {out.shape}",
                found=f"{source.dtype} {source.shape}",
            )
        out[:] = source
        return np.ones(len(out), dtype=bool)
    reader = PatchReader(source, contract.patch_px, contract.mpp, fill=contract.fill)
    usable = reader.classify(centers) != "outside"
    order = reader.order(centers)
    for start in range(0, len(order), _READ_AT_ONCE):
        rows = order[start : start + _READ_AT_ONCE]
        batch = reader.read(centers[rows])
        out[rows] = batch.pixels
        usable[rows] &= batch.ok
    return usable


def _initial_model(
    settings: TrainSettings,
    n_genes: int,
    sizes: ModelSizes,
    contract: InputContract,
    initial: Mapping[str, Tensor] | None,
) -> MclSTExp:
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(settings.seed)
        model = make_model(settings.encoder, n_genes, sizes, patch_px=contract.patch_px)
    if initial:
        own = model.state_dict()
        wrong = [
            f"{key} {tuple(tensor.shape)}"
            for key, tensor in initial.items()
            if key not in own or own[key].shape != tensor.shape
        ]
        if wrong:
            raise TrainingError(
                "initial parameters don't fit the model", found=", ".join(wrong[:10])
            )
        model.load_state_dict(dict(initial), strict=False)
    return model.to(memory_format=torch.channels_last)


def _fit(
    model: MclSTExp,
    patches: NDArray[np.uint8],
    reference: Reference,
    rows: NDArray[np.intp],
    contract: InputContract,
    settings: TrainSettings,
) -> Generator[Progress, None, None]:
    """Train on ``rows`` of the reference, in place."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(settings.seed)
    pixels = torch.from_numpy(patches)
    expression = torch.from_numpy(reference.expression()).to(device)
    positions = torch.from_numpy(reference.positions).long().to(device)
    chosen = torch.from_numpy(rows)
    prepare = ImagePreprocessor(contract, device)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    n_batches = max(1, round(len(rows) / settings.batch_size))
    total = n_batches * settings.epochs
    for epoch in range(settings.epochs):
        model.train()
        shuffled = chosen[torch.randperm(len(chosen), generator=generator)]
        for i, batch in enumerate(shuffled.tensor_split(n_batches)):
            images = pixels[batch].to(device).permute(0, 3, 1, 2).float().div_(255)
            images = augment(images, generator, settings.jitter, turns=settings.turns)
            on_device = batch.to(device)
            # As in the released code, the batch is the window of the spots' attention.
            image, spot = model(prepare.finish(images), expression[on_device], positions[on_device])
            loss = contrastive_loss(
                spot, image, settings.temperature, unit_length=settings.unit_length
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is no longer finite in epoch {epoch + 1}",
                    found=value,
                    hint="Lower the learning rate.",
                )
            stage = f"epoch {epoch + 1} of {settings.epochs}"
            yield Progress(epoch * n_batches + i + 1, total, stage, new=value)
    if settings.recalibrate_norm:
        _recalibrate(model, pixels, chosen, prepare, settings.batch_size)


def _recalibrate(
    model: MclSTExp,
    pixels: Tensor,
    rows: Tensor,
    prepare: ImagePreprocessor,
    batch_size: int,
) -> None:
    """Set batch-norm statistics to the plain average over all training patches."""
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    model.train()
    with torch.inference_mode():
        for batch in rows.tensor_split(max(1, round(len(rows) / batch_size))):
            model.embed_image(prepare(pixels[batch]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
