"""Names and files of what a comparison report is saved as beside the page."""

from __future__ import annotations

import re
import textwrap
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["DPI", "file_name", "save_figure", "unique_name", "write_csv", "write_text"]

#: What is saved prints at so many dots per inch.
DPI = 300
_SOFT = "#566070"


def file_name(*parts: str) -> str:
    """Return a name that every file system takes, without a suffix."""
    words = (re.sub(r"[^\w.+-]+", "_", part).strip("_.") for part in parts)
    return "-".join(word for word in words if word)[:120] or "unnamed"


def unique_name(name: str, taken: set[str]) -> str:
    """Return a name that isn't taken yet (upper and lower case alike), and take it."""
    names = chain([name], (f"{name}-{n}" for n in count(2)))
    found = next(candidate for candidate in names if candidate.casefold() not in taken)
    taken.add(found.casefold())
    return found


def write_csv(table: pd.DataFrame) -> str:
    """Return a table of genes as CSV, with six digits."""
    return str(table.to_csv(float_format="%.6g", lineterminator="\n"))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_figure(figure: Figure, path: Path, note: str, picture_dpi: int = DPI) -> None:
    """Write a figure as ``path``.png (300 dpi) and ``path``.svg, each whole or not at all.

    Parameters
    ----------
    figure : Figure
        What is drawn; the note is added to it.
    path : Path
        Without a suffix.
    note : str
        Where it comes from, in one line: printed below it, and kept in the files.
    picture_dpi : int
        Of the pictures that the SVG holds beside its lines and spots.

    Raises
    ------
    OutputError
        The folder can't be written.
    """
    width, height = figure.get_size_inches()
    text = _break_lines(note, int(width * 26))
    figure.text(
        0.05 / width,
        -0.05 / height,
        text,
        va="top",
        fontsize=5.5,
        color=_SOFT,
        parse_math=False,
    )
    for suffix, dpi in (("png", DPI), ("svg", picture_dpi)):
        metadata: dict[str, str | None] = {"Title": path.name, "Description": note}
        if suffix == "svg":
            metadata["Date"] = None
        with atomic_path(path.with_name(f"{path.name}.{suffix}")) as temporary:
            figure.savefig(
                temporary,
                format=suffix,
                dpi=dpi,
                metadata=metadata,
                bbox_inches="tight",
                pad_inches=0.06,
            )


def _break_lines(text: str, length: int) -> str:
    return "\n".join(textwrap.wrap(text, max(length, 20), break_on_hyphens=False))
