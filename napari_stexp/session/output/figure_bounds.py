"""The rectangle that a figure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import SpotsError

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["Bounds", "find_bounds"]

#: (x0, y0, x1, y1), level-0 px.
Bounds = tuple[float, float, float, float]


def find_bounds(session: Session, bounds: str | Bounds = "spots") -> Bounds:
    """Return the rectangle that a figure shows, level-0 px.

    Parameters
    ----------
    session : Session
    bounds : 'spots', 'slide' or (x0, y0, x1, y1)
        As in `FigureRequest`; what lies outside of slide and spots is cut off.

    Raises
    ------
    SpotsError
        There is neither a slide nor a spot, or the rectangle shows nothing.
    """
    around = _bounds_of_all(session)
    slide = session.slide
    whole = None if slide is None else (0.0, 0.0, float(slide.shape[1]), float(slide.shape[0]))
    if whole is None and around is None:
        raise SpotsError("there is nothing to draw", hint="Open a slide, or load spots.")
    if bounds == "slide" or (bounds == "spots" and around is None):
        return whole or around  # type: ignore[return-value]  # one of the two is there
    limit = _join(whole, around)
    asked: Any = around if bounds == "spots" else bounds
    if bounds == "spots" and whole is not None:
        limit = _join(whole, _bounds_of_spots(session))  # regions may lie far outside
    low = np.maximum(asked[:2], limit[:2])
    high = np.minimum(asked[2:], limit[2:])
    if not (high > low).all():
        raise SpotsError(
            "this rectangle shows nothing",
            expected=f"a part of {tuple(round(side) for side in limit)}",
            found=tuple(round(float(side)) for side in asked),
        )
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _bounds_of_spots(session: Session) -> Bounds | None:
    if session.spots is None or not session.spots.n_obs:
        return None
    from napari_stexp.spots import drawn_diameter_px

    places = np.asarray(session.spots.obsm["spatial"], dtype=np.float64)
    places = places[np.isfinite(places).all(axis=1)]
    margin = 1.5 * drawn_diameter_px(session.spots)
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _bounds_of_all(session: Session) -> Bounds | None:
    from napari_stexp.figure.outlines import bounds_of

    spots, regions = _bounds_of_spots(session), bounds_of(session.regions.items)
    return None if spots is None and regions is None else _join(spots, regions)


def _join(one: Bounds | None, other: Bounds | None) -> Bounds:
    """Return what surrounds both."""
    boxes = np.array([box for box in (one, other) if box is not None])
    x0, y0 = boxes[:, :2].min(axis=0)
    x1, y1 = boxes[:, 2:].max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
