"""Whether a model and a data set fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_stexp.errors import EvaluationError, StexpError
from napari_stexp.spots import estimate_mpp

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset, TrainingSet
    from napari_stexp.model import ModelBundle, SectionInfo

__all__ = ["check_contract", "find_sections_of", "known_sections"]

#: Relative difference of µm per px that counts as the same, as in reading patches.
_TOLERANCE = 0.03


def known_sections(
    dataset: Dataset, names: Sequence[str], error: type[StexpError] = EvaluationError
) -> list[SectionInfo]:
    """Return the sections of these names, in this order.

    Raises
    ------
    EvaluationError
        Or ``error``: a name is not in the data set, given twice, or there is none.
    """
    known = {info.name: info for info in dataset.sections}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise error(
            "the data set has no such section",
            path=dataset.folder,
            expected=", ".join(known),
            found=", ".join(map(repr, unknown)),
        )
    if not names:
        raise error("no section was chosen", path=dataset.folder)
    if len(set(names)) < len(names):
        raise error("a section was chosen twice", found=", ".join(names))
    return [known[name] for name in names]


def find_sections_of(
    dataset: Dataset, names: Sequence[str], genes: Sequence[str]
) -> list[TrainingSet]:
    """Return each section's spots and patches over a gene list.

    Raises
    ------
    EvaluationError
        As `known_sections`; or a section has no usable patch.
    GeneListError
        A section lacks genes.
    """
    infos = known_sections(dataset, names)
    parts = [dataset.select([info.name], genes=genes) for info in infos]
    blind = [info.name for info, part in zip(infos, parts, strict=True) if not part.usable.any()]
    if blind:
        raise EvaluationError(
            "sections have no patch that can be used",
            path=dataset.folder,
            expected="spots on the slide",
            found=", ".join(blind),
        )
    return parts


def check_contract(bundle: ModelBundle, dataset: Dataset, names: Sequence[str]) -> None:
    """Check that patches were cut as the model's encoder wants them.

    Raises
    ------
    EvaluationError
        Patch size, fields of view, µm per px or the colour beyond the slide differ.
    """
    wanted, cut = bundle.header.input, dataset.contract
    problems = [
        (name, getattr(wanted, name), getattr(cut, name))
        for name in ("patch_px", "context", "fill")
        if getattr(wanted, name) != getattr(cut, name)
    ]
    if wanted.mpp is not None:
        for name in names:
            mpp = cut.mpp if cut.mpp is not None else estimate_mpp(dataset.spots(name))
            if mpp is not None and abs(mpp / wanted.mpp - 1) > _TOLERANCE:
                problems.append((f"µm per px of {name}", f"{wanted.mpp:.4g}", f"{mpp:.4g}"))
    elif cut.mpp is not None:
        problems.append(("mpp", "level-0 pixels", cut.mpp))
    if problems:
        raise EvaluationError(
            "the data set was cut in another way than the model was trained for",
            path=dataset.folder,
            expected=", ".join(f"{name} {value}" for name, value, _ in problems),
            found=", ".join(str(value) for *_, value in problems),
            hint="Prepare the sections again with the model's values.",
        )
