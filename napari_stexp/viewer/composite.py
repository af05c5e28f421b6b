"""Up to three genes in one picture: the spots' mixed colours, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_stexp.session.genes.composite import channel_color, composite_colours, mix_channels
from napari_stexp.viewer.coloured_lines import ColouredLines, lighten

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["ENDS", "CompositeLegend", "channel_color", "composite_colours", "mix_channels"]

_DIM = (0.85, 0.85, 0.85, 1.0)
_WIDEST_NAME = 34
#: What the colours mean where no gene is expressed, and where all are.
ENDS = {
    "rgb": "black: none   white: all",
    "cmy": "white: none   black: all",
}


class CompositeLegend:
    """Names the genes of a composite in their colours at the top right of a canvas.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._lines = ColouredLines(viewer, "stexp_composite", "top_right")

    def follow(self, session: Session) -> None:
        """Show what is mixed in a session; nothing where nothing is, or values are hidden."""
        self._lines.show([] if session.hides_values else _describe(session))

    def hide(self) -> None:
        """Take all lines away."""
        self._lines.show([])


def _describe(session: Session) -> list[tuple[str, tuple[float, ...]]]:
    """Return the legend's lines with their colours: title, genes, what the extremes mean."""
    if not session.composite or session.spots is None:
        return []
    mixing = session.composite_style.mixing
    lines: list[tuple[str, tuple[float, ...]]] = []
    for channel, gene in enumerate(session.composite):
        low, high = session.channel_limits(gene)
        name = gene if len(gene) <= _WIDEST_NAME else f"{gene[: _WIDEST_NAME - 1]}…"
        text = f"\N{BLACK CIRCLE} {name}  {low:.2g} to {high:.2g}"
        lines.append((text, lighten(channel_color(mixing, channel))))
    return [(session.source, _DIM), *lines, (ENDS[mixing], _DIM)]
