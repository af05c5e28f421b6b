"""Choosing regions, or a spot, with a click."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_stexp.viewer.frame import to_level0
from napari_stexp.viewer.region_index import RegionIndex

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["Picking", "SpotPicking", "find_spot"]

_SLIP_SCREEN_PX = 4  # a hand that moves less meant to click


class Picking:
    """Selects the smallest region under a click while the session's tool is 'pick'.

    Shift adds it to the selection, or takes it away. A click beside all regions selects
    none; dragging moves the slide as ever.

    Parameters
    ----------
    session : Session
    viewer : ViewerModel
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self._session = session
        self._viewer = viewer
        self._index = RegionIndex()
        viewer.mouse_drag_callbacks.append(self._pick)

    def _pick(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ARG002 - napari's
        if self._session.regions.tool != "pick" or event.button != 1:
            return
        moved, adds = False, "Shift" in event.modifiers
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if moved:
            return
        regions = self._session.regions
        place = to_level0(event.position, self._session.world_mpp)
        found = self._index.find(regions.items, *place)
        ids = frozenset() if found is None else frozenset([found.id])
        regions.select(regions.selected ^ ids if adds else ids)

    def close(self) -> None:
        """Stop listening."""
        if self._pick in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pick)


class SpotPicking:
    """Lets a click on a spot show its profile while no tool of the session's is in the hand.

    A click beside all spots lets go of the one before; dragging moves the slide as ever. A
    tool of napari's own, in another layer, keeps its clicks.

    Parameters
    ----------
    session : Session
    viewer : ViewerModel
    """

    clicked = Signal(int)  # row of the spot, also when it was in focus before

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self._session = session
        self._viewer = viewer
        viewer.mouse_drag_callbacks.append(self._pick)

    def _pick(self, viewer: Any, event: Any) -> Iterator[None]:
        session, active = self._session, viewer.layers.selection.active
        in_hand = session.regions.tool != "none" or session.aligning.tool != "none"
        busy = in_hand or str(getattr(active, "mode", "")) not in (
            "", "pan_zoom",
        )  # fmt: skip
        if busy or event.button != 1 or event.modifiers or session.spots is None:
            return
        start, farthest = np.array(event.pos, dtype=np.float64), 0.0
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, float(np.abs(np.asarray(event.pos) - start).max()))
            yield
        if farthest <= _SLIP_SCREEN_PX and session.display.visible:
            spot = find_spot(session, *to_level0(event.position, session.world_mpp))
            session.focus_spot(spot)
            if spot is not None:
                self.clicked.emit(spot)

    def close(self) -> None:
        """Stop listening."""
        if self._pick in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pick)


def find_spot(session: Session, x: float, y: float) -> int | None:
    """Return the spot at (x, y), level-0 px; in a heat map the nearest one. None without."""
    from napari_stexp.spots import spot_pitch_px
    from napari_stexp.viewer.spots_layer import spot_size_px

    spots, display = session.spots, session.display
    if spots is None or not spots.n_obs:
        return None
    xy = np.asarray(spots.obsm["spatial"], dtype=np.float64)
    reach = spot_size_px(spots) * display.size_factor
    if display.mode == "heat map":
        reach = max(reach, float(spot_pitch_px(spots) or 0.0))
    distance = np.hypot(xy[:, 0] - x, xy[:, 1] - y)
    nearest = int(distance.argmin())
    return nearest if distance[nearest] <= reach / 2 else None
