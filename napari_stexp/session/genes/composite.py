"""Three genes in one picture: which colours they have, and the ends of their scales."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = [
    "MIXING",
    "CompositeStyle",
    "Mixture",
    "channel_color",
    "composite_colours",
    "find_mixture",
    "mix_channels",
]

#: Names of the channels' colours under each way of mixing, in order.
MIXING: dict[str, tuple[str, str, str]] = {
    "rgb": ("red", "green", "blue"),
    "cmy": ("cyan", "magenta", "yellow"),
}
# Full strength of the three channels; the text of the legend has the same colours.
_CHANNEL_COLORS = {
    "rgb": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "cmy": ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)),
}


@dataclass(frozen=True)
class CompositeStyle:
    """How up to three genes are shown at once.

    Attributes
    ----------
    mixing : {'rgb', 'cmy'}
        Lights that add up: black where none is expressed, white where all are. Or inks
        that cover: white where none is, black where all are; cyan, magenta and yellow
        are told apart by eyes that don't tell red from green.
    limits : dict of (str, str) to (float, float)
        Ends of a gene's scale that were set by hand, under (gene, transform of the
        values); the others follow the percentiles of what is shown.

    Raises
    ------
    ValueError
        No such way of mixing, or limits that don't rise.
    """

    mixing: str = "rgb"
    limits: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mixing not in MIXING:
            raise ValueError(f"colours are mixed as {' or '.join(MIXING)}, not {self.mixing!r}")
        for (gene, _), (low, high) in self.limits.items():
            if not low < high:  # also where one of them isn't a number
                raise ValueError(f"limits must rise: {low} to {high} of {gene}")

    @property
    def color_names(self) -> tuple[str, str, str]:
        """The channels' colours, in words."""
        return MIXING[self.mixing]

    def with_limits(
        self, gene: str, transform: str, limits: tuple[float, float] | None
    ) -> CompositeStyle:
        """Return the style with other limits of a gene; None for its percentiles again."""
        kept = {key: value for key, value in self.limits.items() if key != (gene, transform)}
        if limits is not None:
            kept[gene, transform] = limits
        return replace(self, limits=kept)


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
    return find_mixture(session).colours(session.spots.n_obs)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A composite of one source.

    Attributes
    ----------
    values : dict of str to (N,) float array or None
        What is shown of each gene, in order; None where the source doesn't know it.
    limits : dict of str to (float, float)
        Ends of each gene's scale.
    mixing : {'rgb', 'cmy'}
    """

    values: dict[str, NDArray[np.float32] | None]
    limits: dict[str, tuple[float, float]]
    mixing: str

    def colours(self, n: int) -> NDArray[np.float32]:
        """Return the colours of n spots, (n, 4) RGBA, 0 to 1; clear where no gene has a value."""
        levels = np.full((n, max(len(self.values), 1)), np.nan, np.float32)
        for channel, (gene, values) in enumerate(self.values.items()):
            if values is not None:
                low, high = self.limits[gene]
                levels[:, channel] = (values - low) / (high - low)
        return mix_channels(levels, self.mixing)


def find_mixture(session: Session, kind: str = "single", name: str = "") -> Mixture:
    """Return the composite of what is shown, or of one of what is shown side by side.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    kind : {'single', 'sides', 'models'}
        'single': the shown source; 'sides', 'models': as in `Views`. Sides have the same
        limits, and so have models of one expression scale.
    name : str
        'measured' or 'predicted' of the sides; the prediction of the models.
    """
    values: dict[str, NDArray[np.float32] | None] = {}
    limits: dict[str, tuple[float, float]] = {}
    for gene in session.composite:
        if kind == "sides":
            pair = session.paired_values(gene)
            both = [session.transform(one, gene) for one in pair or ()]
            values[gene] = both[name == "predicted"] if both else None
            limits[gene] = session.channel_limits(gene, both)
        elif kind == "models":
            values[gene] = session.values_in(name, gene)
            limits[gene] = session.channel_limits(gene, session.values_alike(name, gene))
        else:
            values[gene] = session.shown_values(gene)
            limits[gene] = session.channel_limits(gene)
    return Mixture(values, limits, session.composite_style.mixing)
