"""Up to three genes in one picture: the spots' mixed colours, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["CompositeLegend", "channel_color", "composite_colours", "mix_channels"]

# Full strength of the three channels; the text of the legend has the same colours.
_CHANNEL_COLORS = {
    "rgb": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "cmy": ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)),
}
_KEY = "stexp_composite_{}"
_DARK = (0.1, 0.1, 0.1, 0.75)
_DIM = (0.85, 0.85, 0.85, 1.0)
_WIDEST_NAME = 34
_ENDS = {
    "rgb": "black: none   white: all",
    "cmy": "white: none   black: all",
}


def channel_color(mixing: str, channel: int) -> tuple[float, float, float]:
    """Return the colour of a channel at full strength, RGB, 0 to 1."""
    return _CHANNEL_COLORS[mixing][channel]


def mix_channels(levels: NDArray[np.float32], mixing: str = "rgb") -> NDArray[np.float32]:
    """Mix the colours of up to three channels.

    Parameters
    ----------
    levels : (N, C) float array
        Strength of each channel, 0 to 1, C at most three; NaN where there is none.
    mixing : {'rgb', 'cmy'}
        As in `napari_stexp.session.CompositeStyle`.

    Returns
    -------
    (N, 4) float32 array
        RGBA, 0 to 1; fully transparent where no channel has a value. A channel without a
        value counts as none where another one has one.
    """
    known = np.isfinite(levels)
    strength = np.zeros((len(levels), 3), np.float32)
    strength[:, : levels.shape[1]] = np.clip(np.where(known, levels, 0), 0, 1)
    colours = np.ones((len(levels), 4), np.float32)
    colours[:, :3] = strength if mixing == "rgb" else 1 - strength
    colours[~known.any(axis=1)] = 0
    return colours


def composite_colours(session: Session) -> NDArray[np.float32]:
    """Return the spots' colours under `Session.composite`, (N, 4) RGBA, 0 to 1.

    Each gene or signature runs from its own low limit to its own high one
    (`Session.channel_limits`). Fully transparent where no gene has a value, and all of
    them while values are hidden; the threshold of a single gene's colours doesn't apply.
    """
    n, genes = session.spots.n_obs, session.composite
    levels = np.full((n, max(len(genes), 1)), np.nan, np.float32)
    for channel, gene in enumerate(genes):
        values = session.shown_values(gene)
        if values is not None:
            low, high = session.channel_limits(gene)
            levels[:, channel] = (values - low) / (high - low)
    return mix_channels(levels, session.composite_style.mixing)


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
    return (*(0.35 + 0.65 * value for value in rgb), 1.0)


def _make_line(text: str, rgba: tuple[float, ...]) -> object:
    from napari.components.overlays import TextOverlay

    return TextOverlay(
        text=text, color=rgba, position="top_right", box=True, box_color=_DARK,
        font_size=11, visible=True,
    )  # fmt: skip
