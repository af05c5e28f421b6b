"""How well a model in training predicts sections that it isn't trained on."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_stexp.dataset import Reference, TrainingSet
from napari_stexp.model import MclSTExp, ReferenceBank, Retrieval, log_normalize
from napari_stexp.predict import average_expression, retrieve
from napari_stexp.progress import Progress
from napari_stexp.train.banking import bank_of, bank_order
from napari_stexp.train.contrastive import contrastive_loss
from napari_stexp.train.features import ViewMaker, embed_patches
from napari_stexp.train.settings import TrainSettings

__all__ = ["retrieval_score", "score_name", "validate"]

#: HEG is the mean over so many most expressed genes (Min et al. 2024).
N_HIGHEST = 50
_ORDER = 5  # keeps these random numbers apart from others of the same seed


def score_name(retrieval: Retrieval) -> str:
    """Name of the number that early stopping goes by; higher is better."""
    return f"acg_pcc_{retrieval.scale}"


def validate(
    model: MclSTExp,
    training: Reference,
    validation: TrainingSet,
    settings: TrainSettings,
    retrieval: Retrieval,
    maker: ViewMaker,
    *,
    temperature: float | None = None,
    features: torch.Tensor | None = None,
) -> Generator[Progress, None, dict[str, float]]:
    """Measure loss and retrieval on validation sections.

    Parameters
    ----------
    model : MclSTExp
    training : Reference
        The sections that are retrieved from.
    validation : TrainingSet
        The sections that are predicted; spots without a usable patch don't count.
    settings : TrainSettings
        Loss, batch size, windowing and seed.
    retrieval : Retrieval
        k, metric and expression scale.
    maker : ViewMaker
        Prepares the patches.
    temperature : float, optional
        Of the loss, where it was learned.
    features : Tensor, (N, S·W), optional
        Of a frozen encoder, for all N spots of ``validation``; then patches aren't read.

    Yields
    ------
    Progress
        Units are patches.

    Returns
    -------
    dict
        ``loss`` (the mean over batches of patches as they are) and what
        `retrieval_score` gives.
    """
    rows = np.flatnonzero(validation.usable)
    if features is None:
        images = yield from embed_patches(model, validation, rows, maker)
    else:
        images = _project(model, features[torch.from_numpy(rows)])
    spots = _embed_spots(model, validation.reference, settings.windowing)[rows]
    bank = bank_of(model, training, settings.windowing)
    loss = _mean_loss(spots, images, settings, temperature or settings.temperature)
    return {"loss": loss} | retrieval_score(images, bank, validation.reference, rows, retrieval)


def retrieval_score(
    images: NDArray[np.float32],
    bank: ReferenceBank,
    measured: Reference,
    rows: NDArray[np.intp],
    retrieval: Retrieval,
) -> dict[str, float]:
    """Predict measured spots from a bank and correlate.

    Parameters
    ----------
    images : ndarray, (n, D)
        Image embeddings of the spots ``rows``.
    bank : ReferenceBank
    measured : Reference
        The same genes as the bank's.
    rows : ndarray, (n,) int
        Which spots of ``measured`` were embedded; increasing.
    retrieval : Retrieval

    Returns
    -------
    dict
        With S for the expression scale: ``acg_pcc_S``, the mean over all genes of
        the Pearson correlation over a section's spots (genes without one, because
        measurement or prediction are constant, don't count), and ``heg_pcc_S``,
        the same over the 50 genes of the highest mean measurement; both averaged
        over the sections. NaN where no section has a gene that counts.
    """
    neighbours = retrieve(images, bank.embeddings, retrieval.k, retrieval.metric)
    expression = bank.expression_sparse(retrieval.scale, retrieval.target_sum)
    predicted = average_expression(expression, neighbours)
    all_genes, highest = [], []
    for part in measured.slices:
        # On the per-gene scale all of a section's spots count, as in an evaluation.
        truth = log_normalize(measured.counts[part], retrieval.scale, retrieval.target_sum)
        here = (rows >= part.start) & (rows < part.stop)
        truth = truth[rows[here] - part.start]
        if len(truth) < 2:
            continue
        pcc = _correlate(predicted[here], truth)
        all_genes.append(_mean(pcc))
        highest.append(_mean(pcc[np.argsort(-truth.mean(0), kind="stable")[:N_HIGHEST]]))
    scale = retrieval.scale
    return {
        f"acg_pcc_{scale}": _mean(np.array(all_genes)),
        f"heg_pcc_{scale}": _mean(np.array(highest)),
    }


def _correlate(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pearson correlation of each column; NaN where one side is constant."""
    constant = (np.ptp(x, axis=0) == 0) | (np.ptp(y, axis=0) == 0)
    dx, dy = (v - v.mean(0, dtype=np.float64) for v in (x, y))
    norm = np.sqrt((dx**2).sum(0)) * np.sqrt((dy**2).sum(0))
    return np.divide(
        (dx * dy).sum(0), norm, out=np.full(len(norm), np.nan), where=~constant & (norm > 0)
    )


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _project(model: MclSTExp, features: torch.Tensor) -> NDArray[np.float32]:
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            projected: NDArray[np.float32] = (
                model.project_features(features.to(device)).float().cpu().numpy()
            )
    finally:
        model.train(was_training)
    return projected


def _embed_spots(model: MclSTExp, reference: Reference, windowing: str) -> NDArray[np.float32]:
    """Embed the spots of a reference, (N, D) in its order."""
    bank = bank_of(model, reference, windowing)
    embeddings = np.empty_like(bank.embeddings)
    embeddings[bank_order(reference, windowing)] = bank.embeddings
    return embeddings


def _mean_loss(
    spots: NDArray[np.float32],
    images: NDArray[np.float32],
    settings: TrainSettings,
    temperature: float,
) -> float:
    """Mean loss over batches that are the same in every epoch."""
    order = np.random.default_rng([settings.seed, _ORDER]).permutation(len(spots))
    losses = [
        contrastive_loss(
            torch.from_numpy(spots[part]),
            torch.from_numpy(images[part]),
            temperature,
            unit_length=settings.unit_length,
            soft_targets=settings.soft_targets,
        )
        for part in np.array_split(order, max(1, round(len(order) / settings.batch_size)))
    ]
    return float(torch.stack(losses).mean())
