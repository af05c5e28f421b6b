"""Three genes in one picture: which colours they have, and the ends of their scales."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

__all__ = ["MIXING", "CompositeStyle"]

#: Names of the channels' colours under each way of mixing, in order.
MIXING: dict[str, tuple[str, str, str]] = {
    "rgb": ("red", "green", "blue"),
    "cmy": ("cyan", "magenta", "yellow"),
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
