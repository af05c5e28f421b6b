"""Embedding measured spots into a reference bank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from napari_stexp.dataset.references import Reference, prepare_reference
from napari_stexp.errors import TrainingError
from napari_stexp.model import WINDOWINGS, MclSTExp, ReferenceBank

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor

__all__ = ["bank_of", "bank_order", "embed_alone", "embed_bank", "make_windows"]

#: Window of the released inference scripts (their batch size).
RELEASED_WINDOW = 32


def embed_bank(
    model: MclSTExp,
    sections: Sequence[AnnData],
    genes: Sequence[str],
    windowing: str = "section",
    *,
    missing: str = "error",
) -> ReferenceBank:
    """Embed measured sections into a reference bank.

    Parameters
    ----------
    model : MclSTExp
        With its spot side; put into evaluation mode meanwhile.
    sections : sequence of AnnData
        Raw counts, array positions and patch centres (level-0 px), as
        `napari_stexp.spots.read_reference` gives them.
    genes : sequence of str
        The gene list, in order.
    windowing : {'section', 'sequence32', 'section32', 'spot'}
        Which spots attend to each other:

        - ``'section'``: all spots of a section. Spots are put into canonical
          order first (section name, x, y, barcode), so the bank doesn't depend
          on the order of files or rows.
        - ``'sequence32'``: 32 consecutive spots over all sections in the given
          order, across their borders, as the released scripts do.
        - ``'section32'``: the same, begun anew in each section.
        - ``'spot'``: each spot to itself alone, for models that were trained so.
    missing : {'error', 'zero'}
        What to do with genes that a section didn't measure.

    Returns
    -------
    ReferenceBank
        With raw counts.

    Raises
    ------
    TrainingError, GeneListError, SpotsError
        See `napari_stexp.dataset.references.prepare_reference`.
    BundleError
        Array positions lie outside the model's tables.
    """
    return bank_of(model, prepare_reference(sections, genes, missing=missing), windowing)


def bank_of(model: MclSTExp, reference: Reference, windowing: str) -> ReferenceBank:
    """Embed a prepared reference; see `embed_bank`."""
    reference = reference.take(bank_order(reference, windowing))
    windows = make_windows(reference, windowing)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            expression = torch.from_numpy(reference.expression()).to(device)
            positions = torch.from_numpy(reference.positions).long().to(device)
            if windowing == "spot":
                embeddings = embed_alone(model, expression, positions)
            else:
                embeddings = model.embed_spots(expression, positions, windows)
    finally:
        model.train(was_training)
    return ReferenceBank(
        embeddings=embeddings.float().cpu().numpy(),
        section=reference.section,
        sections=reference.sections,
        spot_ids=reference.spot_ids,
        positions=reference.positions,
        centers=reference.centers,
        counts=reference.counts,
    )


def bank_order(reference: Reference, windowing: str) -> NDArray[np.intp]:
    """Return which spot each row of the bank is: as given, or in canonical order."""
    if windowing in ("section", "spot"):
        return reference.canonical_order()
    return np.arange(len(reference))


def embed_alone(model: MclSTExp, expression: Tensor, positions: Tensor) -> Tensor:
    """Embed N spots that attend to themselves only, (N, D): `embed_spots` in windows of 1."""
    tokens = model.tokens(expression, positions).unsqueeze(1)  # (N, 1, G): N windows of one spot
    embeddings: Tensor = model.spot_projection(model.spot_encoder(tokens).squeeze(1))
    return embeddings


def make_windows(reference: Reference, windowing: str) -> list[slice]:
    """Cut a reference into attention windows; together they cover every spot once, in order."""
    if windowing not in WINDOWINGS:
        raise TrainingError(
            "unknown windowing", expected=f"one of {', '.join(WINDOWINGS)}", found=repr(windowing)
        )
    if windowing == "section":
        return reference.slices
    if windowing == "spot":
        return [slice(i, i + 1) for i in range(len(reference))]
    parts = [slice(0, len(reference))] if windowing == "sequence32" else reference.slices
    return [
        slice(start, min(start + RELEASED_WINDOW, part.stop))
        for part in parts
        for start in np.arange(part.start, part.stop, RELEASED_WINDOW).tolist()
    ]
