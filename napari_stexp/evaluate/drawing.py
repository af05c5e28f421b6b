"""How plots are made and embedded: off screen, as PNG.

Only ``Figure`` objects with their own canvas are used: no pyplot, no global state, so
that a report can be written beside a window or in another thread.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAINT",
    "INK",
    "WIDTH",
    "Picture",
    "embed_image",
    "embed_plot",
    "new_figure",
    "shorten",
    "style_axis",
    "wrap",
]

_DPI = 100
_DENSITY = 2  # image pixels per CSS pixel
INK = "#1c2430"
FAINT = "#c9ced6"
WIDTH = 5.4  # inches: 540 CSS px


@dataclass(frozen=True)
class Picture:
    """An embedded image.

    Attributes
    ----------
    source : str
        Data URI.
    width, height : int
        In CSS pixels.
    text : str
        What it shows, for those who don't see it.
    """

    source: str
    width: int
    height: int
    text: str


def embed_image(image: bytes, kind: str) -> str:
    """Return the data URI of an encoded image, ``kind`` being 'png' or 'jpeg'."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def shorten(name: str, length: int = 18) -> str:
    """Cut a name that is too long for its place."""
    return name if len(name) <= length else name[: length - 1] + "…"


def wrap(name: str, width: int = 20) -> str:
    """Break a name between its words into lines of about ``width`` letters."""
    lines: Sequence[str] = [""]
    for word in name.split():
        *done, last = lines
        fits = len(last) + len(word) < width
        lines = [*done, f"{last} {word}".strip()] if fits else [*lines, word]
    return "\n".join(lines)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, with a canvas of its own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def style_axis(axis: Axes, x: str, y: str) -> None:
    """Name the axes, and leave out the frame where no axis is."""
    axis.set_xlabel(x, fontsize=10.5, color=INK)
    axis.set_ylabel(y, fontsize=10.5, color=INK)
    axis.tick_params(labelsize=10, colors=INK)
    axis.spines[["top", "right"]].set_visible(False)


def embed_plot(figure: Figure, text: str, density: float = _DENSITY) -> Picture:
    """Draw a figure as PNG, an inch of it being 100 CSS pixels.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    text : str
        What it shows, for those who don't see it.
    density : float
        Image pixels per CSS pixel; 3.125 prints at 300 dpi.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI * density, pil_kwargs={"compress_level": 1})
    width, height = (round(size * _DPI) for size in figure.get_size_inches())
    return Picture(embed_image(_shrink(buffer.getvalue()), "png"), width, height, text)


def _shrink(png: bytes) -> bytes:
    """Reduce a plot to 256 colours: a third of the bytes, and no difference to the eye."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
    buffer = io.BytesIO()
    reduced.save(buffer, format="png", optimize=True)
    return buffer.getvalue()
