"""Philips TIFF: pictures of the glass inside its XML.

Its levels, which are padded to whole tiles and claim so, tifffile sets right from the
pixel spacings in the same XML.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location

__all__ = ["embedded_pictures"]

_NAMES = {"MACROIMAGE": "macro", "LABELIMAGE": "label"}


def embedded_pictures(xml: str, path: Location) -> dict[str, Callable[[], NDArray[np.uint8]]]:
    """Return what decodes the macro and label pictures that Philips' XML holds as Base64 JPEG."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    found: dict[str, Callable[[], NDArray[np.uint8]]] = {}
    for part in root.iter("DataObject"):
        values = {a.get("Name"): a.text or "" for a in part.findall("Attribute")}
        name = _NAMES.get(values.get("PIM_DP_IMAGE_TYPE", "").strip())
        data = values.get("PIM_DP_IMAGE_DATA", "").strip()
        if name is not None and data:
            found[name] = partial(_decode, data, path)
    return found


def _decode(data: str, path: Location) -> NDArray[np.uint8]:
    import io

    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with JpegImageFile(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB"))
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        raise SlideError(
            "holds a damaged picture of the glass", path=path, expected="a JPEG", found=error
        ) from error
