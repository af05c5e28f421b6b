"""The core's work as generators of `Progress`, ready for a worker thread. Knows no Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress
from napari_stexp.session.steps import (
    GridSettings,
    load_bundle_steps,
    make_grid_steps,
    open_slide_steps,
    read_annotations_steps,
    read_spots_or_prediction_steps,
    save_steps,
)

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle

__all__ = [
    "GridSettings",
    "ImportRequest",
    "find_statistics_steps",
    "import_steps",
    "list_devices_steps",
    "load_bundle_steps",
    "make_grid_steps",
    "open_slide_steps",
    "read_annotations_steps",
    "read_spots_or_prediction_steps",
    "save_steps",
    "warm_up_steps",
]

Steps = Generator[Progress, None, Any]


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


def warm_up_steps() -> Steps:
    """Import what opening a slide needs, while the user is still choosing one."""
    from napari_stexp.viewer.garbage import spare_what_is_there, without_collecting

    with without_collecting():
        yield Progress(0, 0, "getting ready")
        import dask.array

        yield Progress(0, 0, "getting ready")
        from napari_stexp.slide import open_slide, prepare_slide  # noqa: F401

        yield Progress(0, 0, "getting ready")
        with contextlib.suppress(ImportError):  # where it is installed, dask asks for a scheduler
            import dask.distributed  # noqa: F401
        yield Progress(0, 0, "getting ready")
        import anndata  # noqa: F401
        import scipy.sparse  # noqa: F401

        from napari_stexp.viewer.warm_up import warm_up_layers

        for _ in warm_up_layers():
            yield Progress(0, 0, "getting ready")
        spare_what_is_there()


def list_devices_steps() -> Steps:
    """List the compute devices; the first time this loads torch, which takes seconds."""
    yield Progress(0, 0, "looking for devices")
    import torch  # noqa: F401 - its import takes seconds: let a cancel in after it

    yield Progress(0, 0, "looking for devices")
    from napari_stexp.predict import available_devices

    return available_devices()


def find_statistics_steps(expression: Any) -> Steps:
    """Find the mean of every gene of a source; it keeps them."""
    yield Progress(0, 0, "averaging the genes")
    return expression.statistics
