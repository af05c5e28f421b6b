"""Pictures beside the tissue: label, overview of the glass, thumbnail.

A label or an overview can identify a patient. They are decoded only when they are
asked for by name, and nothing here shows, logs or keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.progress import Progress
from napari_stexp.slide.location import Location
from napari_stexp.slide.source import parser_input

if TYPE_CHECKING:
    import tifffile

    from napari_stexp.slide.slide import Slide

__all__ = [
    "WARNING",
    "decode_steps",
    "list_tiff_pictures",
    "read_tiff_pictures",
    "write_associated",
]

Picture = Callable[[], NDArray[np.uint8]]

#: Said before any of them is shown or written.
WARNING = (
    "A label or an overview of the glass can show a name, a number or a barcode that identifies "
    "a patient."
)
_MOST_PIXELS = 100_000_000
#: Words of a page's description or series' name, and what is meant.
_WORDS = (
    ("thumbnail", re.compile(r"\bthumbnail\b", re.IGNORECASE)),
    ("label", re.compile(r"(^|[\W_])label", re.IGNORECASE)),
    ("macro", re.compile(r"(^|[\W_])(macro|overview)", re.IGNORECASE)),
)
_NDPI_LENS = {-1.0: "macro", -2.0: "map"}
_NDPI_SOURCE_LENS = 65421


def read_tiff_pictures(path: Location) -> dict[str, Picture]:
    """Return the pictures of a TIFF slide by name; none where they can't be listed."""
    import tifffile

    try:
        with tifffile.TiffFile(parser_input(path), name=path.name) as tif:
            return list_tiff_pictures(tif, path)
    except Exception:  # noqa: BLE001 - damaged files fail in many ways; the tissue may be read
        return {}


def list_tiff_pictures(tif: tifffile.TiffFile, path: Location) -> dict[str, Picture]:
    """Return the pictures of a TIFF slide by name; nothing is decoded.

    Parameters
    ----------
    tif : tifffile.TiffFile
        Open; may be closed afterwards.
    path : Path or RemotePath
        Of the file, to open it again when a picture is asked for.
    """
    found: dict[str, Picture] = {}
    for name, index in _named_pages(tif):
        if name not in found:
            found[name] = _page_reader(path, index, name)
    return found


def _named_pages(tif: tifffile.TiffFile) -> Iterator[tuple[str, int]]:
    """Yield what a page shows, and its number in the file."""
    names = {id(series.keyframe): series.name for series in tif.series if len(tif.series) > 1}
    for index, page in enumerate(tif.pages):
        if not hasattr(page, "tags"):  # a frame of a stack is no picture of its own
            continue
        name = _name_of(tif, page, names.get(id(page), ""))
        if name and page.imagelength * page.imagewidth <= _MOST_PIXELS:
            yield name, index


def _name_of(tif: tifffile.TiffFile, page: tifffile.TiffPage, series: str) -> str:
    if tif.is_ndpi:
        return _NDPI_LENS.get(float(page.tags.valueof(_NDPI_SOURCE_LENS) or 0), "")
    # an Aperio description goes on with words of the scan, which name other things
    first = page.description.strip()[:200].splitlines()[-1:] if tif.is_svs else []
    text = first[0].split("|")[0] if first else page.description[:64]
    if page.is_tiled and page.index == 0:
        return ""
    if tif.is_svs and not page.is_tiled and page.index == 1:
        series = "thumbnail"  # by its place, unless it says what it is
    return next((name for t in (text, series) for name, word in _WORDS if word.search(t)), "")


def _page_reader(path: Location, index: int, name: str) -> Picture:
    def read() -> NDArray[np.uint8]:
        import tifffile

        try:
            with tifffile.TiffFile(parser_input(path), name=path.name) as tif:
                return to_rgb(tif.pages[index].asarray(), path, name)
        except SlideError:
            raise
        except Exception as error:  # damaged files fail in many ways inside the parser
            raise _unreadable(path, name, error) from error

    return read


def to_rgb(pixels: Any, path: Location, name: str) -> NDArray[np.uint8]:
    """Return a picture as (h, w, 3) uint8, or raise where it is no picture."""
    found = np.asarray(pixels)
    if found.ndim == 2:
        found = np.repeat(found[:, :, None], 3, axis=2)
    if found.ndim != 3 or found.shape[2] < 3 or found.dtype != np.uint8:
        raise _unreadable(path, name, f"{found.dtype} {found.shape}")
    return np.ascontiguousarray(found[:, :, :3])


def _unreadable(path: Location, name: str, error: object) -> SlideError:
    return SlideError(f"its {name} image can't be read", path=path, found=error)


def decode_steps(slide: Slide) -> Generator[Progress, None, dict[str, NDArray[np.uint8]]]:
    """Decode all of a slide's pictures; `WARNING` has been read by then."""
    names = slide.associated
    found: dict[str, NDArray[np.uint8]] = {}
    for name in names:
        yield Progress(len(found), len(names), f"reading the {name}")
        found[name] = slide.associated_image(name)
    return found


def write_associated(
    pictures: Mapping[str, Picture], folder: str | Path, stem: str
) -> dict[str, Path]:
    """Write pictures as PNG files ``<stem>_<name>.png``; `WARNING` has been read by then.

    Parameters
    ----------
    pictures : mapping of str to callable
        By name.
    folder : path-like
        Made where it is missing.
    stem : str
        What the files begin with.

    Returns
    -------
    dict of str to Path
        The files by the pictures' names.
    """
    from PIL import Image

    from napari_stexp.files import atomic_path

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, read in pictures.items():
        safe = re.sub(r"[^\w.-]+", "_", name)
        target = folder / f"{stem}_{safe}.png"
        with atomic_path(target) as part:
            Image.fromarray(read()).save(part, format="PNG")
        written[name] = target
    return written
