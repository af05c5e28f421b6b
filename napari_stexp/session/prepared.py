"""What can be found of spots before they are shown, off the main thread.

Checking half a million bins, finding their pitch and their totals takes most of a second.
"""

from __future__ import annotations

import weakref
from typing import Any

from napari_stexp.session.genes.measurement import MeasuredExpression

__all__ = ["is_checked", "prepare_spots", "prepared_measurement"]


class _Prepared:
    def __init__(self, spots: Any) -> None:
        self.places = weakref.ref(spots.obsm["spatial"])
        self.measured = MeasuredExpression(spots) if spots.n_vars else None
        self.spots: weakref.ref[Any] = weakref.ref(spots, self._forget)

    def is_of(self, spots: Any) -> bool:
        known = self.spots()
        return known is not None and known is spots and self.places() is known.obsm["spatial"]

    def _forget(self, _gone: Any) -> None:
        if self in _KNOWN:
            _KNOWN.remove(self)


_KNOWN: list[_Prepared] = []


def prepare_spots(spots: Any) -> None:
    """Check spots, and find their pitch and what their counts add up to.

    What was found is kept as long as the spots (AnnData) are, unless they are moved.

    Raises
    ------
    SpotsError
        The table is unusable.
    """
    from napari_stexp.spots import check_spots, estimate_mpp

    check_spots(spots)
    estimate_mpp(spots)  # the pitch is kept
    if not is_checked(spots):
        _KNOWN.append(_Prepared(spots))


def is_checked(spots: Any) -> bool:
    """Whether `prepare_spots` has found nothing wrong with these spots."""
    return any(one.is_of(spots) for one in list(_KNOWN))


def prepared_measurement(spots: Any) -> MeasuredExpression | None:
    """Return the counts of these spots as they are shown, where they are at hand."""
    return next((one.measured for one in list(_KNOWN) if one.is_of(spots)), None)
