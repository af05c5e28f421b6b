"""Making a model of a released checkpoint, for windows and scripts alike."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle

__all__ = ["ImportRequest", "import_steps"]


@dataclass(frozen=True)
class ImportRequest:
    """What it takes to make a model bundle of a released checkpoint.

    Attributes
    ----------
    checkpoint, genes : Path
        The ``.pt`` file and its gene list.
    sections : tuple of str
        Reference folders, h5ad files, or 'FOLDER:C2,C3' for some of a folder's sections.
    output : Path
        Where the bundle is written (``.safetensors``).
    k, metric, scale : int, str, str
        The retrieval that is stored as the model's default.
    windowing : str
        How the reference spots are grouped when their embeddings are computed.
    """

    checkpoint: Path
    genes: Path
    sections: tuple[str, ...]
    output: Path
    k: int = 200
    metric: str = "l1"
    scale: str = "spot"
    windowing: str = "section"
    options: dict[str, Any] = field(default_factory=dict)


def import_steps(request: ImportRequest) -> Generator[Progress, None, ModelBundle]:
    """Make a bundle of a released checkpoint, save it and load it from its file."""
    yield Progress(0, 0, "reading the reference sections")
    from napari_stexp.model import load_bundle, read_gene_list, save_bundle
    from napari_stexp.spots import read_reference
    from napari_stexp.train import import_released

    genes = read_gene_list(request.genes)
    sections = read_reference(list(request.sections))
    bundle = yield from import_released(
        request.checkpoint,
        genes,
        sections,
        windowing=request.windowing,
        metric=request.metric,
        k=request.k,
        scale=request.scale,
        **request.options,
    )
    yield Progress(0, 0, "saving the model")
    return load_bundle(save_bundle(bundle, request.output))
