"""What a file says about itself: µm per pixel, objective, vendor, date, colour profile.

Nothing is guessed: a µm/px that is missing or implausible stays unknown, and
the objective's magnification is reported but never turned into a scale.
`napari_stexp.slide.metadata` has one module for each kind of file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = [
    "MPP_RANGE",
    "ScaleClaim",
    "SlideFacts",
    "choose_scale",
    "is_plausible",
    "make_claim",
    "parse_date",
    "parse_number",
    "plausible_pair",
    "private_words",
    "scale_from_dpi",
]

#: µm per pixel that a picture of tissue can have. Print resolutions (72, 96, 300,
#: 600, 1200 dpi: 353 to 21 µm/px) lie outside, so they are never taken for a scale.
MPP_RANGE = (0.05, 20.0)

_UM_PER_INCH = 25400.0
#: Names of what can lead to a patient: never shown unless asked for.
_PRIVATE = re.compile(
    r"patient|barcode|accession|\buser|file ?name|\btitle|\bcase|label|\breference|operator"
    r"|container|slide.?(name|id)|\bpath|specimen|birth|study.?id|physician",
    re.IGNORECASE,
)
_DATES = (
    "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y:%m:%d %H:%M:%S", "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S", "%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S",
)  # fmt: skip
_DAYS = ("%Y-%m-%d", "%Y:%m:%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%y", "%m/%d/%Y")


@dataclass(frozen=True)
class ScaleClaim:
    """One place of a file that says how large its pixels are.

    Attributes
    ----------
    source : str
        Which, for people, e.g. ``'Aperio MPP'``.
    mpp_xy : (float, float)
        µm per level-0 pixel in x and y, as it stands there: maybe implausible.
    """

    source: str
    mpp_xy: tuple[float, float]

    @property
    def mpp(self) -> float:
        """Mean of x and y."""
        return sum(self.mpp_xy) / 2

    @property
    def plausible(self) -> bool:
        """Whether a slide can have such pixels."""
        return all(map(is_plausible, self.mpp_xy))


@dataclass(frozen=True)
class SlideFacts:
    """Facts from a slide's own metadata.

    Attributes
    ----------
    format, vendor : str
        For people, e.g. ``'Aperio SVS'`` and ``'Aperio'``; vendor may be empty.
    mpp_xy : (float, float) or None
        µm per level-0 pixel in x and y; None where unknown.
    objective : float or None
        Nominal magnification, e.g. 20.0.
    scan_date : str
        ISO 8601, as exact as the file has it; empty where unknown.
    icc : bytes or None
        ICC profile of the pixels.
    notes : tuple of str
        What a reader of the file should know, e.g. an implausible scale that was left out.
    claims : tuple of ScaleClaim
        Every place of the file that says a scale, also implausible ones and those that
        ``mpp_xy`` isn't taken from.
    private : mapping of str to str
        What may lead to a patient (barcode, the scanner's file name, a user): never shown,
        logged or saved unless asked for.
    """

    format: str
    vendor: str = ""
    mpp_xy: tuple[float, float] | None = None
    objective: float | None = None
    scan_date: str = ""
    icc: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    claims: tuple[ScaleClaim, ...] = ()
    private: Mapping[str, str] = field(default_factory=dict, repr=False)


def is_plausible(mpp: float) -> bool:
    """Whether a µm/px can be that of a slide (`MPP_RANGE`)."""
    return math.isfinite(mpp) and MPP_RANGE[0] <= mpp <= MPP_RANGE[1]


def plausible_pair(x: float | None, y: float | None) -> tuple[float, float] | None:
    """Return the pair if both can be; a missing one is taken from the other."""
    x, y = (y if x is None else x), (x if y is None else y)
    if x is None or y is None or not (is_plausible(x) and is_plausible(y)):
        return None
    return float(x), float(y)


def make_claim(source: str, x: float | None, y: float | None = None) -> tuple[ScaleClaim, ...]:
    """Return a claim in a tuple; an empty one where there is no positive number."""
    x, y = (y if x is None else x), (x if y is None else y)
    if x is None or y is None or not (0 < x < math.inf and 0 < y < math.inf):
        return ()
    return (ScaleClaim(source, (float(x), float(y))),)


def choose_scale(claims: Iterable[ScaleClaim]) -> tuple[float, float] | None:
    """Return the first plausible claim's scale."""
    return next((claim.mpp_xy for claim in claims if claim.plausible), None)


def scale_from_dpi(dpi: object) -> tuple[float, float] | None:
    """Return µm/px in x and y from PIL's ``info['dpi']``, None where it is no scale."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return plausible_pair(_UM_PER_INCH / x, _UM_PER_INCH / y) if x > 0 and y > 0 else None


def parse_number(text: object) -> float | None:
    """Return the number that a text starts with (some write a comma), None without one."""
    found = re.match(r"\s*\+?(\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?)", str(text or ""))
    return float(found[1].replace(",", ".")) if found else None


def parse_date(text: object) -> str:
    """Return a date, with its time where it has one, as ISO 8601; empty where it is none.

    A month before the day, as Aperio and Ventana write it, is tried before the other order.
    """
    words = str(text or "").strip().strip("\0")
    words = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", re.sub(r"(?<=\d)\.\d+", "", words)).strip()
    for formats, timespec in ((_DATES, "seconds"), (_DAYS, "")):
        for form in formats:
            try:
                found = datetime.strptime(words, form)
            except ValueError:
                continue
            if not 1990 <= found.year <= 2100:
                continue
            return found.isoformat(timespec=timespec) if timespec else found.date().isoformat()
    return ""


def private_words(words: Mapping[str, object]) -> dict[str, str]:
    """Return those of a file's words that may lead to a patient."""
    return {
        str(name): str(value)
        for name, value in words.items()
        if _PRIVATE.search(str(name)) and str(value or "").strip()
    }
