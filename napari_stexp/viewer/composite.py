"""Up to three genes in one picture: the spots' mixed colours, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_stexp.session.composite import channel_color, composite_colours, mix_channels

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["CompositeLegend", "channel_color", "composite_colours", "mix_channels"]

_KEY = "stexp_composite_{}"
_DARK = (0.1, 0.1, 0.1, 0.92)
_DIM = (0.85, 0.85, 0.85, 1.0)
_WIDEST_NAME = 34
_ENDS = {
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
        self._viewer = viewer
        self._keys: list[str] = []

    def follow(self, session: Session) -> None:
        """Show what is mixed in a session; nothing where nothing is, or values are hidden."""
        lines = [] if session.hides_values else _describe(session)
        overlays = self._viewer.canvas.overlays
        for number, (text, rgba) in enumerate(lines):
            key = _KEY.format(number)
            if key in self._keys:
                overlays[key].text, overlays[key].color = text, rgba
            else:
                overlays[key] = _make_line(text, rgba)
                self._keys.append(key)
        self._remove_from(len(lines))

    def hide(self) -> None:
        """Take all lines away."""
        self._remove_from(0)

    def _remove_from(self, first: int) -> None:
        for key in self._keys[first:]:
            self._viewer.canvas.overlays.pop(key, None)
        del self._keys[first:]


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
        lines.append((text, _legible(channel_color(mixing, channel))))
    return [(session.source, _DIM), *lines, (_ENDS[mixing], _DIM)]


def _legible(rgb: tuple[float, float, float]) -> tuple[float, ...]:
    """Keep pure blue legible on the dark box."""
    return (*(0.45 + 0.55 * value for value in rgb), 1.0)


def _make_line(text: str, rgba: tuple[float, ...]) -> object:
    from napari.components.overlays import TextOverlay

    return TextOverlay(
        text=text, color=rgba, position="top_right", box=True, box_color=_DARK,
        font_size=11, visible=True,
    )  # fmt: skip
