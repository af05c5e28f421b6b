"""From what a session shows to the maps of a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.shown import ShownValues

if TYPE_CHECKING:
    from napari_stexp.figure import Surface, TissueMap, ValueMap
    from napari_stexp.session.state import Session

__all__ = ["MapMaker"]

#: Blue below zero, white at zero, red above it.
_DIVERGING = "RdBu_r"


@dataclass(frozen=True, eq=False)
class MapMaker:
    """Makes maps of values that were taken from a session.

    Attributes
    ----------
    values : ShownValues or None
        None where nothing is shown, or values are hidden.
    units : callable
        Takes a gene or signature and returns what its values are.
    source : str
        'predicted' or 'measured'.
    signatures : frozenset of str
        Names that are no genes.
    places : (N, 2) array
        Spots, (x, y) level-0 px: for smooth maps.
    """

    values: ShownValues | None
    units: Callable[[str], str]
    source: str
    signatures: frozenset[str]
    places: NDArray[np.float64]

    @classmethod
    def of(cls, session: Session) -> MapMaker:
        """Take what a session shows."""
        spots = session.spots
        return cls(
            ShownValues.of(session),
            _units_of(session),
            session.source,
            frozenset(session.signatures),
            np.empty((0, 2)) if spots is None else np.array(spots.obsm["spatial"], np.float64),
        )

    def of_tissue(self) -> TissueMap:
        """Return the slide alone."""
        from napari_stexp.figure import TissueMap

        return TissueMap()

    def of_gene(self, gene: str) -> ValueMap:
        """Return one gene or signature on the shown source."""
        assert self.values is not None
        return self._map(gene, self.values.values(gene), self.values, gene)

    def of_models(self, session: Session, gene: str) -> list[Callable[[], TissueMap]]:
        """Return a gene in every prediction that knows it."""
        found: list[Callable[[], TissueMap]] = []
        for name in session.predictions:
            expression = session.expression_of(name)
            shown = ShownValues.of(session, expression)
            if shown is not None and (gene in expression or gene in session.signatures):
                found.append(partial(self._of_model, name, shown, gene))
        return found

    def _of_model(self, name: str, shown: ShownValues, gene: str) -> TissueMap:
        return self._map(gene, shown.values(gene), shown, name)

    def of_sides(self, session: Session, gene: str) -> list[Callable[[], TissueMap]]:
        """Return a gene as measured, predicted, and the difference; empty without both."""
        pair = session.paired_values(gene) if gene not in session.signatures else None
        if pair is None:
            return []
        measured, predicted = (session.transform(values, gene) for values in pair)
        limits = session.limits(np.concatenate([measured, predicted]), gene)
        difference = predicted - measured
        most = _largest(difference, session.display.percentiles[1])
        return [
            partial(self._side, "measured", gene, measured, limits),
            partial(self._side, "predicted", gene, predicted, limits),
            partial(self._difference, gene, difference, most),
        ]

    def _side(
        self, side: str, gene: str, values: NDArray[np.float32], limits: tuple[float, float]
    ) -> TissueMap:
        from napari_stexp.figure import ValueMap

        assert self.values is not None
        display = self.values.display
        return ValueMap(
            side, values=values, limits=limits, colormap=display.colormap,
            label=self.units(gene), threshold=display.threshold, surface=self._surface(values),
        )  # fmt: skip

    def _difference(self, gene: str, values: NDArray[np.float32], most: float) -> TissueMap:
        from napari_stexp.figure import ValueMap

        return ValueMap(
            "predicted \N{MINUS SIGN} measured", values=values, limits=(-most, most),
            colormap=_DIVERGING, label=f"difference, {self.units(gene)}",
            surface=self._surface(values),
        )  # fmt: skip

    def of_shown(self, session: Session) -> TissueMap:
        """Return what a single view shows: a composite, classes, or the active gene."""
        labels = session.labelling.source
        if session.labelling.shown and labels is not None:
            return _class_map(labels)
        if session.composite:
            return _mix_map(session)
        if session.gene is None or not session.display.visible:
            return self.of_tissue()
        return self.of_gene(session.gene)

    def _map(
        self, gene: str, values: NDArray[np.float32], shown: ShownValues, title: str
    ) -> ValueMap:
        from napari_stexp.figure import ValueMap

        display = shown.display
        return ValueMap(
            title,
            title == gene and gene not in self.signatures,
            values=values,
            limits=shown.limits(gene, values),
            colormap=display.colormap,
            label=f"{self.source}, {self.units(gene)}",
            threshold=display.threshold,
            surface=self._surface(values),
        )

    def _surface(self, values: NDArray[np.float32]) -> Surface | None:  # noqa: ARG002
        return None


def _units_of(session: Session) -> Callable[[str], str]:
    """Return what says the unit of a gene's values, now and later."""
    gene, score = session.unit_of(""), ""
    sets = frozenset(session.signatures)
    if sets:
        score = session.unit_of(next(iter(sets)))
    return lambda name: score if name in sets else gene


def _class_map(labels: Any) -> TissueMap:
    from napari_stexp.figure import ClassMap
    from napari_stexp.figure.outlines import hex_of

    colours = {name: hex_of(colour) for name, colour in labels.colours.items()}
    return ClassMap(labels.title, names=labels.values.copy(), colours=colours)


def _mix_map(session: Session) -> TissueMap:
    from matplotlib.colors import to_hex

    from napari_stexp.figure import MixMap
    from napari_stexp.session.composite import channel_color, composite_colours

    mixing = session.composite_style.mixing
    entries = []
    for channel, gene in enumerate(session.composite):
        low, high = session.channel_limits(gene)
        text = f"{gene}  {low:.2g} to {high:.2g}"
        entries.append((to_hex(channel_color(mixing, channel)), text))
    return MixMap(session.value_label, colours=composite_colours(session), entries=tuple(entries))


def _largest(values: NDArray[np.float32], percentile: float) -> float:
    """Return the size of the difference that takes the end of the scale; never zero."""
    size = np.abs(values[np.isfinite(values)]).astype(np.float64)
    if not size.size:
        return 1.0
    return float(np.percentile(size, percentile)) or float(size.max()) or 1.0
