"""Choosing regions with a click."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import to_level0, world_mpp
from napari_stexp.viewer.region_index import RegionIndex

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["Picking"]


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
        place = to_level0(event.position, world_mpp(self._session))
        found = self._index.find(regions.items, *place)
        ids = frozenset() if found is None else frozenset([found.id])
        regions.select(regions.selected ^ ids if adds else ids)

    def close(self) -> None:
        """Stop listening."""
        if self._pick in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pick)
