"""The spots while a session has any: their layer, and the tooltip over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.composite import CompositeLegend
from napari_stexp.viewer.frame import world_scale
from napari_stexp.viewer.hover import SpotTooltip
from napari_stexp.viewer.legend_box import LegendBox
from napari_stexp.viewer.spots_layer import SpotsLayer

if TYPE_CHECKING:
    from napari.layers import Layer

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
        self._parked: SpotsLayer | None = None  # heat map or spots, whichever isn't shown
        self._tooltip = SpotTooltip(session, stack.viewer)
        self._composite = CompositeLegend(stack.viewer)
        self._box = LegendBox(stack.viewer, lambda: self.layer)

    @property
    def layer(self) -> Layer | None:
        """The layer, None where there are no spots."""
        return None if self._painter is None else self._painter.layer

    def show(self, found: Layer | None = None, *, activate: bool = True) -> None:
        """Show the session's spots in a new layer, or in one that holds them.

        Parameters
        ----------
        found : napari layer, optional
            A reader's, to be used, or replaced where its kind can't show so many spots.
        activate : bool
            Whether to make it the active layer, which napari's status bar reads out.
        """
        self.remove()
        if self._session.spots is not None:
            painter = SpotsLayer(self._session, found, aside=self._stack.aside)
            self._begin(painter, found, activate=activate)

    def _begin(
        self,
        painter: SpotsLayer,
        found: Layer | None = None,
        at: int | None = None,
        *,
        activate: bool = True,
    ) -> None:
        """Follow a layer from now on, and put it into the viewer if it isn't there."""
        layers = self._stack.viewer.layers
        self._painter, layer = painter, painter.layer
        if found is not None and layer is not found:
            found.name = "Spots"  # the title is free
        self._stack.add(layer, at=at)
        self._stack.aside.later(lambda: self._show_legend(painter))
        layer.events.visible.connect(self._on_layer_edited)
        layer.events.opacity.connect(self._on_layer_edited)
        if activate:
            layers.selection.active = layer
        self._follow()
        if found is not None and layer is not found:
            self._replace(found)

    def _show_legend(self, painter: SpotsLayer) -> None:
        if painter is self._painter:
            painter.show_legend()
            self._box.follow()

    def _replace(self, found: Layer) -> None:
        """Take a reader's layer away as soon as napari has added it, and no sooner."""
        with self._stack.editing():
            found.visible = False
        selection = self._stack.viewer.layers.selection

        def take_away() -> None:
            if selection.active is found:
                selection.events.active.disconnect(take_away)
                self._stack.remove(found)
                selection.active = self.layer

        selection.events.active.connect(take_away)

    def _current(self) -> SpotsLayer | None:
        """Return the painter; a new one where the layer is gone, altered, or can't show it."""
        painter = self._painter
        if self._session.spots is not None and (painter is None or painter.stale):
            if painter is None or painter.altered:
                self.show()
            else:
                self._exchange(painter)
        return self._painter

    def _exchange(self, old: SpotsLayer) -> None:
        """Show a heat map in place of spots, or spots again; the other layer waits, hidden.

        napari takes half a second to remove one layer and to add another, and where one is
        shown, made active and the other one hidden at once, nearly as long as that.
        """
        layers = self._stack.viewer.layers
        active = layers.selection.active is old.layer
        self._disconnect(old)
        new, self._parked = self._parked, old
        with self._stack.editing():
            if new is None or new.stale or new.layer not in layers:
                if new is not None:
                    self._stack.remove(new.layer)
                new = SpotsLayer(self._session, grid=old.grid, aside=self._stack.aside)
            else:
                new.place()
            new.covered = old.covered
            new.waits = not new.layer.visible or new.layer not in layers
            old.layer.name = "Heat map" if old.kind == "heat map" else "Spots"  # the title is free
            new.paint(restyle=True)
            old.layer.events.visible.connect(self._on_parked_shown)
            self._begin(new, at=layers.index(old.layer), activate=False)
        self._stack.aside.later(lambda: self._reveal(new, old, active))

    def _reveal(self, new: SpotsLayer, old: SpotsLayer, active: bool) -> None:
        """Show one, then make it active, then hide the other: each in a turn of its own."""
        later = self._stack.aside.later
        if new is self._painter:
            new.waits = False
            self._restyle(new)
            if active:
                later(lambda: self._activate(new, old))
            later(lambda: later(lambda: self._hide(old)))

    def _activate(self, new: SpotsLayer, old: SpotsLayer) -> None:
        selection = self._stack.viewer.layers.selection
        if new is self._painter and selection.active is old.layer:  # nobody chose meanwhile
            selection.active = new.layer

    def _hide(self, painter: SpotsLayer) -> None:
        if painter is self._parked:
            painter.waits = True
            self._restyle(painter)

    def _restyle(self, painter: SpotsLayer) -> None:
        with self._stack.editing():
            painter.style()

    def _disconnect(self, painter: SpotsLayer) -> None:
        events = painter.layer.events
        for emitter, slot in (
            (events.visible, self._on_layer_edited),
            (events.opacity, self._on_layer_edited),
            (events.visible, self._on_parked_shown),
        ):
            emitter.disconnect(slot)

    def _on_parked_shown(self, _: Any = None) -> None:
        """Take the eye of the hidden one of the two layers for a wish to see that one."""
        if not self._stack.busy and self._parked is not None and self._parked.layer.visible:
            mode = "heat map" if self._parked.kind == "heat map" else "spots"
            self._session.display = replace(self._session.display, mode=mode)

    def paint(self) -> None:
        """Follow the values."""
        before = self._painter
        if (painter := self._current()) is not None:
            if painter is before:
                painter.paint()
            self._composite.follow(self._session)
            self._box.follow()
            self._forget_status()

    def restyle(self) -> None:
        """Follow the display settings, and the values."""
        before = self._painter
        if (painter := self._current()) is not None:
            if painter is before:
                with self._stack.editing():
                    painter.paint(restyle=True)
            self._follow()

    def _forget_status(self) -> None:
        """Don't let the status bar name what was shown before until the mouse moves."""
        viewer = self._stack.viewer
        if viewer.mouse_over_canvas:
            viewer.status = self._tooltip.describe(*viewer.cursor.position[-2:]) or "Ready"
        elif isinstance(viewer.status, dict):  # of a layer
            viewer.status = "Ready"

    def mark_selected(self) -> None:
        """Follow the choice of spots."""
        if self._painter is not None and not self._painter.stale:
            self._painter.mark_selected()

    def cover(self, covered: bool) -> None:
        """Hide the layer while another one shows the spots."""
        if self._painter is not None and self._painter.covered != covered:
            self._painter.covered = covered
            self._restyle(self._painter)

    def place(self) -> None:
        """Follow a new scale of the slide."""
        for painter in (self._painter, self._parked):
            if painter is not None:
                painter.place()
        self._follow()

    def _follow(self) -> None:
        """Let legend, tooltip and status bar follow what is shown."""
        painter = self._painter
        if painter is not None and self._session.spots is not None:
            scale = world_scale(self._session.world_mpp)
            self._tooltip.follow(self._session.spots, painter.reach, scale, painter.grid)
            painter.read_with(self._tooltip.describe)
            self._box.follow()
            self._composite.follow(self._session)

    def _on_layer_edited(self, _: Any = None) -> None:
        """Take opacity and visibility that the user set in napari's layer list."""
        layer = self.layer
        if not self._stack.busy and layer is not None and not self._painter.waits:
            self._session.display = replace(
                self._session.display, opacity=float(layer.opacity), visible=bool(layer.visible)
            )

    def forget(self) -> None:
        """Leave the layer to the viewer, or take note that the user deleted it."""
        if self._painter is not None:
            self._disconnect(self._painter)
        if self._parked is not None:
            self._disconnect(self._parked)
            self._stack.remove(self._parked.layer)
        self._painter = self._parked = None
        self._tooltip.follow(None)
        self._composite.hide()

    def remove(self) -> None:
        """Take the layer away."""
        layer = self.layer
        self.forget()
        self._stack.remove(layer)

    def close(self) -> None:
        """Stop following; the layer stays."""
        self.forget()
        self._box.close()
        self._tooltip.close()
