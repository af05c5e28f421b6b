"""Writing figures: one file, a file for each of several, or a PDF of several pages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from napari_stexp.errors import OutputError
from napari_stexp.figure.content import FigureContent
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
        task was cancelled stays, a PDF is only there at the end.

    Raises
    ------
    OutputError
        See `check_figure_path`.
    """
    path = check_figure_path(path)
    if path.suffix.lower() == ".pdf":
        return (yield from _write_pdf(pages, path, note, dpi))
    kind = path.suffix.lower().lstrip(".")
    written, taken = [], set[str]()
    for number, (name, compose) in enumerate(pages):
        yield Progress(number, len(pages), f"drawing {name}")
        target = path
        if len(pages) > 1:
            stem = unique_name(file_name(path.stem, name), taken)
            target = path.with_name(f"{stem}{path.suffix}")
        figure = draw_figure(compose())
        add_note(figure, note)
        yield Progress(number, len(pages), f"writing {target.name}")
        with atomic_path(target) as temporary:
            write_figure(figure, temporary, kind, title=name, note=note, dpi=dpi)
        written.append(target)
    yield Progress(len(pages), len(pages), "done")
    return written


def _write_pdf(
    pages: Sequence[Page], path: Path, note: str, dpi: int
) -> Generator[Progress, None, list[Path]]:
    from matplotlib.backends.backend_pdf import PdfPages

    with atomic_path(path) as temporary:
        pdf = PdfPages(temporary)
        try:
            facts = pdf.infodict()
            facts["Title"], facts["Subject"] = path.stem, note
            for number, (name, compose) in enumerate(pages):
                yield Progress(number, len(pages), f"drawing {name}")
                figure = draw_figure(compose())
                add_note(figure, note)
                yield Progress(number, len(pages), f"writing {path.name}")
                write_figure(figure, pdf, "pdf", dpi=dpi)
        finally:
            with print_settings():
                pdf.close()
    yield Progress(len(pages), len(pages), "done")
    return [path]
