"""Colours as they are stored, or as the slide's ICC profile means them: in sRGB."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.level import TileLevel
from napari_stexp.slide.levels import Level
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile

__all__ = ["COLOURS", "ColourTransform", "ConvertedLevel", "check_colour", "describe_profile"]

Colours = Literal["stored", "sRGB"]

#: 'stored': the numbers of the file, as the released models saw them. 'sRGB': converted.
COLOURS: tuple[Colours, ...] = ("stored", "sRGB")


def check_colour(colour: str) -> Colours:
    """Return one of `COLOURS`, however its letters are written."""
    for known in COLOURS:
        if colour.lower() == known.lower():
            return known
    raise ValueError(f"colour {colour!r} is none of {', '.join(COLOURS)}")


class ColourTransform:
    """From a slide's profile to sRGB, relative colorimetric, by littlecms.

    Safe to use from many threads.

    Parameters
    ----------
    icc : bytes or None
        The slide's profile.
    path : Path or RemotePath
        Of the slide, for messages.

    Raises
    ------
    SlideError
        There is no profile, it is damaged, or it isn't one of RGB.
    """

    def __init__(self, icc: bytes | None, path: Location) -> None:
        from PIL import ImageCms

        profile = _open_profile(icc, path)
        try:
            self._transform = ImageCms.buildTransform(
                profile,
                ImageCms.createProfile("sRGB"),
                "RGB",
                "RGB",
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
            )
        except (ImageCms.PyCMSError, ValueError, OSError) as error:
            raise _damaged(path, error) from error

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Convert a (h, w, 3) uint8 picture."""
        from PIL import Image, ImageCms

        image = Image.fromarray(np.ascontiguousarray(pixels))
        converted = ImageCms.applyTransform(image, self._transform)
        assert converted is not None  # not in place
        return np.array(converted)


class ConvertedLevel:
    """A level whose tiles are converted as they are decoded.

    Parameters
    ----------
    stored : TileLevel
        Not closed with this one: others may read it.
    transform : ColourTransform
    """

    def __init__(self, stored: TileLevel, transform: ColourTransform) -> None:
        self._stored = stored
        self._transform = transform

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""
        return self._stored.level

    @property
    def path(self) -> Location:
        """The file that it is read from."""
        return self._stored.path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Decode and convert one tile, (th, tw, 3) uint8."""
        return self._transform.apply(self._stored.read(row, col))

    def close(self) -> None:
        """Do nothing: the stored level has an owner of its own."""


def describe_profile(icc: bytes | None) -> str:
    """Return a profile's own name, for people; empty without one, 'damaged' where it is."""
    if not icc:
        return ""
    from PIL import ImageCms

    try:
        profile = _open_profile(icc, Path())
        return str(ImageCms.getProfileDescription(profile)).strip() or "unnamed"
    except (SlideError, ImageCms.PyCMSError, ValueError):
        return "damaged"


def _open_profile(icc: bytes | None, path: Location) -> ImageCmsProfile:
    from PIL import ImageCms

    if not icc:
        raise SlideError(
            "has no ICC profile",
            path=path,
            expected="one to convert its colours by",
            hint="Its stored colours can be used as they are.",
        )
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(icc))
        space = str(profile.profile.xcolor_space).strip()
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if space != "RGB":
        raise SlideError(
            "has an ICC profile of other colours", path=path, expected="RGB", found=space,
            hint="Its stored colours can be used as they are.",
        )  # fmt: skip
    return profile


def _damaged(path: Location, error: Exception) -> SlideError:
    return SlideError(
        "has a damaged ICC profile",
        path=path,
        found=error,
        hint="Its stored colours can be used as they are.",
    )
