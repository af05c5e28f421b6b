"""Names of figures, and the files that they become."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DPI",
    "add_note",
    "file_name",
    "print_settings",
    "save_figure",
    "unique_name",
    "write_figure",
]

#: What is saved prints at so many dots per inch.
DPI = 300
_SOFT = "#566070"
# TrueType in place of Type 3: what journals ask for, and what drawing programs can edit.
_TRUETYPE = 42
_EFFORT = 4  # of a PNG's compression, up to 9, which takes seconds


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


def print_settings() -> AbstractContextManager[None]:
    """Return matplotlib's settings for print; a PDF's fonts need them until it is closed."""
    from matplotlib import rc_context

    return rc_context({"pdf.fonttype": _TRUETYPE})


def add_note(figure: Figure, note: str) -> None:
    """Print where a figure comes from below it, in small letters."""
    width, height = figure.get_size_inches()
    figure.text(
        0.05 / width,
        -0.05 / height,
        "\n".join(textwrap.wrap(note, max(int(width * 26), 20), break_on_hyphens=False)),
        va="top",
        fontsize=5.5,
        color=_SOFT,
        parse_math=False,
    )


def write_figure(
    figure: Figure,
    file: Any,
    kind: str,
    *,
    title: str = "",
    note: str = "",
    dpi: int = DPI,
) -> None:
    """Draw a figure into a file.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    file : path-like or matplotlib's PdfPages
        Where it is written.
    kind : {'png', 'svg', 'pdf'}
    title, note : str
        Kept in the file; nothing is printed. Pages of a PDF have none of their own.
    dpi : int
        Of the picture, and of the pictures that an SVG or a PDF holds.
    """
    keys = {"pdf": ("Title", "Subject")}.get(kind, ("Title", "Description"))
    metadata: dict[str, Any] = dict(zip(keys, (title, note), strict=True))
    if kind == "svg":
        metadata["Date"] = None
    options: dict[str, Any] = {}
    if kind == "png":
        options["pil_kwargs"] = {"compress_level": _EFFORT}
    with print_settings():
        figure.savefig(
            file,
            format=kind,
            dpi=dpi,
            metadata=metadata if title or note else None,
            bbox_inches="tight",
            pad_inches=0.06,
            **options,
        )


def save_figure(
    figure: Figure,
    path: Path,
    note: str,
    picture_dpi: int = DPI,
    kinds: Sequence[str] = ("png", "svg"),
) -> None:
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
    kinds : sequence of {'png', 'svg', 'pdf'}
        Which files.

    Raises
    ------
    OutputError
        The folder can't be written.
    """
    add_note(figure, note)
    for kind in kinds:
        dpi = DPI if kind == "png" else picture_dpi
        with atomic_path(path.with_name(f"{path.name}.{kind}")) as temporary:
            write_figure(figure, temporary, kind, title=path.name, note=note, dpi=dpi)
