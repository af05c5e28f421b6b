"""Annotations in XML, parsed without what makes XML dangerous."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AnnotationError

__all__ = ["iterate_elements", "parse_number", "points_of", "root_of"]

_STEP = 64  # bytes of the prolog at a time: none of it runs before it was looked at


def root_of(data: bytes, path: Path) -> str:
    """Return the name of the root element, and refuse a document type before it.

    A document type can define entities: texts that grow without limit when they are
    expanded, or that name other files. No annotation program writes one.

    Raises
    ------
    AnnotationError
        There is one, or no element at all.
    """
    roots: list[str] = []

    def refuse(*_: object) -> None:
        raise AnnotationError(
            "this XML defines a document type, which is not read",
            path=path,
            expected="plain XML, as ImageScope, ASAP and NDP.view write it",
            hint="Remove its <!DOCTYPE …>.",
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: roots.append(name)
    try:
        for start in range(0, len(data), _STEP):
            parser.Parse(data[start : start + _STEP], False)
            if roots:
                return roots[0]
    except (expat.ExpatError, LookupError, ValueError) as error:  # an unknown encoding
        if not roots:
            raise _not_xml(error, path) from error
    if not roots:
        raise _not_xml("no element", path)
    return roots[0]


def iterate_elements(data: bytes, path: Path) -> Iterator[ElementTree.Element]:
    """Yield each element when it is complete, while the file is parsed.

    Call after `root_of`.

    Raises
    ------
    AnnotationError
        The file is no XML, or is cut off.
    """
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(data)):
            yield element
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # an unknown encoding
        raise _not_xml(error, path) from error


def _not_xml(found: object, path: Path) -> AnnotationError:
    return AnnotationError(
        "the annotation is not XML, or is cut off", path=path, expected="XML", found=found
    )


def points_of(
    elements: list[ElementTree.Element], x: str = "X", y: str = "Y"
) -> NDArray[np.float64]:
    """Return the points (n, 2) of elements that have them as attributes.

    Raises
    ------
    ValueError
        One has no number there.
    """
    texts = [one.get(axis) for one in elements for axis in (x, y)]
    try:
        numbers = list(map(float, texts))  # type: ignore[arg-type]  # None is refused below
    except (TypeError, ValueError):
        numbers = [parse_number(text) for text in texts]
    return np.array(numbers, dtype=np.float64).reshape(-1, 2)


def parse_number(text: str | None) -> float:
    """Return the number in a text; some programs write a decimal comma.

    Raises
    ------
    ValueError
        There is none.
    """
    if text is None:
        raise ValueError("a coordinate is missing")
    try:
        return float(text)
    except ValueError:
        return float(text.replace(",", "."))
