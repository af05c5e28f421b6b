"""The viewer's list of layers, edited without taking the edits for the user's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from napari_stexp.viewer.aside import Aside, AtOnce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LayerStack"]

AnyLayer = TypeVar("AnyLayer", bound="Layer")


class LayerStack:
    """Adds, removes and moves layers of the plugin's own.

    Parameters
    ----------
    viewer : ViewerModel

    Attributes
    ----------
    busy : bool
        Whether what happens to the layers is the plugin's own doing.
    aside : Aside
        Does what takes long; a window puts one in its place that works in a thread.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.busy = False
        self.aside: Aside = AtOnce()

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Don't take our own edits for the user's."""
        before, self.busy = self.busy, True
        try:
            yield
        finally:
            self.busy = before

    def add(self, layer: AnyLayer, *, at: int | None = None, activate: bool = False) -> AnyLayer:
        """Add a layer, unless it is there already; the active layer stays the active one.

        Parameters
        ----------
        layer : napari layer
        at : int, optional
            Its place; default: on top of all others.
        activate : bool
            Whether to make it the active one.
        """
        layers = self.viewer.layers
        active = layers.selection.active
        with self.editing():
            if layer not in layers:
                layers.insert(len(layers) if at is None else at, layer)
            if activate:
                layers.selection.active = layer
            elif active is not None and active in layers:
                layers.selection.active = active
        return layer

    def remove(self, layer: Layer | None) -> None:
        """Remove a layer if it is there; another active layer stays the active one."""
        layers = self.viewer.layers
        if layer is None or layer not in layers:
            return
        active = layers.selection.active
        with self.editing():
            layers.remove(layer)
            if active is not None and active in layers:
                layers.selection.active = active

    def lower(self, layer: Layer, position: int) -> None:
        """Move a layer down to a place in the list, if it lies above it."""
        layers = self.viewer.layers
        if layers.index(layer) > position:
            with self.editing():
                layers.move(layers.index(layer), position)
