"""Aperio's description: a line about the codec, then ``key = value`` between bars."""

from __future__ import annotations

from collections.abc import Mapping

from napari_stexp.slide.facts import make_claim, parse_date, parse_number, private_words
from napari_stexp.slide.metadata.words import Words

__all__ = ["read_aperio"]


def read_aperio(description: str) -> Words:
    """Facts of an SVS from the description of its first page."""
    words = _pairs(description)
    return Words(
        "Aperio SVS",
        "Aperio",
        make_claim("Aperio MPP", parse_number(words.get("MPP"))),
        parse_number(words.get("AppMag")),
        parse_date(f"{words.get('Date', '')} {words.get('Time', '')}")
        or parse_date(words.get("Date")),
        private_words(words),
    )


def _pairs(description: str) -> Mapping[str, str]:
    pairs = (part.split("=", 1) for part in description.split("|")[1:] if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}
