"""The Image layer of the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import image_frame, place
from napari_stexp.viewer.layer_data import SLIDE, slide_to_layer_data

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_stexp.slide import Slide
    from napari_stexp.viewer.live_slide import LiveSlide

__all__ = ["holds_slide", "make_live", "make_slide_layer", "show_again"]


def make_slide_layer(slide: Slide, live: LiveSlide | None = None) -> Image:
    """Return a slide's pyramid as a layer; with ``live``, its tiles come as they are read."""
    from napari.layers import Image

    levels, attributes, _ = slide_to_layer_data(slide, live)
    layer = Image(levels, **attributes)
    if live is not None:
        live.watch(layer)
    return layer


def holds_slide(layer: Any, slide: Slide) -> bool:
    """Whether a layer shows the same file."""
    return bool(layer.metadata[SLIDE].path == slide.path)


def show_again(layer: Image, slide: Slide, live: LiveSlide | None = None) -> None:
    """Show the same file at another scale, or opened anew."""
    levels, attributes, _ = slide_to_layer_data(slide, live)
    if live is not None:
        live.watch(layer)
    layer.data = levels  # those of the old slide end with it
    layer.metadata = attributes["metadata"]
    place(layer, image_frame(slide))


def make_live(layer: Image, slide: Slide, live: LiveSlide) -> Image:
    """Let the tiles of a reader's layer come as they are read, too."""
    levels = live.levels(slide)
    if levels is not None:
        live.watch(layer)
        layer.data = levels if layer.multiscale else levels[0]
    return layer
