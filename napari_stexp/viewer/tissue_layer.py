"""The tissue mask over the slide: a Labels layer that is painted with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.viewer.drawn import attempt
from napari_stexp.viewer.frame import layer_frame, place

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["COLOR", "TissueView"]

#: Green against pink and violet, and none of the classes' colours.
COLOR = (0.0, 0.75, 0.55, 1.0)
_NAME = "Tissue"
_MODES = {
    "none": "pan_zoom", "paint": "paint", "erase": "erase", "drop": "fill", "fill": "fill",
}  # fmt: skip
_WORDS = {
    "paint": "Paint tissue", "erase": "Erase tissue", "drop": "Leave out a piece of tissue",
    "fill": "Fill a hole in the tissue",
}  # fmt: skip


class TissueView:
    """Follows the session's tissue; what is painted goes into the session stroke by stroke.

    While a tool is in hand the layer is the active one, and another active layer puts the
    tool down.

    Parameters
    ----------
    session : Session
    stack : LayerStack

    Attributes
    ----------
    layer : Labels or None
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._viewer = stack.viewer
        self._before: Any = None
        self._brush_um = 0.0
        self.layer: Labels | None = None
        tissue = session.tissue
        self._connections = [
            (tissue.changed, self.follow),
            (tissue.shown_changed, self.follow),
            (tissue.tool_changed, self._on_tool),
            (session.slide_changed, self.follow),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self.follow()

    def follow(self, _: Any = None) -> None:
        """Show the present mask, or none."""
        tissue = self._session.tissue
        mask = tissue.mask
        if mask is None or not tissue.shown or self._session.slide is None:
            layer, self.layer = self.layer, None
            self._stack.remove(layer)
            return
        pixels = mask.pixels.view(np.uint8)
        frame = self._frame(mask.downsample)
        with self._stack.editing():
            if self.layer is not None and self.layer.data.shape == pixels.shape:
                if not np.array_equal(self.layer.data, pixels):
                    self.layer.data = pixels
                place(self.layer, frame)
                return
            old, self.layer = self.layer, None
            self._stack.remove(old)
        self.layer = self._make_layer(pixels, frame)
        self._stack.add(self.layer, at=min(1, len(self._viewer.layers)))
        self._on_tool(tissue.tool)

    def _frame(self, downsample: float) -> dict[str, Any]:
        """Return the place of the mask: a pixel's centre is half a pixel from its corner."""
        frame = layer_frame(self._session.world_mpp)
        scale = frame["scale"][0] * downsample
        return {**frame, "scale": (scale, scale), "translate": (scale / 2, scale / 2)}

    def _make_layer(self, pixels: Any, frame: dict[str, Any]) -> Labels:
        from napari.layers import Labels
        from napari.utils.colormaps import DirectLabelColormap

        colors: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0), 1: COLOR}
        layer = Labels(
            pixels,
            name=_NAME,
            opacity=0.35,
            colormap=DirectLabelColormap(color_dict=colors),
            **frame,
        )
        layer.events.paint.connect(self._on_paint)
        layer.bind_key("Control-Z", lambda _: attempt(self._session.undoing.undo), overwrite=True)
        layer.bind_key(
            "Control-Shift-Z", lambda _: attempt(self._session.undoing.redo), overwrite=True
        )
        layer.bind_key(
            "Escape", lambda _: setattr(self._session.tissue, "tool", "none"), overwrite=True
        )
        if self._brush_um:
            self._set_brush(layer)
        return layer

    # ---- tools ---------------------------------------------------------------------------

    @property
    def brush_um(self) -> float:
        """Diameter of brush and eraser, µm (level-0 px where the scale is unknown)."""
        if self.layer is None:
            return self._brush_um
        return float(self.layer.brush_size * self.layer.scale[0])

    @brush_um.setter
    def brush_um(self, size: float) -> None:
        self._brush_um = size
        if self.layer is not None:
            self._set_brush(self.layer)

    def _set_brush(self, layer: Labels) -> None:
        layer.brush_size = max(1, round(self._brush_um / float(layer.scale[0])))

    def _on_tool(self, tool: str) -> None:
        layers, layer = self._viewer.layers, self.layer
        if layer is None:
            return
        if tool == "none":
            layer.mode = "pan_zoom"
            if self._before in layers and layers.selection.active in (None, layer):
                with self._stack.editing():
                    layers.selection.active = self._before
            return
        self._session.regions.tool = "none"
        self._session.aligning.tool = "none"
        if layers.selection.active is not layer:
            self._before = layers.selection.active
        with self._stack.editing():
            layers.selection.active = layer
            layer.selected_label = 0 if tool == "drop" else 1
            layer.mode = _MODES[tool]

    def _on_paint(self, _: Any) -> None:
        """Take a stroke into the session; undo brings back what was there before."""
        tissue = self._session.tissue
        if self.layer is None or tissue.mask is None:
            return
        words = _WORDS.get(tissue.tool, "Edit the tissue")
        attempt(lambda: tissue.edit(np.asarray(self.layer.data), words))  # type: ignore[union-attr]

    def _on_active(self, event: Any) -> None:
        if not self._stack.busy and event.value is not self.layer:
            self._session.tissue.tool = "none"

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            if not self._stack.busy:
                self._session.tissue.shown = False

    def close(self) -> None:
        """Stop following, and take the layer away."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        layer, self.layer = self.layer, None
        self._stack.remove(layer)
