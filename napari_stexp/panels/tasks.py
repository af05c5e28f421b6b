"""The core's work as generators of `Progress`, ready for a worker thread. Knows no Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import SpotsError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import PredictParams
    from napari_stexp.slide import Slide

__all__ = [
    "GridSettings",
    "ImportRequest",
    "find_statistics_steps",
    "import_steps",
    "list_devices_steps",
    "load_bundle_steps",
    "make_grid_steps",
    "open_slide_steps",
    "predict_steps",
    "read_annotations_steps",
    "read_spots_steps",
    "save_steps",
    "warm_up_steps",
]

Steps = Generator[Progress, None, Any]


@dataclass(frozen=True)
class GridSettings:
    """Virtual spots on a slide without measurement.

    Attributes
    ----------
    layout : {'hex', 'square'}
        How the spots are packed.
    pitch_um, diameter_um : float
        Centre-to-centre distance and diameter, µm; the defaults are Visium's.
    in_tissue : bool
        Only where there is tissue.
    """

    layout: str = "hex"
    pitch_um: float = 100.0
    diameter_um: float = 55.0
    in_tissue: bool = True


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


def open_slide_steps(path: Path, mpp: float | None = None) -> Generator[Progress, None, Slide]:
    """Convert the slide if need be, open it, and warm its overview."""
    yield Progress(0, 0, "opening the slide")
    from napari_stexp.slide import open_slide, prepare_slide

    yield from prepare_slide(path)
    yield Progress(0, 0, "opening the slide")
    slide = open_slide(path, mpp=mpp)
    try:
        yield Progress(0, 0, "reading the overview")
        # The coarsest level is read whole when the layer is made, in the main
        # thread: what it needs is decoded here, so that it comes from the cache.
        slide.dask_levels()[-1].compute(scheduler="synchronous")
        yield Progress(1, 1, "opening the slide")
    except GeneratorExit:
        slide.close()
        raise
    return slide


def read_spots_steps(path: Path, counts: Path | None = None, section: str | None = None) -> Steps:
    """Read a spot table (AnnData)."""
    yield Progress(0, 0, "reading the spots")
    from napari_stexp.spots import read_spots

    return read_spots(path, counts=counts, section=section)


def make_grid_steps(slide: Slide, settings: GridSettings) -> Steps:
    """Find the tissue and lay a grid on it (AnnData)."""
    yield Progress(0, 0, "finding the tissue" if settings.in_tissue else "making the grid")
    if settings.in_tissue:
        from napari_stexp.session.opening import make_tissue_grid

        return make_tissue_grid(slide, settings.pitch_um, settings.diameter_um, settings.layout)
    from napari_stexp.spots import make_grid

    if slide.mpp is None:
        raise SpotsError(
            "a grid in µm needs the slide's scale", path=slide.path, hint="Set the µm/px first."
        )
    return make_grid(
        slide.shape,
        slide.mpp,
        pitch_um=settings.pitch_um,
        diameter_um=settings.diameter_um,
        layout=settings.layout,
    )


def read_annotations_steps(path: Path, slide: Slide | None = None) -> Steps:
    """Read a pathologist's regions; NDPA files need the slide."""
    yield Progress(0, 0, "reading the annotations")
    from napari_stexp.annotation import read_regions

    return list(read_regions(path, slide))


def load_bundle_steps(path: Path) -> Generator[Progress, None, ModelBundle]:
    """Load a model bundle."""
    yield Progress(0, 0, "loading the model")
    from napari_stexp.model import load_bundle

    return load_bundle(path)


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


def predict_steps(slide: Slide, spots: Any, bundle: ModelBundle, params: PredictParams) -> Steps:
    """Predict; the first report that has something new brings the empty `Prediction`."""
    total = spots.n_obs
    yield Progress(0, total, "preparing")
    from napari_stexp.predict import predict_spots, start_prediction

    yield Progress(0, total, "preparing", new=start_prediction(slide, spots, bundle, params))
    yield from predict_spots(slide, spots, bundle, params)


def save_steps(adata: Any, path: Path) -> Generator[Progress, None, Path]:
    """Write a prediction."""
    yield Progress(0, 0, "saving")
    from napari_stexp.predict import write_prediction

    write_prediction(adata, path)
    return path


def warm_up_steps() -> Steps:
    """Import what opening a slide needs, while the user is still choosing one."""
    yield Progress(0, 0, "getting ready")
    import dask.array

    yield Progress(0, 0, "getting ready")
    from napari_stexp.slide import open_slide, prepare_slide  # noqa: F401

    yield Progress(0, 0, "getting ready")
    with contextlib.suppress(ImportError):  # where it is installed, dask asks it for a scheduler
        import dask.distributed  # noqa: F401


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
