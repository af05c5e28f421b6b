"""Synthetic sample data, where they lie, and the script that makes them.

The paths are those of the installed files; importing this module loads nothing
else. ``make_sample_data`` makes the files anew; `write_training_sections` makes sections that
are not shipped, to train and evaluate on.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from napari_stexp.sample_data.training_sections import write_training_sections

__all__ = [
    "ANNOTATION",
    "BUNDLE",
    "SLIDE",
    "SPOTS",
    "annotation_path",
    "bundle_path",
    "sample_folder",
    "slide_path",
    "spots_path",
    "write_training_sections",
]

SLIDE = "breast_synthetic.ome.tif"
SPOTS = "breast_synthetic_spots.h5ad"
ANNOTATION = "breast_synthetic.geojson"
BUNDLE = "mclstexp_synthetic.safetensors"


def sample_folder() -> Path:
    """Return the folder that holds the sample files.

    The package is installed as files, never as a zip: slides are read in place.
    """
    return Path(str(resources.files(__name__)))


def slide_path() -> Path:
    """Return the H&E slide (OME-TIFF)."""
    return sample_folder() / SLIDE


def spots_path() -> Path:
    """Return its measured spots (h5ad)."""
    return sample_folder() / SPOTS


def annotation_path() -> Path:
    """Return its annotation (GeoJSON)."""
    return sample_folder() / ANNOTATION


def bundle_path() -> Path:
    """Return the model bundle, trained on other synthetic sections."""
    return sample_folder() / BUNDLE
