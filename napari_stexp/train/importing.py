"""Making a bundle of a released checkpoint and the sections it refers to."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_stexp._version import __version__
from napari_stexp.dataset.references import Reference, prepare_reference
from napari_stexp.errors import CheckpointError, GeneListError
from napari_stexp.files import sha256
from napari_stexp.model import (
    BundleHeader,
    InputContract,
    MclSTExp,
    ModelBundle,
    ModelSizes,
    ReferenceBank,
    Retrieval,
    check_genes,
    read_released_state_dict,
)
from napari_stexp.model.released import infer_patch_px, infer_sizes
from napari_stexp.model.state import make_model
from napari_stexp.progress import Progress
from napari_stexp.spots import estimate_mpp
from napari_stexp.train.banking import bank_of

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor

__all__ = ["import_released"]


def import_released(  # noqa: PLR0913 - the facts that a bare checkpoint doesn't hold
    checkpoint: str | Path,
    genes: Sequence[str],
    sections: Sequence[AnnData],
    *,
    windowing: str = "sequence32",
    metric: str = "l1",
    k: int = 200,
    scale: str = "spot",
    mpp: float | None = None,
    input_contract: InputContract | None = None,
    missing: str = "error",
    n_positions: tuple[int, int] | None = None,
    name: str = "",
    organ: str = "",
    device: str | torch.device = "cpu",
) -> Generator[Progress, None, ModelBundle]:
    """Import a released mclSTExp checkpoint.

    A released checkpoint is a bare state dict: genes, input contract and
    reference bank come from here. Defaults are the released HER2+ script's,
    except for the expression scale, which is the spot encoder's own.

    Parameters
    ----------
    checkpoint : path-like
        The ``.pt`` file.
    genes : sequence of str
        The gene list it was trained on, in its order.
    sections : sequence of AnnData
        The reference sections, as `napari_stexp.spots.read_reference` gives
        them; their order matters to ``windowing='sequence32'``.
    windowing, missing
        See `napari_stexp.train.embed_bank`.
    metric, k, scale
        See `napari_stexp.model.Retrieval`. The released cSCC script uses 'l2'
        and k = 600, the Visium one 'l2' and 200; the paper 2,400 for Visium.
    mpp : float, optional
        µm per px of the training patches; the median over the sections where
        their spots' pitch is known in µm, when not given.
    input_contract : InputContract, optional
        224 px, RGB, 0..1, black outside the image when not given. (The released
        Visium loader feeds BGR 0..255.)
    n_positions : tuple of 2 ints, optional
        Rows of the x and y position tables to keep; those that the sections
        use when not given. Keep more where the bank shall be extended later with
        sections that reach further.
    name, organ : str
        What to call the model, and the organ of all sections.
    device : str or torch.device
        Where the bank is embedded.

    Yields
    ------
    Progress
        Units are steps.

    Returns
    -------
    ModelBundle
        Unsaved; position tables trimmed to the rows in use.

    Raises
    ------
    CheckpointError
        See `napari_stexp.model.read_released_state_dict`; or the sections'
        array positions lie outside the tables.
    GeneListError
        The list has another length than the checkpoint's, or genes are missing.
    SpotsError
        A section can't be used.

    Warns
    -----
    UserWarning
        ``k`` is above the number of reference spots: predicting needs a smaller one.
    """
    steps = 4
    yield Progress(0, steps, "reading the sections")
    names = check_genes(genes)
    reference = prepare_reference(sections, names, missing=missing)
    yield Progress(1, steps, "reading the checkpoint")
    state = read_released_state_dict(checkpoint)
    contract = _settle_contract(input_contract, infer_patch_px(state), mpp, sections)
    model, sizes = _trimmed_model(
        state, names, reference, Path(checkpoint), n_positions, contract.patch_px
    )
    model.to(device)
    del state  # lets go of the mapped file
    yield Progress(2, steps, "embedding the reference spots")
    bank = _with_organ(bank_of(model, reference, windowing), organ)
    if k > len(bank):
        warnings.warn(
            f"k = {k} is above the number of reference spots, {len(bank)}: "
            "predicting will ask for a smaller k",
            stacklevel=2,
        )
    yield Progress(3, steps, "putting the bundle together")
    header = BundleHeader(
        genes=tuple(names),
        name=name or Path(checkpoint).stem,
        encoder=model.encoder_name,
        sizes=sizes,
        input=contract,
        retrieval=Retrieval(k=k, metric=metric, scale=scale),
        sections=bank.sections,
        windowing=windowing,
        training={
            "imported_from": Path(checkpoint).name,
            "checkpoint_sha256": sha256(checkpoint),
        },
        software=f"napari-stexp {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    bundle = ModelBundle(header, {n: t.cpu() for n, t in model.state_dict().items()}, bank)
    yield Progress(steps, steps, "done", new=bundle)
    return bundle


def _trimmed_model(
    state: Mapping[str, Tensor],
    genes: Sequence[str],
    reference: Reference,
    path: Path,
    n_positions: tuple[int, int] | None,
    patch_px: int,
) -> tuple[MclSTExp, ModelSizes]:
    """Build the model with position tables cut to the rows that the reference uses."""
    encoder, sizes, n_genes = infer_sizes(state, path)
    if n_genes != len(genes):
        raise GeneListError(
            f"the gene list doesn't fit the checkpoint {path}",
            expected=f"{n_genes} genes",
            found=f"{len(genes)}",
        )
    rows, used, asked = sizes.n_positions, reference.n_positions, n_positions or (1, 1)
    needed = max(used[0], asked[0]), max(used[1], asked[1])
    if needed[0] > rows[0] or needed[1] > rows[1]:
        raise CheckpointError(
            "array positions of the sections lie outside the checkpoint's position tables",
            path=path,
            expected=f"x below {rows[0]} and y below {rows[1]}",
            found=f"x up to {needed[0] - 1}, y up to {needed[1] - 1}",
        )
    sizes = replace(sizes, n_positions=needed)
    keep = {"x_embed.weight": needed[0], "y_embed.weight": needed[1]}
    # Copies, so that the file behind the mapped tensors can be closed.
    own = {name: tensor[: keep[name]] if name in keep else tensor for name, tensor in state.items()}
    own = {name: tensor.clone() for name, tensor in own.items()}
    model = make_model(encoder, n_genes, sizes, patch_px=patch_px, device="meta")
    model.load_state_dict(own, strict=True, assign=True)
    return model.requires_grad_(False).eval(), sizes


def _settle_contract(
    given: InputContract | None,
    patch_px: int | None,
    mpp: float | None,
    sections: Sequence[AnnData],
) -> InputContract:
    """Complete the input contract by what the checkpoint and the sections say."""
    contract = given or InputContract(patch_px=patch_px or 224)
    if patch_px is not None and contract.patch_px != patch_px:
        raise CheckpointError(
            "the checkpoint's vision transformer is bound to another patch size",
            expected=f"{patch_px} px",
            found=f"{contract.patch_px} px",
        )
    if mpp is None:
        mpp = contract.mpp if contract.mpp is not None else _median_mpp(sections)
    return replace(contract, mpp=mpp)


def _median_mpp(sections: Sequence[AnnData]) -> float | None:
    """Median of what the spots' known pitch says; None where it is unknown."""
    known = [mpp for mpp in map(estimate_mpp, sections) if mpp is not None]
    return float(np.median(known)) if known else None


def _with_organ(bank: ReferenceBank, organ: str) -> ReferenceBank:
    if not organ:
        return bank
    sections = tuple(replace(info, organ=info.organ or organ) for info in bank.sections)
    return replace(bank, sections=sections)
