"""Facts of the TIFF family: the tags that all have, and who else is to be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_stexp.slide.facts import (
    MPP_RANGE,
    ScaleClaim,
    SlideFacts,
    choose_scale,
    make_claim,
    parse_date,
)
from napari_stexp.slide.metadata.aperio import read_aperio
from napari_stexp.slide.metadata.hamamatsu import read_hamamatsu
from napari_stexp.slide.metadata.ome import read_ome
from napari_stexp.slide.metadata.scanners import read_leica, read_philips, read_ventana
from napari_stexp.slide.metadata.words import Words

if TYPE_CHECKING:
    import tifffile

__all__ = ["read_tiff_facts"]

#: µm per TIFF ResolutionUnit: inch, centimetre.
_TIFF_UNITS = {2: 25400.0, 3: 10000.0}


def read_tiff_facts(tif: tifffile.TiffFile, page: tifffile.TiffPage, *, tiled: bool) -> SlideFacts:
    """Facts of the image whose full-resolution page is ``page``.

    Parameters
    ----------
    tif : tifffile.TiffFile
    page : tifffile.TiffPage
        Of level 0.
    tiled : bool
        Whether its pixels lie in tiles.
    """
    words = _read_words(tif, page) or Words(
        "tiled TIFF" if tiled else "TIFF", vendor=_text(page, 271)
    )
    claims = (*words.claims, *_claims_of_tags(page))
    return SlideFacts(
        words.format,
        words.vendor,
        choose_scale(claims),
        words.objective,
        words.scan_date or parse_date(_text(page, 306)),
        _profile(page),
        claims=claims,
        private=words.private,
    )


def _read_words(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> Words | None:
    """Ask the one who knows this maker's words; None where it is nobody's."""
    size = (page.imagewidth, page.imagelength)
    readers: tuple[tuple[bool, Callable[[], Words]], ...] = (
        (tif.is_svs, lambda: read_aperio(page.description)),
        (tif.is_ndpi, lambda: read_hamamatsu(page)),
        (tif.is_scn, lambda: read_leica(tif.scn_metadata or "", size)),
        (tif.is_philips, lambda: read_philips(tif.philips_metadata or "")),
        (tif.is_bif, lambda: read_ventana(_xmp_of(tif))),
        (tif.is_ome, lambda: read_ome(tif.ome_metadata or "", size)),
    )
    return next((read() for applies, read in readers if applies), None)


def _xmp_of(tif: tifffile.TiffFile) -> str:
    """Return the first XMP packet that knows of a scanner."""
    for page in tif.pages:
        value = page.tags.valueof(700) if hasattr(page, "tags") else None
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        if "<iScan" in text:
            return text
    return ""


def _claims_of_tags(page: tifffile.TiffPage) -> tuple[ScaleClaim, ...]:
    """Return XResolution and YResolution, unless they are a printer's."""
    unit = _TIFF_UNITS.get(int(page.tags.valueof(296, default=2)))
    if unit is None:
        return ()
    scale = []
    for code in (282, 283):  # pixels per unit, as a fraction
        value = page.tags.valueof(code)
        if not isinstance(value, tuple) or len(value) != 2 or not all(value):
            return ()
        scale.append(unit * value[1] / value[0])
    return make_claim("TIFF resolution", *scale) if max(scale) <= MPP_RANGE[1] else ()


def _text(page: tifffile.TiffPage, code: int) -> str:
    value = page.tags.valueof(code)
    return value.strip() if isinstance(value, str) else ""


def _profile(page: tifffile.TiffPage) -> bytes | None:
    value = page.tags.valueof(34675)
    return bytes(value) if isinstance(value, bytes | bytearray) and value else None
