"""Files that are dropped together: what each one is, and in which order they are opened."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_stexp.errors import StexpError
from napari_stexp.session.recognising import recognise
from napari_stexp.session.workspace_file import SUFFIX, WORDS

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
    path : Path
    kind : str
        One of `ORDER`; '' for what can't be opened.
    problem : StexpError or None
        Why it can't.
    found_in : Path or None
        The folder that was dropped, where this is a slide that was found in it.
    """

    path: Path
    kind: str = ""
    problem: StexpError | None = None
    found_in: Path | None = None


def may_be_ours(path: Path) -> bool:
    """Tell by the name alone whether something is for us rather than for napari's readers."""
    if path.is_dir():
        return path.suffix != ".zarr"
    return path.name.lower().endswith(_ENDS)


def recognise_dropped(path: str | Path) -> Dropped:
    """Tell what a file or folder is, by its content where names don't say."""
    path = Path(path)
    try:
        kind = _kind_of(path)
    except StexpError as error:
        return Dropped(path, problem=error)
    if kind in ORDER:
        return Dropped(path, kind)
    return Dropped(
        path,
        problem=StexpError(
            "can't be opened by dropping it",
            path=path,
            expected=_KNOWN,
            found=f"a {kind}" if kind in _OTHERS else "something else",
            hint=_OTHERS.get(kind),
        ),
    )


def sort_dropped(paths: Iterable[str | Path]) -> list[Dropped]:
    """Recognise files, and put them in the order in which they have to be opened."""
    found = [recognise_dropped(path) for path in paths]
    if not any(one.kind == "slide" for one in found):
        found += [slide for one in found for slide in _slide_of(one)]
    order = {kind: place for place, kind in enumerate(ORDER)}
    return sorted(found, key=lambda one: order.get(one.kind, len(order)))


def _slide_of(one: Dropped) -> list[Dropped]:
    """Return the slide of a folder that holds one section, such as a run of Space Ranger's."""
    from napari_stexp.spots import list_sections

    if one.kind != "spots" or not one.path.is_dir():
        return []
    try:
        sections = list_sections(one.path)
    except StexpError:  # reading the spots will say it
        return []
    slide = sections[0].slide if len(sections) == 1 else None
    return [] if slide is None else [Dropped(slide, "slide", found_in=one.path)]


def _kind_of(path: Path) -> str:
    if not path.exists():
        raise StexpError("there is no such file", path=path)
    name = path.name.lower()
    if path.is_dir():
        if (path / WORDS).is_file():
            return "workspace"
        return "" if path.suffix == ".zarr" else recognise(path)
    if name.endswith(SUFFIX):
        return "workspace"
    if name.endswith(".gmt"):
        return "gene sets"
    if name.endswith(_TABLES):
        return _kind_of_table(path)
    return recognise(path)


def _kind_of_table(path: Path) -> str:
    """Tell spot files, counts and labels apart by the names of their columns."""
    from napari_stexp.spots.visium import is_positions_file

    if is_positions_file(path):
        return "spots"
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            head = file.read(1 << 16)
    except (OSError, EOFError) as error:
        raise StexpError("the file can't be read", path=path, found=error) from error
    line = head.splitlines()[0] if head.strip() else b""
    text = line.decode("utf-8", errors="replace").lower()
    columns = [part.strip().strip('"') for part in text.split("\t" if "\t" in text else ",")]
    if any(word in column for column in columns[:40] for word in _LABELS):
        return "labels"
    if {"pixel_x", "new_x"} & set(columns):
        return "spots"
    if "\t" in text and len(columns) > 40:
        return "counts"
    return "spots" if path.name.lower().endswith((".tsv", ".tsv.gz")) else "labels"
