"""A model with everything that predicting needs, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_stexp.errors import BundleError
from napari_stexp.model.bank import ReferenceBank
from napari_stexp.model.header import BundleHeader
from napari_stexp.model.mclstexp import MclSTExp
from napari_stexp.model.state import (
    compare_state,
    describe_state,
    has_spot_side,
    is_spot_side,
    make_model_for,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelBundle"]


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """Weights, reference bank, per-gene scores and the facts about them.

    Attributes
    ----------
    header : BundleHeader
        Genes, input contract, retrieval, sections, provenance.
    state : dict of str to Tensor
        Parameters by the released code's names; the spot side may be absent.
    bank : ReferenceBank
        Its ``sections`` are the header's.
    scores : DataFrame, optional
        Held-out scores, index = genes in order, one float column per measure
        (how they were measured is in ``header.evaluation``).
    path : Path, optional
        The file it came from.
    sha256 : str, optional
        Of that file; None while unsaved.

    Raises
    ------
    BundleError
        Parts don't fit together; all problems are listed.
    """

    header: BundleHeader
    state: dict[str, Tensor] = field(repr=False)
    bank: ReferenceBank
    scores: pd.DataFrame | None = None
    path: Path | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise BundleError(
                "the model doesn't fit together: " + "; ".join(problems), path=self.path
            )

    def __repr__(self) -> str:
        n = f"{len(self.genes):,} genes, {len(self.bank):,} reference spots"
        return f"<ModelBundle: {self.name}, {n}>"

    @property
    def genes(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return self.header.genes

    @property
    def name(self) -> str:
        """What to call it: the header's name, or the file's."""
        return self.header.name or (self.path.stem if self.path else "unnamed model")

    @property
    def has_spot_side(self) -> bool:
        """Whether measured spots can be embedded, so that the bank can be extended."""
        return has_spot_side(self.state)

    def build_model(
        self, device: str | torch.device = "cpu", *, image_only: bool = True
    ) -> MclSTExp:
        """Make the network, in evaluation mode, with its own copy of the weights.

        Parameters
        ----------
        device : str or torch.device
            Where it shall live.
        image_only : bool
            Leave out the spot encoder, which predicting doesn't need.

        Raises
        ------
        BundleError
            The spot side is asked for, and the bundle has none.
        """
        if not image_only and not self.has_spot_side:
            raise BundleError(
                "the bundle holds no spot encoder",
                path=self.path,
                hint="It can predict, but its reference can't be extended.",
            )
        model = make_model_for(self.header, spot_side=not image_only, device="meta")
        if _computes_buffers(model):
            model = make_model_for(self.header, spot_side=not image_only).to(device)
        state = {
            name: tensor.to(device, copy=True)
            for name, tensor in self.state.items()
            if not (image_only and is_spot_side(name))
        }
        model.load_state_dict(state, strict=True, assign=True)
        return model.requires_grad_(False).eval()

    def with_scores(self, scores: pd.DataFrame, evaluation: dict[str, Any]) -> ModelBundle:
        """Return the bundle with held-out scores (index = genes) and how they were measured."""
        aligned = scores.reindex(list(self.genes)).astype("float32")
        header = replace(self.header, evaluation=evaluation)
        return replace(self, header=header, scores=aligned, path=None, sha256=None)

    def _problems(self) -> list[str]:
        model = make_model_for(self.header, spot_side=self.has_spot_side, device="meta")
        problems = compare_state(describe_state(self.state), model)
        if self.bank.n_genes != len(self.genes):
            problems.append(f"{len(self.genes)} genes, but the bank has {self.bank.n_genes}")
        if self.bank.embeddings.shape[-1] != self.header.sizes.projection:
            problems.append(
                f"embeddings are {self.header.sizes.projection} wide, "
                f"but the bank's {self.bank.embeddings.shape[-1]}"
            )
        if self.bank.sections != self.header.sections:
            problems.append("the bank's sections are not the header's")
        if self.scores is not None and list(self.scores.index) != list(self.genes):
            problems.append("the scores are of other genes")
        return problems


def _computes_buffers(model: MclSTExp) -> bool:
    """Whether some tensors are made with the model and never stored, so that 'meta' won't do."""
    stored = set(model.state_dict())
    return any(name not in stored for name, _ in model.named_buffers())
