"""The spots while a session has any: their layer, and the tooltip over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.hover import SpotTooltip
from napari_stexp.viewer.spots_layer import SpotsLayer

if TYPE_CHECKING:
    from napari.layers import Layer, Points

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["ShownSpots"]


class ShownSpots:
    """Shows a session's spots; takes what the user sets in napari's layer list.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._painter: SpotsLayer | None = None
        self._tooltip = SpotTooltip(session, stack.viewer)

    @property
    def layer(self) -> Points | None:
        """The layer, None where there are no spots."""
        return None if self._painter is None else self._painter.layer

    def show(self, found: Layer | None = None, *, activate: bool = True) -> None:
        """Show the session's spots in a new layer, or in one that holds them.

        Parameters
        ----------
        found : Points, optional
            A reader's, to be used.
        activate : bool
            Whether to make it the active layer, which napari's status bar reads out.
        """
        self.remove()
        if self._session.spots is None:
            return
        self._painter = SpotsLayer(self._session, found)
        layer = self._stack.add(self._painter.layer)
        self._painter.show_legend()
        layer.events.visible.connect(self._on_layer_edited)
        layer.events.opacity.connect(self._on_layer_edited)
        if activate:
            self._stack.viewer.layers.selection.active = layer
        self._follow_with_tooltip()

    def _current(self) -> SpotsLayer | None:
        """Return the painter; a new one where the user deleted or altered the layer."""
        if self._session.spots is not None and (self._painter is None or self._painter.stale):
            self.show()
        return self._painter

    def paint(self) -> None:
        """Follow the values."""
        if (painter := self._current()) is not None:
            painter.paint()

    def restyle(self) -> None:
        """Follow the display settings, and the values."""
        if (painter := self._current()) is not None:
            with self._stack.editing():
                painter.paint(restyle=True)
            self._follow_with_tooltip()

    def mark_selected(self) -> None:
        """Follow the choice of spots."""
        if self._painter is not None and not self._painter.stale:
            self._painter.mark_selected()

    def cover(self, covered: bool) -> None:
        """Hide the layer while another one shows the spots."""
        if self._painter is not None and self._painter.covered != covered:
            self._painter.covered = covered
            with self._stack.editing():
                self._painter.style()

    def place(self) -> None:
        """Follow a new scale of the slide."""
        if self._painter is not None:
            self._painter.place()
            self._follow_with_tooltip()

    def _follow_with_tooltip(self) -> None:
        layer = self.layer
        if layer is not None:
            radius = float(layer.size.max()) / 2
            self._tooltip.follow(self._session.spots, radius=radius, scale=float(layer.scale[-1]))

    def _on_layer_edited(self, _: Any = None) -> None:
        """Take opacity and visibility that the user set in napari's layer list."""
        layer = self.layer
        if not self._stack.busy and layer is not None:
            self._session.display = replace(
                self._session.display, opacity=float(layer.opacity), visible=bool(layer.visible)
            )

    def forget(self) -> None:
        """Leave the layer to the viewer, or take note that the user deleted it."""
        if self._painter is not None:
            events = self._painter.layer.events
            events.visible.disconnect(self._on_layer_edited)
            events.opacity.disconnect(self._on_layer_edited)
        self._painter = None
        self._tooltip.follow(None)

    def remove(self) -> None:
        """Take the layer away."""
        layer = self.layer
        self.forget()
        self._stack.remove(layer)

    def close(self) -> None:
        """Stop following; the layer stays."""
        self.forget()
        self._tooltip.close()
