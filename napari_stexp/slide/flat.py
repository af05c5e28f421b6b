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
from napari_stexp.slide.pixels import PixelKind, full_scale, over_glass
from napari_stexp.slide.pyramid import Pyramid

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["MAX_FLAT_PIXELS", "FlatImage", "open_flat", "read_flat_facts"]

#: A flat image is decoded as a whole: one with more pixels (3 GB of memory) is refused.
MAX_FLAT_PIXELS = 1_000_000_000
_DEEP = 16  # bits per sample of a PNG that PIL would cut to 8
_STRAIGHT_ALPHA = 2  # ExtraSamples' number for colours that aren't multiplied by alpha


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
        The image is damaged, in no colours that can be converted, or too large.
    """
    if kind == "TIFF":
        facts = parse_tiff(path).facts
        return replace(facts, format=f"{facts.format} (converted)")
    with _open_image(path, kind) as image:
        return SlideFacts(
            f"{kind} (converted)",
            mpp_xy=scale_from_dpi(image.info.get("dpi")),
            icc=image.info.get("icc_profile"),
        )


@contextmanager
def open_flat(path: Path, kind: Kind) -> Iterator[FlatImage]:
    """Decode an image, and give its rows as 8-bit RGB.

    JPEG and PNG are decoded whole, by PIL (PNG of 16 bits by imagecodecs, because PIL cuts
    them to 8); a TIFF strip by strip. Grey, palette and CMYK become RGB, and what is
    transparent lies over white.
    """
    if kind == "TIFF":
        with _open_strips(path, parse_tiff(path)) as flat:
            yield flat
        return
    with _open_image(path, kind) as image:
        if kind == "PNG" and _png_depth(path) == _DEEP:
            yield _deep_png(path)
            return
        try:
            image.load()
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise _damaged(path, kind, error) from error
        see_through = "A" in image.getbands() or "transparency" in image.info
        mode = "RGBA" if see_through else "RGB"

        def read_rows(start: int, stop: int) -> NDArray[np.uint8]:
            rows = np.asarray(image.crop((0, start, image.width, stop)).convert(mode))
            return over_glass(rows) if rows.shape[2] == 4 else rows

        yield FlatImage((image.height, image.width), read_rows)


def _deep_png(path: Path) -> FlatImage:
    """Decode a PNG of 16 bits, scaled by the significant bits that its sBIT chunk records."""
    import imagecodecs

    try:
        pixels = imagecodecs.png_decode(path.read_bytes())
    except Exception as error:  # codecs raise what they like
        raise _damaged(path, "PNG", error) from error
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    full = full_scale(16, significant=_png_significant(path))
    alpha = _STRAIGHT_ALPHA if pixels.shape[2] in (2, 4) else 0
    kind = PixelKind("rgb" if pixels.shape[2] > 2 else "grey", full, alpha=alpha)
    height, width = pixels.shape[:2]
    return FlatImage((height, width), lambda start, stop: kind.to_rgb(pixels[start:stop]))


def _damaged(path: Path, kind: Kind, error: object) -> SlideError:
    return SlideError(f"is a damaged {kind}", path=path, expected="a whole image", found=error)


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
        _check_size((image.height, image.width), path)
        yield image


def _check_size(shape: tuple[int, int], path: Path) -> None:
    if shape[0] * shape[1] > MAX_FLAT_PIXELS:
        raise SlideError(
            "is too large to be converted",
            path=path,
            expected=f"at most {MAX_FLAT_PIXELS / 1e6:,.0f} megapixels",
            found=f"{shape[1]} x {shape[0]} px",
            hint="Save it as a tiled, pyramidal TIFF: those can be of any size.",
        )


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]  # IHDR comes first: signature 8, length 4, name 4, w 4, h 4


def _png_significant(path: Path) -> int | None:
    """Return the number of significant bits that a PNG's sBIT chunk gives for all channels."""
    with path.open("rb") as file:
        at, head = 8, file.read(4096)
    while at + 12 <= len(head):
        length, name = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if name == b"sBIT":
            bits = set(head[at + 8 : at + 8 + length])
            return bits.pop() if len(bits) == 1 else None
        if name in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    return None


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
