"""*File → Open Sample*: the synthetic breast tumour section that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.errors import SlideError

if TYPE_CHECKING:
    from napari_stexp.viewer.layer_data import LayerData

__all__ = ["SampleFiles", "open_breast_sample", "sample_files"]


@dataclass(frozen=True)
class SampleFiles:
    """Where the sample's files are.

    Attributes
    ----------
    slide, spots, annotation, bundle : Path
        H&E pyramid (OME-TIFF), spots with counts (h5ad), a pathologist's
        regions (GeoJSON), and a model trained on other synthetic sections.
    """

    slide: Path
    spots: Path
    annotation: Path
    bundle: Path


def sample_files() -> SampleFiles:
    """Return the files of the synthetic sample.

    Raises
    ------
    SlideError
        The installation lacks them.
    """
    from napari_stexp import sample_data

    found = SampleFiles(
        slide=sample_data.slide_path(),
        spots=sample_data.spots_path(),
        annotation=sample_data.annotation_path(),
        bundle=sample_data.bundle_path(),
    )
    for path in (found.slide, found.spots, found.annotation, found.bundle):
        if not path.is_file():
            raise SlideError(
                "a file of the sample is missing",
                path=path,
                hint="Install napari-stexp again; its wheel holds the sample.",
            )
    return found


def open_breast_sample() -> list[LayerData]:
    """Return the synthetic section as layers: slide, regions, and spots with measured counts.

    With a panel of napari-stexp open they become the session's slide, regions and spots.
    """
    from napari_stexp.annotation import read_regions
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots
    from napari_stexp.viewer.layer_data import (
        regions_to_layer_data,
        slide_to_layer_data,
        spots_to_layer_data,
    )

    files = sample_files()
    slide = open_slide(files.slide)
    return [
        slide_to_layer_data(slide),
        regions_to_layer_data(list(read_regions(files.annotation)), slide),
        spots_to_layer_data(read_spots(files.spots), slide=slide),
    ]
