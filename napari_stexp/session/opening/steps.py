"""Opening and saving files as generators of `Progress`, for windows and scripts alike."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress
from napari_stexp.session.placing.grid_steps import GridSettings, make_grid_steps

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.slide import Slide
    from napari_stexp.slide.location import RemotePath

__all__ = [
    "GridSettings",
    "load_bundle_steps",
    "make_grid_steps",
    "open_slide_steps",
    "read_annotations_steps",
    "read_spots_or_prediction_steps",
    "read_spots_steps",
    "save_steps",
]

Steps = Generator[Progress, None, Any]


def open_slide_steps(
    path: Path | RemotePath, mpp: float | None = None, colour: str = "stored"
) -> Generator[Progress, None, Slide]:
    """Convert the slide if need be, open it, and warm its overview."""
    yield Progress(0, 0, "opening the slide")
    from napari_stexp.slide import open_slide, prepare_slide
    from napari_stexp.slide.location import RemotePath

    yield from prepare_slide(path)
    yield Progress(0, 0, "opening the slide")
    slide = open_slide(path, mpp=mpp, colour=colour)
    try:
        yield Progress(0, 0, "reading the overview")
        slide.overview()  # needed when the layer is made, in the main thread
        if isinstance(slide.path, RemotePath):  # asked for in the main thread later on
            yield Progress(0, 0, "telling the slide from others")
            slide.fingerprint()
        yield Progress(1, 1, "opening the slide")
    except GeneratorExit:
        slide.close()
        raise
    return slide


def read_spots_steps(
    path: Path,
    counts: Path | None = None,
    section: str | None = None,
    bins: str | None = None,
) -> Steps:
    """Read a spot table (AnnData), and find what showing it needs."""
    yield Progress(0, 0, "reading the spots")
    from napari_stexp.session.prepared import prepare_spots
    from napari_stexp.spots import read_spots

    spots = read_spots(path, counts=counts, section=section, bins=bins)
    yield Progress(0, 0, "looking at the spots")
    prepare_spots(spots)
    return spots


def read_spots_or_prediction_steps(
    path: Path, counts: Path | None = None, bins: str | None = None
) -> Steps:
    """Read what was called spots (AnnData); return it, and whether it is a prediction."""
    yield Progress(0, 0, "reading the spots")
    from napari_stexp.session.opening.recognising import recognise

    alone = counts is None and path.suffix == ".h5ad" and path.is_file()
    if alone and recognise(path) == "prediction":
        from napari_stexp.predict import read_prediction

        return read_prediction(path), True
    return (yield from read_spots_steps(path, counts, bins=bins)), False


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


def save_steps(adata: Any, path: Path) -> Generator[Progress, None, Path]:
    """Write a prediction."""
    yield Progress(0, 0, "saving")
    from napari_stexp.predict import write_prediction

    write_prediction(adata, path)
    return path
