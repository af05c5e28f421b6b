"""Hamamatsu's own TIFF tags (NDPI)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.slide.facts import parse_date, parse_number, private_words
from napari_stexp.slide.metadata.words import Words

if TYPE_CHECKING:
    import tifffile

__all__ = ["read_hamamatsu"]

_SOURCE_LENS, _REFERENCE, _PROPERTIES = 65421, 65427, 65449
_MODEL = 272


def read_hamamatsu(page: tifffile.TiffPage) -> Words:
    """Facts of an NDPI; its scale stands in the TIFF's own resolution.

    Tags as in OpenSlide's reader: 65421 the lens, 65427 the slide's reference (often its
    barcode), 65449 lines of ``key=value``.
    """
    lens = parse_number(page.tags.valueof(_SOURCE_LENS))
    words = _properties(page.tags.valueof(_PROPERTIES))
    private = private_words(words)
    if reference := _words(page.tags.valueof(_REFERENCE)):
        private["Reference"] = reference
    model = _words(page.tags.valueof(_MODEL))
    return Words(
        "Hamamatsu NDPI",
        "Hamamatsu" if not model or "hamamatsu" in model.lower() else f"Hamamatsu {model}",
        objective=lens or None,
        scan_date=parse_date(words.get("Created")),
        private=private,
    )


def _words(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text.strip().strip("\0") if isinstance(text, str) else ""


def _properties(value: Any) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in _words(value).splitlines() if "=" in line)
    return {key.strip(): text.strip() for key, text in pairs}
