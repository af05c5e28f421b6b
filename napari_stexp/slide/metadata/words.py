"""What a maker's own words say, before a file's tags are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from napari_stexp.slide.facts import ScaleClaim

__all__ = ["Words", "parse_xml"]

_MOST_XML = 16 * 2**20  # characters


@dataclass(frozen=True)
class Words:
    """As `SlideFacts`, from one place of the file."""

    format: str
    vendor: str = ""
    claims: tuple[ScaleClaim, ...] = ()
    objective: float | None = None
    scan_date: str = ""
    private: Mapping[str, str] = field(default_factory=dict)


def parse_xml(text: str) -> ElementTree.Element | None:
    """Return the root with tags freed of their namespaces; None for what is no XML.

    A document type is refused: entities can grow without end, and no scanner writes any.
    """
    if len(text) > _MOST_XML or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text.strip().strip("\0"))
    except (ElementTree.ParseError, ValueError):
        return None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]  # schema versions differ in their namespace only
    return root
