"""Evaluate a trained model on sections that it has not seen."""

from __future__ import annotations

import platform
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_stexp._version import __version__
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import SPLITS, SectionEvaluation, StudyResult, assess
from napari_stexp.progress import Progress
from napari_stexp.study.fitting import known_sections
from napari_stexp.study.held_out import predict_with_facts
from napari_stexp.study.leakage import check_splits, find_splits, seen_sections

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle, SectionInfo

__all__ = ["choose_held_out", "evaluate_bundle"]

#: What numbers of the split 'section' are about.
SIBLINGS_SEEN = "Other sections of the same patients were in training, as in the paper."
_UNKNOWN = "Other sections of the same patients may have been in training: some are unknown."

_PACKAGES = ("numpy", "scipy", "torch", "torchvision", "timm", "anndata", "scikit-learn")


def evaluate_bundle(  # noqa: PLR0913 - what to judge, on what, and how
    bundle: ModelBundle,
    dataset: Dataset,
    names: Sequence[str] | None = None,
    *,
    split: str | None = None,
    exclude_patients: Sequence[str] = (),
    k: int | None = None,
    metric: str | None = None,
    device: str = "auto",
    n_bootstrap: int = 1000,
    seed: int = 0,
    domains: bool = True,
    facts: Mapping[str, Any] | None = None,
) -> Generator[Progress, None, StudyResult]:
    """Predict sections that a model has not seen, and score it beside the baselines.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    dataset : Dataset
        Prepared as the model's input contract says; with the sections that the model was
        trained on, so that baselines can be fitted.
    names : sequence of str, optional
        Sections; all that the model has not seen when not given.
    split : {'patient', 'section'}, optional
        What must have been held out. Found from what the model was trained on when not
        given.
    exclude_patients : sequence of str
        Patients to leave out of the reference bank and of the baselines' fit. What was
        held out remains as it is, because the encoder has learned from them; the result
        says so.
    k, metric : optional
        Retrieval; the bundle's own when not given.
    device : str
        Where to compute.
    n_bootstrap, seed, domains
        See `napari_stexp.evaluate.assess`.
    facts : mapping, optional
        More for the result's ``facts``: the command, for instance.

    Yields
    ------
    Progress

    Returns
    -------
    StudyResult

    Raises
    ------
    EvaluationError
        A section was seen by the model; sections of both splits; or as `predict_held_out`.
    PredictionError
        k is above the bank's size, or a patient to exclude is not in the bank.
    """
    chosen, split = choose_held_out(bundle, dataset, names, split)
    sections, how = yield from predict_with_facts(
        bundle,
        dataset,
        chosen,
        split=split,
        device=device,
        exclude_patients=exclude_patients,
        k=k,
        metric=metric,
    )
    told = {
        "protocol": f"hold-out by {split}",
        "split": split,
        "model": describe_model(bundle),
        "trained_on": [_name(info) for info in seen_sections(bundle)],
        "data": str(dataset.folder),
        "excluded_patients": list(exclude_patients),
        "remarks": _remarks(bundle, sections, split, exclude_patients),
    }
    return (
        yield from assess(
            sections,
            told | how | describe_software() | dict(facts or {}),
            n_bootstrap=n_bootstrap,
            seed=seed,
            domains=domains,
        )
    )


def choose_held_out(
    bundle: ModelBundle,
    dataset: Dataset,
    names: Sequence[str] | None = None,
    split: str | None = None,
) -> tuple[list[str], str]:
    """Choose the sections to judge a model on, and say what was held out.

    Parameters
    ----------
    bundle, dataset, names, split
        As in `evaluate_bundle`.

    Returns
    -------
    list of str
        Names of sections.
    str
        'patient' or 'section'.

    Raises
    ------
    EvaluationError
        The model has seen them; none is left; they are of both splits.
    """
    infos = list(dataset.sections) if names is None else known_sections(dataset, names)
    if split is not None and split not in SPLITS:
        raise EvaluationError("unknown split", expected=" or ".join(SPLITS), found=repr(split))
    found = find_splits(bundle, infos)
    if names is None:
        infos = [info for info in infos if found[info.name] in (SPLITS if not split else (split,))]
        if not infos:
            raise _nothing_held_out(bundle, dataset, found, split)
    elif split is not None:
        check_splits(bundle, infos, split)
        return [info.name for info in infos], split
    check_splits(bundle, infos, "section")
    kinds = {kind: [info.name for info in infos if found[info.name] == kind] for kind in SPLITS}
    if all(kinds.values()):
        raise EvaluationError(
            "some sections are of patients that the model has seen, others are not; the two "
            "are never put into one table",
            path=bundle.path,
            expected="sections of one split",
            found="; ".join(f"{kind}: {', '.join(those)}" for kind, those in kinds.items()),
            hint="Choose the split, or the sections.",
        )
    return [info.name for info in infos], "patient" if kinds["patient"] else "section"


def _nothing_held_out(
    bundle: ModelBundle, dataset: Dataset, found: dict[str, str | None], split: str | None
) -> EvaluationError:
    others = [f"{name} ({kind or 'seen'})" for name, kind in found.items()]
    return EvaluationError(
        "the data set has no section that was held out of the model's training"
        + (f" by {split}" if split else ""),
        path=dataset.folder,
        expected=f"sections that {bundle.name} has not seen",
        found=", ".join(others),
        hint="Train without some of the sections, or cross-validate.",
    )


def describe_model(bundle: ModelBundle) -> dict[str, Any]:
    """Return the facts about a model that its numbers depend on."""
    header = bundle.header
    return {
        "name": bundle.name,
        "file": bundle.path.name if bundle.path else None,
        "sha256": bundle.sha256,
        "encoder": header.encoder,
        "genes": len(bundle.genes),
        "input": header.input.to_json(),
        "sizes": header.sizes.to_json(),
        "windowing": header.windowing,
        "training": header.training,
        "reference_spots": len(bundle.bank),
    }


def describe_software() -> dict[str, Any]:
    """Return versions and time."""
    return {
        "software": f"napari-stexp {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _PACKAGES},
    }


def _remarks(
    bundle: ModelBundle,
    sections: Sequence[SectionEvaluation],
    split: str,
    exclude_patients: Sequence[str],
) -> list[str]:
    told = []
    if split == "section":
        infos = [*seen_sections(bundle), *(section.section for section in sections)]
        told.append(SIBLINGS_SEEN if all(info.patient for info in infos) else _UNKNOWN)
    if exclude_patients:
        who = ", ".join(exclude_patients)
        told.append(
            f"The spots of {who} were left out of the reference bank and of the baselines' fit, "
            "but the encoder had seen these patients in training: the split is what it would be "
            "with them."
        )
    return told


def _name(info: SectionInfo) -> str:
    return f"{info.name} (patient {info.patient})" if info.patient else info.name
