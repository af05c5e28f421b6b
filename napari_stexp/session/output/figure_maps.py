"""From what a session shows to the maps of a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.genes.scales import find_difference_limit
from napari_stexp.session.shown import ShownValues

if TYPE_CHECKING:
    from napari_stexp.figure import HeatMap, Surface, TissueMap, ValueMap
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
    spots : AnnData or None
        Where averages between spots are shown in place of them.
    """

    values: ShownValues | None
    units: Callable[[str], str]
    source: str
    signatures: frozenset[str]
    spots: Any = None

    @classmethod
    def of(cls, session: Session) -> MapMaker:
        """Take what a session shows."""
        return cls(
            ShownValues.of(session),
            _units_of(session),
            session.source,
            frozenset(session.signatures),
            session.spots if session.display.mode == "heat map" else None,
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
        """Return a gene in every prediction that knows it, with limits as on the screen."""
        found: list[Callable[[], TissueMap]] = []
        for name in session.predictions:
            expression = session.expression_of(name)
            shown = ShownValues.of(session, expression)
            if shown is not None and (gene in expression or gene in session.signatures):
                limits = session.limits_in(name, gene)
                found.append(partial(self._of_model, name, shown, gene, limits))
        return found

    def _of_model(
        self, name: str, shown: ShownValues, gene: str, limits: tuple[float, float]
    ) -> TissueMap:
        return replace(self._map(gene, shown.values(gene), shown, name), limits=limits)

    def of_sides(self, session: Session, gene: str) -> list[Callable[[], TissueMap]]:
        """Return a gene as measured, predicted, and the difference; empty without both."""
        pair = session.paired_values(gene) if gene not in session.signatures else None
        if pair is None:
            return []
        measured, predicted = (session.transform(values, gene) for values in pair)
        limits = session.limits(np.concatenate([measured, predicted]), gene)
        difference = predicted - measured
        most = find_difference_limit(difference, session.display.percentiles[1])
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

    def of_shown(self, session: Session) -> Callable[[], TissueMap]:
        """Take what a single view shows: classes, a composite, or the active gene."""
        classes = self.of_classes(session)
        if classes:
            return classes[0]
        if session.composite:
            return self.mixture(session)
        if session.gene is None or not session.display.visible:
            return self.of_tissue
        return partial(self.of_gene, session.gene)

    def of_classes(self, session: Session) -> list[Callable[[], TissueMap]]:
        """Take the classes where they are shown; empty where not."""
        labels = session.labelling.source
        if not session.labelling.shown or labels is None:
            return []
        shown = _class_map(labels)
        return [lambda: shown]

    def of_mixtures(self, session: Session) -> list[Callable[[], TissueMap]]:
        """Take the composites that are side by side: of the two sources, or of all models."""
        kind = session.views.kind
        names = ("measured", "predicted") if kind == "sides" else tuple(session.predictions)
        return [self.mixture(session, kind, name) for name in names]

    def mixture(
        self, session: Session, kind: str = "single", name: str = ""
    ) -> Callable[[], TissueMap]:
        """Take several genes, each in a colour."""
        from matplotlib.colors import to_hex

        from napari_stexp.session.genes.composite import channel_color, find_mixture

        mixture = find_mixture(session, kind, name)
        entries = []
        for channel, (gene, (low, high)) in enumerate(mixture.limits.items()):
            text = f"{gene}  {low:.2g} to {high:.2g}"
            entries.append((to_hex(channel_color(mixture.mixing, channel)), text))
        title, colours = name or session.value_label, mixture.colours(session.spots.n_obs)
        return partial(self._mix, title, colours, tuple(entries))

    def _mix(
        self, title: str, colours: NDArray[np.float32], entries: tuple[tuple[str, str], ...]
    ) -> TissueMap:
        from napari_stexp.figure import MixMap

        faces = np.where(colours[:, 3:] > 0, colours[:, :3], np.float32(np.nan))
        return MixMap(title, colours=colours, entries=entries, surface=self._surface(faces))

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

    @cached_property
    def heat_map(self) -> HeatMap | None:
        """What averages between spots, None where they themselves are shown."""
        if self.spots is None or not self.spots.n_obs:
            return None
        from napari_stexp.figure import HeatMap
        from napari_stexp.spots import drawn_diameter_px, spot_pitch_px

        pitch = spot_pitch_px(self.spots) or 2 * drawn_diameter_px(self.spots)
        return HeatMap(np.asarray(self.spots.obsm["spatial"], dtype=np.float64), pitch)

    def _surface(self, values: NDArray[np.float32]) -> Surface | None:
        if self.heat_map is None:
            return None
        from napari_stexp.figure import Surface

        averages, cover = self.heat_map.average(values)
        return Surface(averages, cover, self.heat_map.bounds)


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
