"""Predict sections that a model has not seen, with the model and with the baselines."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import MODEL, BaselineInput, SectionEvaluation, predict_baselines
from napari_stexp.model.expression import SCALES
from napari_stexp.predict import Neighbours, Retriever, average_expression, choose_device
from napari_stexp.predict.devices import describe_device
from napari_stexp.predict.retrieval_checks import check_retrieval
from napari_stexp.progress import Progress
from napari_stexp.study.features import PatchDescriber, PatchFeatures
from napari_stexp.study.fitting import check_contract, find_sections_of
from napari_stexp.study.leakage import check_splits, refuse_copies

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle, ReferenceBank

__all__ = ["predict_held_out", "predict_with_facts"]

_LOGGER = logging.getLogger(__name__)


Predicted = dict[str, dict[str, NDArray[np.float32]]]  # method -> scale -> (N, G)


def predict_held_out(
    bundle: ModelBundle,
    dataset: Dataset,
    names: Sequence[str],
    *,
    split: str,
    device: str = "auto",
    exclude_patients: Sequence[str] = (),
    k: int | None = None,
    metric: str | None = None,
) -> Generator[Progress, None, list[SectionEvaluation]]:
    """Predict sections of a data set, with the model and with every baseline.

    One retrieval serves both expression scales. The baselines are fitted on the usable
    patches of those sections that the reference bank holds, so that they know as much as
    the retrieval does; they are left out where the data set lacks one of these sections.

    Parameters
    ----------
    bundle : ModelBundle
        With a bank that holds counts.
    dataset : Dataset
        Prepared as the model's input contract says.
    names : sequence of str
        Sections to predict.
    split : {'patient', 'section'}
        What was held out of the training.
    device : str
        Where to compute.
    exclude_patients : sequence of str
        Patients whose spots are left out of the bank and of the baselines' fit. The
        encoder has still learned from them: ``split`` remains what it is.
    k, metric : optional
        Retrieval; the bundle's own when not given.

    Yields
    ------
    Progress
        Units are patches; then a stage per scale.

    Returns
    -------
    list of SectionEvaluation
        In the order of ``names``.

    Raises
    ------
    EvaluationError
        A section is unknown, or was seen in training; the split claims too much; the data
        set was cut in another way than the model was trained for; there are no counts.
    PredictionError
        k is above the bank's size, or a patient to exclude is not in the bank.
    """
    sections, _ = yield from predict_with_facts(
        bundle,
        dataset,
        names,
        split=split,
        device=device,
        exclude_patients=exclude_patients,
        k=k,
        metric=metric,
    )
    return sections


def predict_with_facts(
    bundle: ModelBundle,
    dataset: Dataset,
    names: Sequence[str],
    *,
    split: str,
    device: str = "auto",
    exclude_patients: Sequence[str] = (),
    k: int | None = None,
    metric: str | None = None,
) -> Generator[Progress, None, tuple[list[SectionEvaluation], dict[str, Any]]]:
    """Do `predict_held_out`, and tell how: retrieval, device, the baselines' penalties."""
    held_out = find_sections_of(dataset, names, bundle.genes)
    check_splits(bundle, [info for part in held_out for info in part.reference.sections], split)
    check_contract(bundle, dataset, names)
    bank = _choose_bank(bundle, exclude_patients)
    own = bundle.header.retrieval
    k, metric = own.k if k is None else k, own.metric if metric is None else metric
    check_retrieval(k, metric, len(bank))
    for part in held_out:
        refuse_copies(bundle.bank, part)
    training = _find_training(bank, dataset, bundle.genes)
    where = choose_device(device)
    facts: dict[str, Any] = {
        "retrieval": {"k": k, "metric": metric, "reference_spots": len(bank)},
        "baselines_fitted_on": [part.reference.sections[0].name for part in training],
        "device": describe_device(where),
    }

    described = yield from _describe(bundle, where, [*held_out, *training])
    queries, known = described[: len(held_out)], described[len(held_out) :]
    done = 2 * sum(int(part.usable.sum()) for part in [*held_out, *training])
    yield Progress(done, done, "searching the reference")
    retriever = Retriever(bank.embeddings, k, metric, device=where)
    neighbours = [
        retriever.find(query.embeddings[part.usable])
        for query, part in zip(queries, held_out, strict=True)
    ]
    predicted: list[Predicted] = [{} for _ in held_out]
    for scale in SCALES:
        yield Progress(done, done, f"predicting expression per {scale}")
        expression = bank.expression_matrix(scale)
        for part, found, values in zip(held_out, neighbours, predicted, strict=True):
            values.setdefault(MODEL, {})[scale] = _average(expression, found, part.usable)
        if training:
            yield Progress(done, done, f"fitting the baselines per {scale}")
            choices = _add_baselines((training, known), (held_out, queries), scale, predicted)
            facts.setdefault("ridge", {})[scale] = choices
    sections = [
        _assemble(dataset, part, split, bundle.genes, values)
        for part, values in zip(held_out, predicted, strict=True)
    ]
    return sections, facts


