"""Images without tiles (JPEG, PNG, striped TIFF) as rows of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.facts import SlideFacts, scale_from_dpi
from napari_stexp.slide.formats.tiff.structure import TiffStructure, parse_tiff
from napari_stexp.slide.identify import Kind
from napari_stexp.slide.pixels import over_glass
from napari_stexp.slide.pyramid import Pyramid

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["MAX_FLAT_PIXELS", "FlatImage", "open_flat", "read_flat_facts"]

#: A flat image is decoded as a whole: one with more pixels (3 GB of memory) is refused.
MAX_FLAT_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class FlatImage:
    """A decoded image.

    Attributes
    ----------
    shape : (int, int)
        Height and width.
    read_rows : callable
        ``read_rows(start, stop)`` gives a (stop - start, width, 3) uint8 array.
    """

    shape: tuple[int, int]
    read_rows: Callable[[int, int], NDArray[np.uint8]]


def read_flat_facts(path: Path, kind: Kind) -> SlideFacts:
    """Facts from the image's header, without decoding it.

    Raises
    ------
    SlideError
        The image is damaged, no 8-bit RGB, or too large.
    """
    if kind == "TIFF":
        facts = parse_tiff(path).facts
        return replace(facts, format=f"{facts.format} (converted)")
    with _open_image(path, kind) as image:
        return SlideFacts(f"{kind} (converted)", mpp_xy=scale_from_dpi(image.info.get("dpi")))


@contextmanager
def open_flat(path: Path, kind: Kind) -> Iterator[FlatImage]:
    """Decode an image, and give its rows.

    JPEG and PNG are decoded whole, by PIL; a TIFF strip by strip.
    """
    if kind == "TIFF":
        with _open_strips(path, parse_tiff(path)) as flat:
            yield flat
        return
    with _open_image(path, kind) as image:
        try:
            image.load()
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise SlideError(
                f"is a damaged {kind}", path=path, expected="a whole image", found=error
            ) from error

        def read_rows(start: int, stop: int) -> NDArray[np.uint8]:
            rows = np.asarray(image.crop((0, start, image.width, stop)))
            return over_glass(rows) if rows.shape[2] == 4 else rows

        yield FlatImage((image.height, image.width), read_rows)


@contextmanager
def _open_image(path: Path, kind: Kind) -> Iterator[ImageFile]:
    """Read a header with PIL, and check what it says.

    The decoders are called by name, because ``Image.open`` warns about every
    image over 89 Mpx (which HER2ST's are) unless a global of PIL is changed
    for the whole process; `MAX_FLAT_PIXELS` is the limit here.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    try:
        image = JpegImageFile(path) if kind == "JPEG" else PngImageFile(path)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise SlideError(
            f"is a damaged {kind}", path=path, expected="a readable header", found=error
        ) from error
    with image:
        _check_image(image, path, kind)
        yield image


def _check_image(image: ImageFile, path: Path, kind: Kind) -> None:
    _check_size((image.height, image.width), path)
    found = None
    if image.mode not in ("RGB", "RGBA"):
        names = {"L": "grey", "LA": "grey with alpha", "P": "a palette", "1": "black and white"}
        found = names.get(image.mode, image.mode)
    elif kind == "PNG" and _png_bit_depth(path) != 8:
        found = f"{_png_bit_depth(path)}-bit {image.mode}"  # PIL would cut it to 8 bit in silence
    if found is not None:
        raise SlideError("is no H&E image", path=path, expected="8-bit RGB", found=found)


def _check_size(shape: tuple[int, int], path: Path) -> None:
    if shape[0] * shape[1] > MAX_FLAT_PIXELS:
        raise SlideError(
            "is too large to be converted",
            path=path,
            expected=f"at most {MAX_FLAT_PIXELS / 1e6:,.0f} megapixels",
            found=f"{shape[1]} x {shape[0]} px",
            hint="Save it as a tiled, pyramidal TIFF: those can be of any size.",
        )


def _png_bit_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]  # IHDR comes first: signature 8, length 4, name 4, w 4, h 4


@contextmanager
def _open_strips(path: Path, structure: TiffStructure) -> Iterator[FlatImage]:
    """Rows of a striped TIFF: a strip is a tile as wide as the image."""
    level = structure.levels[0].level
    height, width = level.shape
    if level.tile[0] * width > MAX_FLAT_PIXELS:
        _check_size((level.tile[0], width), path)
    band = 2 * level.tile[0] * width * 3
    pyramid = Pyramid(structure.open(), TileCache(band))
    try:
        yield FlatImage(
            (height, width),
            lambda start, stop: pyramid.read_region(0, start, width, stop - start),
        )
    finally:
        pyramid.release()
