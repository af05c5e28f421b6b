"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "AsJson",
    "BackendChoice",
    "BackendOption",
    "BinsOption",
    "ColorOrder",
    "Counts",
    "Device",
    "ExcludePatient",
    "ExcludeSection",
    "K",
    "Layout",
    "MetricOption",
    "Missing",
    "Model",
    "Mpp",
    "Scale",
    "ScaleOption",
    "SlideFile",
    "Windowing",
    "check_metric",
    "check_suffix",
    "parse_location",
]


class Layout(StrEnum):
    """How the spots of a grid are packed."""

    HEX = "hex"
    SQUARE = "square"


class Scale(StrEnum):
    """What counts are normalised over."""

    SPOT = "spot"
    GENE = "gene"


class Windowing(StrEnum):
    """How reference spots are grouped when their embeddings are computed."""

    SECTION = "section"
    SEQUENCE32 = "sequence32"
    SECTION32 = "section32"
    SPOT = "spot"


class ColorOrder(StrEnum):
    """Order of the channels that the image encoder was trained on."""

    RGB = "RGB"
    BGR = "BGR"


class Missing(StrEnum):
    """What becomes of genes that a reference section lacks."""

    ERROR = "error"
    ZERO = "zero"


def parse_location(text: str) -> Any:
    """Take a file or folder that exists, or the address of one."""
    from napari_stexp.slide.location import RemotePath, as_location

    place = as_location(text)
    if not isinstance(place, RemotePath) and not place.exists():
        raise typer.BadParameter(f"'{place}' does not exist.")
    return place


SlideFile = Annotated[
    Any,
    typer.Argument(
        metavar="SLIDE",
        parser=parse_location,
        help="Whole-slide image: tiled TIFF, SVS, NDPI, OME-Zarr, MIRAX, DICOM and others, or "
        "JPEG/PNG (converted once). Or an https:// or s3:// address, read by range.",
    ),
]


class BackendChoice(StrEnum):
    """Who reads a slide."""

    AUTO = "auto"
    OWN = "own"
    OPENSLIDE = "openslide"


BackendOption = Annotated[
    BackendChoice,
    typer.Option(
        "--backend",
        help="Who reads the slide: napari-stexp itself, or OpenSlide. (auto: OpenSlide what "
        "napari-stexp doesn't know)",
    ),
]
Counts = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        help="Counts of a HER2ST spot file or of another table of spots, where they are not in "
        "their usual place: a table (.tsv, .csv, .parquet), or 10x Genomics' .h5 or folder.",
    ),
]
BinsOption = Annotated[
    str | None,
    typer.Option(
        "--bins",
        metavar="2|8|16|cells",
        help="Which of a Visium HD run: bins by their width in µm, or the segmented cells. "
        "(default: 8)",
    ),
]
Mpp = Annotated[
    float | None,
    typer.Option(help="The slide's µm per pixel, where its file has none or a wrong one."),
]
Model = Annotated[
    Path,
    typer.Option("--model", "-m", exists=True, dir_okay=False, help="Model bundle."),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel="Computation")
]
K = Annotated[
    int | None,
    typer.Option(
        "--k",
        min=1,
        help="Reference spots per prediction. (default: the model's)",
        rich_help_panel="Retrieval",
    ),
]


def check_metric(metric: str | None) -> str | None:
    """Accept only names of metrics."""
    from napari_stexp.model.metric import METRICS, is_metric

    if metric is not None and not is_metric(metric):
        raise typer.BadParameter(
            f"'{metric}' is none of {', '.join(METRICS)}, where T is 0.001 to 1000."
        )
    return metric


MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="l1|l2|softmax:T",
        callback=check_metric,
        help="Weights of reference spots: 1/d² of a distance (l1, l2), or a softmax of the cosine "
        "similarity divided by T. (default: the model's)",
        rich_help_panel="Retrieval",
    ),
]
ScaleOption = Annotated[
    Scale | None,
    typer.Option(
        "--scale",
        help="Expression scale: per spot, or per gene over each section; the two are not "
        "comparable. (default: the model's)",
        rich_help_panel="Retrieval",
    ),
]
ExcludePatient = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave a patient out of the reference; repeatable.", rich_help_panel="Retrieval"
    ),
]
ExcludeSection = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave a section out of the reference; repeatable.", rich_help_panel="Retrieval"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def check_suffix(*suffixes: str) -> Callable[[Path | None], Path | None]:
    """Return a callback that accepts only files with one of these suffixes."""

    def check(path: Path | None) -> Path | None:
        if path is not None and not path.name.lower().endswith(suffixes):
            raise typer.BadParameter(
                f"'{path.name}' doesn't end in {' or '.join(suffixes)}, which tells the format."
            )
        return path

    return check
