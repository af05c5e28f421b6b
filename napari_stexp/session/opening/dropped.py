"""Files that are dropped together: what each one is, and in which order they are opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_stexp.errors import SpotsError, StexpError
from napari_stexp.session.opening.recognising import recognise
from napari_stexp.session.workspace.file import SUFFIX, WORDS
from napari_stexp.slide.identify import is_slide_folder
from napari_stexp.slide.location import Location, RemotePath, as_location, is_address
from napari_stexp.spots import is_spatialdata

__all__ = ["ORDER", "Dropped", "may_be_ours", "recognise_dropped", "sort_dropped"]

#: What can be opened, in the order in which it is: each goes on what came before.
ORDER = (
    "workspace", "slide", "spots", "counts", "bundle", "prediction", "annotation", "labels",
    "gene sets",
)  # fmt: skip

_KNOWN = "a slide, spots, a prediction, a model, annotations, labels, gene sets or a workspace"
_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_LABELS = ("label", "annotation", "cluster", "class", "region", "pathology")
_OTHERS = {
    "checkpoint": "Import it in the tab Model: it needs its gene list and reference, too.",
    "data set": "It is for training: choose it in the tab Train.",
}
#: Endings of what napari shall not try to read itself while our panels are open.
_ENDS = (
    ".svs", ".tif", ".tiff", ".btf", ".jpg", ".jpeg", ".png", ".ndpi", ".scn", ".h5ad", ".geojson",
    ".h5", ".parquet",
    ".json", ".xml", ".ndpa", ".geojson.gz", ".safetensors", ".gmt", ".zip", ".pt", ".pth",
    SUFFIX, *_TABLES,
)  # fmt: skip


@dataclass(frozen=True)
class Dropped:
    """A file or folder, and what it is.

    Attributes
    ----------
    path : Path or RemotePath
    kind : str
        One of `ORDER`; '' for what can't be opened.
    problem : StexpError or None
        Why it can't.
    found_in : Path or None
        The folder that was dropped, where this is a slide that was found in it.
    """

    path: Location
    kind: str = ""
    problem: StexpError | None = None
    found_in: Path | None = None


def may_be_ours(path: Path) -> bool:
    """Tell at a glance whether something is for us rather than for napari's readers."""
    if is_address(path):
        return True
    if path.is_dir():
        return path.suffix != ".zarr" or is_spatialdata(path) or is_slide_folder(path)
    return path.name.lower().endswith(_ENDS)


def recognise_dropped(path: str | Location) -> Dropped:
    """Tell what a file or folder is, by its content where names don't say."""
    place = as_location(path)
    if isinstance(place, RemotePath):
        return Dropped(place, "slide")
    try:
        kind = _kind_of(place)
    except StexpError as error:
        return Dropped(place, problem=error)
    if kind in ORDER:
        return Dropped(place, kind)
    return Dropped(
        place,
        problem=StexpError(
            "can't be opened by dropping it",
            path=place,
            expected=_KNOWN,
            found=f"a {kind}" if kind in _OTHERS else "something else",
            hint=_OTHERS.get(kind),
        ),
    )


def sort_dropped(paths: Iterable[str | Location]) -> list[Dropped]:
    """Recognise files, and put them in the order in which they have to be opened."""
    found = [recognise_dropped(path) for path in paths]
    if not any(one.kind == "slide" for one in found):
        found += [slide for one in found for slide in _slide_of(one)]
    order = {kind: place for place, kind in enumerate(ORDER)}
    return sorted(found, key=lambda one: order.get(one.kind, len(order)))


def _slide_of(one: Dropped) -> list[Dropped]:
    """Return the slide of a folder that holds one, such as a run of Space Ranger's."""
    from napari_stexp.spots import list_sections

    if one.kind != "spots" or isinstance(one.path, RemotePath) or not one.path.is_dir():
        return []
    try:
        sections = list_sections(one.path)
    except StexpError:  # reading the spots will say it
        return []
    slides = {section.slide for section in sections}
    slide = slides.pop() if len(slides) == 1 else None
    return [] if slide is None else [Dropped(slide, "slide", found_in=one.path)]


def _kind_of(path: Path) -> str:
    if not path.exists():
        raise StexpError("there is no such file", path=path)
    name = path.name.lower()
    if path.is_dir():
        return _kind_of_folder(path)
    if name.endswith(SUFFIX):
        return "workspace"
    if name.endswith(".gmt"):
        return "gene sets"
    if name.endswith(_TABLES):
        return _kind_of_table(path)
    return recognise(path)


def _kind_of_folder(path: Path) -> str:
    if (path / WORDS).is_file():
        return "workspace"
    if is_spatialdata(path):
        return "spots"
    if path.suffix == ".zarr" and not is_slide_folder(path):
        return ""
    return recognise(path)


def _kind_of_table(path: Path) -> str:
    """Tell spot files, counts and labels apart by the names of their columns."""
    from napari_stexp.spots import guess_columns, look_at_table
    from napari_stexp.spots.visium import is_positions_file

    default = "spots" if path.name.lower().endswith((".tsv", ".tsv.gz")) else "labels"
    if is_positions_file(path):
        return "spots"
    try:
        look = look_at_table(path)
    except SpotsError as error:
        if error.what == "the table can't be read":
            raise
        return _kind_of_header(path) or default
    columns = [name.lower() for name in look.names]
    if any(word in column for column in columns[:40] for word in _LABELS):
        return "labels"
    guess = guess_columns(look.names, look.numeric)
    if guess.columns.x or {"pixel_x", "new_x"} & set(columns):
        return "spots"
    return "counts" if len(columns) > 40 else default


def _kind_of_header(path: Path) -> str:
    """Tell what a table without rows would be, '' where nothing shows."""
    from napari_stexp.spots.columns_file import decode_table, read_head

    text = decode_table(read_head(path), path).lower()
    columns = text.split("\n", 1)[0].split("\t" if "\t" in text else ",")
    if any(word in column for column in columns[:40] for word in _LABELS):
        return "labels"
    return "counts" if "\t" in text and len(columns) > 40 else ""
