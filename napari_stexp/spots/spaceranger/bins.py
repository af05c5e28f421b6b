"""The resolutions of a Visium HD run: square bins of several widths, and segmented cells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from napari_stexp.errors import SpotsError

__all__ = [
    "CELLS",
    "choose_bins",
    "describe_bins",
    "normalise_bins",
    "square_um",
]

#: The choice that means the cells that Space Ranger 4 segments.
CELLS = "cells"
_USUAL = 8  # µm, the bins that 10x Genomics recommends to begin with
_SQUARE = re.compile(r"(?:.*_)?square_(\d{3})um")
_SPELLINGS = re.compile(r"(?:square_)?0*(\d{1,3})\s*(?:um|µm|μm)?", re.IGNORECASE)


def square_um(name: str) -> int | None:
    """Return the width of the bins that a folder of this name holds, µm; None for another."""
    found = _SQUARE.fullmatch(name)
    return int(found[1]) if found else None


def normalise_bins(bins: str | int) -> str:
    """Return the name of a choice of bins: '2', '8', '16' … or 'cells'.

    Parameters
    ----------
    bins : str or int
        Also ``8``, ``'8um'``, ``'008um'``, ``'square_008um'``.

    Raises
    ------
    SpotsError
        Neither a width nor cells.
    """
    text = str(bins).strip()
    if text.lower() in (CELLS, "cell", "segmented"):
        return CELLS
    found = _SPELLINGS.fullmatch(text)
    if found is None or not int(found[1]):
        raise SpotsError(
            "no such bins", expected="a width in µm such as 2, 8 or 16, or 'cells'", found=bins
        )
    return str(int(found[1]))


def describe_bins(bins: str) -> str:
    """Return a choice as it is shown: '8 µm bins' or 'cells'."""
    return CELLS if bins == CELLS else f"{bins} µm bins"


def choose_bins(available: Iterable[str], wanted: str | int | None, path: Path) -> str:
    """Return which bins of a run are read.

    Parameters
    ----------
    available : iterable of str
        Not empty.
    wanted : str or int, optional
        Default: 8 µm; without those the next wider ones, else the widest; else cells.
    path : Path
        The run, for messages.

    Raises
    ------
    SpotsError
        The run hasn't got those that are wanted.
    """
    choices = list(available)
    if wanted is not None:
        name = normalise_bins(wanted)
        if name not in choices:
            raise SpotsError(
                f"the run has no {describe_bins(name)}",
                path=path,
                expected="one of " + ", ".join(choices),
                found=wanted,
            )
        return name
    widths = sorted(int(name) for name in choices if name != CELLS)
    if not widths:
        return CELLS
    return str(next((um for um in widths if um >= _USUAL), widths[-1]))