def _choose_bank(bundle: ModelBundle, exclude_patients: Sequence[str]) -> ReferenceBank:
    if bundle.bank.counts is None:
        raise EvaluationError(
            "the model's reference holds no counts, so only one expression scale is known",
            path=bundle.path,
            expected="a bundle whose reference bank holds raw counts",
        )
    return bundle.bank.without(patients=exclude_patients)


def _find_training(
    bank: ReferenceBank, dataset: Dataset, genes: Sequence[str]
) -> list[TrainingSet]:
    """Return the bank's sections with their patches; none of them if the data set lacks one."""
    used = [bank.sections[i] for i in np.unique(bank.section)]
    known = {info.name: info.patient for info in dataset.sections}
    absent = [info.name for info in used if known.get(info.name) != info.patient]
    if absent:
        _LOGGER.warning(
            "No baselines: the data set lacks %d of the %d sections that the model was trained "
            "on (%s).",
            len(absent),
            len(used),
            ", ".join(absent[:5]),
        )
        return []
    parts = [dataset.select([info.name], genes=genes) for info in used]
    return [part for part in parts if part.usable.any()]


def _describe(
    bundle: ModelBundle, device: torch.device, parts: Sequence[TrainingSet]
) -> Generator[Progress, None, list[PatchFeatures]]:
    """Describe the patches of sections, one after the other."""
    done, total = 0, 2 * sum(int(part.usable.sum()) for part in parts)
    yield Progress(0, total, "loading the model")
    describer = PatchDescriber(bundle, device)
    described = []
    for part in parts:
        task = describer.describe(part)
        while True:
            try:
                done += next(task)
            except StopIteration as stop:
                described.append(stop.value)
                break
            yield Progress(done, total, "encoding patches")
    return described


def _average(
    expression: NDArray[np.float32], neighbours: Neighbours, usable: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Average the neighbours' expression; spots without a patch get NaN."""
    whole = np.full((len(usable), expression.shape[1]), np.nan, dtype=np.float32)
    whole[usable] = average_expression(expression, neighbours)
    return whole


def _add_baselines(
    training: tuple[list[TrainingSet], list[PatchFeatures]],
    held_out: tuple[list[TrainingSet], list[PatchFeatures]],
    scale: str,
    predicted: list[Predicted],
) -> dict[str, Any]:
    """Put every baseline's prediction into ``predicted``; return the penalties chosen."""
    results = predict_baselines(_make_input(*training), _make_input(*held_out), scale)
    bounds = np.cumsum([len(part) for part in held_out[0]])[:-1]
    for method, rows in results.items():
        for values, mine in zip(predicted, np.split(rows, bounds), strict=True):
            values.setdefault(method, {})[scale] = mine
    return {
        method: {"alpha": choice.alpha, "chosen_by": choice.folds}
        for method, choice in results.choices.items()
    }


def _make_input(parts: list[TrainingSet], described: list[PatchFeatures]) -> BaselineInput:
    from scipy import sparse

    counts: Any = sparse.vstack([part.reference.counts for part in parts], "csr")
    return BaselineInput(
        statistics=np.concatenate([each.statistics for each in described]),
        features=np.concatenate([each.features for each in described]),
        counts=sparse.csr_array(counts),
        section=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )


def _assemble(
    dataset: Dataset, part: TrainingSet, split: str, genes: Sequence[str], predicted: Predicted
) -> SectionEvaluation:
    reference = part.reference
    info = reference.sections[0]
    pixels, scale = dataset.thumbnail(info.name)
    return SectionEvaluation(
        section=info,
        split=split,
        genes=tuple(genes),
        spot_ids=reference.spot_ids,
        centers=reference.centers,
        counts=reference.counts,
        predicted=predicted,
        labels=_find_labels(dataset, info.name),
        thumbnail=pixels,
        thumbnail_scale=scale,
        mpp=dataset.stored(info.name).mpp,
    )


def _find_labels(dataset: Dataset, name: str) -> pd.Series | None:
    """Return the pathologist's labels, NaN where there is none; None without any."""
    obs = dataset.spots(name).obs
    if "label" not in obs:
        return None
    labels = obs["label"].astype(object)
    labels = labels.where(labels.notna() & (labels.astype(str) != ""), np.nan)
    return labels if labels.notna().any() else None
