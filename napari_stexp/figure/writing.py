"""Writing figures: one file, a file for each of several, or a PDF of several pages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import OutputError
from napari_stexp.figure.content import FigureContent
from napari_stexp.figure.own_thread import Report, in_own_thread
from napari_stexp.figure.pages import draw_figure
from napari_stexp.figure.saving import (
    DPI,
    add_note,
    file_name,
    print_settings,
    unique_name,
    write_figure,
)
from napari_stexp.files import atomic_path, check_writable
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KINDS", "check_figure_path", "write_figures"]

#: What figures are written as.
KINDS = ("png", "svg", "pdf")

#: A figure's name, and how it is put together when it is its turn.
Page = tuple[str, Callable[[], FigureContent]]


def check_figure_path(path: str | Path) -> Path:
    """Return where figures are written; raise what would be raised after the work.

    Raises
    ------
    OutputError
        The suffix is none of .png, .svg, .pdf, or the folder can't be written.
    """
    path = Path(path)
    if path.suffix.lower().lstrip(".") not in KINDS:
        raise OutputError(
            "figures are written as PNG, SVG or PDF",
            path=path,
            expected="a name that ends with .png, .svg or .pdf",
            found=path.suffix or "no ending",
        )
    check_writable(path)
    return path


def write_figures(
    pages: Sequence[Page], path: str | Path, note: str, *, dpi: int = DPI
) -> Generator[Progress, None, list[Path]]:
    """Draw and write figures, one after the other.

    Parameters
    ----------
    pages : sequence of (name, function that returns the content)
        A content is put together when it is drawn.
    path : path-like
        ``NAME.png``, ``.svg`` or ``.pdf``. Several pages go into one PDF; as PNG or SVG
        each becomes ``NAME-PAGE.png``.
    note : str
        Where they come from: printed below each, and kept in the files.
    dpi : int
        Of a PNG, and of pictures in an SVG or a PDF.

    Returns
    -------
    list of Path
        What was written. Each file is whole: a PNG or SVG that was finished before the
        task was cancelled stays, a PDF is only there at the end. The task can be closed at
        any time, also while a figure is drawn: that ends by itself soon after, unheard.

    Raises
    ------
    OutputError
        See `check_figure_path`.
    """
    path = check_figure_path(path)
    write = _write_pdf if path.suffix.lower() == ".pdf" else _write_pictures
    return (yield from in_own_thread(lambda report: write(pages, path, note, dpi, report)))


def _write_pictures(
    pages: Sequence[Page], path: Path, note: str, dpi: int, report: Report
) -> list[Path]:
    kind = path.suffix.lower().lstrip(".")
    written, taken = [], set[str]()
    for number, (name, compose) in enumerate(pages):
        report(Progress(number, len(pages), f"drawing {name}"))
        target = path
        if len(pages) > 1:
            stem = unique_name(file_name(path.stem, name), taken)
            target = path.with_name(f"{stem}{path.suffix}")
        figure = _draw(compose, note, report)
        report(Progress(number, len(pages), f"writing {target.name}"))
        with atomic_path(target) as temporary:
            write_figure(figure, temporary, kind, title=name, note=note, dpi=dpi)
            report()
        written.append(target)
    report(Progress(len(pages), len(pages), "done"))
    return written


def _write_pdf(
    pages: Sequence[Page], path: Path, note: str, dpi: int, report: Report
) -> list[Path]:
    from matplotlib.backends.backend_pdf import PdfPages

    with atomic_path(path) as temporary:
        pdf = PdfPages(temporary)
        try:
            facts = pdf.infodict()
            facts["Title"], facts["Subject"] = path.stem, note
            for number, (name, compose) in enumerate(pages):
                report(Progress(number, len(pages), f"drawing {name}"))
                figure = _draw(compose, note, report)
                report(Progress(number, len(pages), f"writing {path.name}"))
                write_figure(figure, pdf, "pdf", dpi=dpi)
        finally:
            with print_settings():
                pdf.close()
        report()
    report(Progress(len(pages), len(pages), "done"))
    return [path]


def _draw(compose: Callable[[], FigureContent], note: str, report: Report) -> Figure:
    """Draw a figure that asks before each of its maps is rendered whether it is still wanted."""
    content = compose()
    report()
    figure = draw_figure(content)
    add_note(figure, note)
    for axes in figure.axes:
        axes.draw = _asking(axes.draw, report)  # type: ignore[method-assign]
    report()
    return figure


def _asking(draw: Callable[..., None], report: Report) -> Callable[..., None]:
    def ask_and_draw(*arguments: Any, **named: Any) -> None:
        report()
        draw(*arguments, **named)

    return ask_and_draw
