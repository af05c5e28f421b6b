"""What the spots show: one gene's values of one kind, with limits, colours and a title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.genes.scales import find_difference_limit
from napari_stexp.viewer.colour import RESIDUAL
from napari_stexp.viewer.composite import composite_colours

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.session.genes.composite import Mixture

__all__ = ["SIDES", "SpotsView", "active_view", "side_view"]

#: What is shown side by side, from left to right.
SIDES = ("measured", "predicted", "residual")


@dataclass(frozen=True)
class SpotsView:
    """Values on N spots, and how they are shown.

    Attributes
    ----------
    values : (N,) float array or None
        NaN where there is no value; None where there are none at all.
    status : (N,) array of str
        'pending' for spots that still wait.
    limits : (float, float)
        Ends of the colour scale.
    colormap : str
        One of `napari_stexp.session.COLORMAPS`, or `RESIDUAL`.
    title : str
        Of the colour bar; empty where nothing is shown.
    threshold : float or None
        Values below it get no colour.
    faces : (N, 4) float array or None
        RGBA, 0 to 1, in place of the values' colours: those of several genes mixed.
    mixture : Mixture or None
        The genes that are mixed.
    """

    values: NDArray[np.float32] | None
    status: NDArray[np.str_]
    limits: tuple[float, float]
    colormap: str
    title: str
    threshold: float | None = None
    faces: NDArray[np.float32] | None = None
    mixture: Mixture | None = None

    @property
    def has_values(self) -> bool:
        """Whether there is a value to be shown, on one scale."""
        return self.values is not None and bool(np.isfinite(self.values).any())


def active_view(session: Session) -> SpotsView:
    """Return what the session shows on its own: the active gene of the shown source.

    Several genes mixed (`Session.composite`) have no one scale: their colours only.
    """
    found = session.status()
    status = np.full(session.spots.n_obs, "pending") if found is None else found
    colormap = session.display.colormap
    if session.composite:
        title = ", ".join(session.composite)
        return SpotsView(
            None, status, (0.0, 1.0), colormap, title, faces=composite_colours(session)
        )
    values = session.shown_values()
    title = f"{session.gene} {session.source}, {session.value_unit}"
    limits = session.limits(values)
    return SpotsView(values, status, limits, colormap, title, session.display.threshold)


def side_view(session: Session, side: str) -> SpotsView:
    """Return one of the three views of the active gene that are shown side by side.

    What was measured and what was predicted have the same limits, found over both; those
    of the residual (predicted minus measured) are symmetric around zero.

    Parameters
    ----------
    session : Session
    side : {'measured', 'predicted', 'residual'}
    """
    gene = session.gene
    pair = None if gene is None else session.paired_values(gene)
    n, prediction = session.spots.n_obs, session.prediction
    if pair is None or prediction is None:
        waiting = np.full(n, "pending")
        return SpotsView(None, waiting, (0.0, 1.0), session.display.colormap, f"no {side} values")
    measured, predicted = (session.transform(values, gene) for values in pair)
    status = np.full(n, "measured") if side == "measured" else prediction.status
    if side == "residual":
        values = predicted - measured
        most = find_difference_limit(values, session.display.percentiles[1])
        title = f"{gene} difference"
        return SpotsView(values, status, (-most, most), RESIDUAL, title)
    limits = session.limits(np.concatenate([measured, predicted]), gene)
    values = measured if side == "measured" else predicted
    display = session.display
    return SpotsView(values, status, limits, display.colormap, f"{gene} {side}", display.threshold)
