"""The Image layer of the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import image_frame, place
from napari_stexp.viewer.layer_data import SLIDE, slide_to_layer_data

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_stexp.slide import Slide

__all__ = ["holds_slide", "make_slide_layer", "show_again"]


def make_slide_layer(slide: Slide) -> Image:
    """Return a slide's pyramid as a layer."""
    from napari.layers import Image

    levels, attributes, _ = slide_to_layer_data(slide)
    return Image(levels, **attributes)


def holds_slide(layer: Any, slide: Slide) -> bool:
    """Whether a layer shows the same file."""
    return bool(layer.metadata[SLIDE].path == slide.path)


def show_again(layer: Image, slide: Slide) -> None:
    """Show the same file at another scale, or opened anew."""
    levels, attributes, _ = slide_to_layer_data(slide)
    layer.data = levels  # those of the old slide end with it
    layer.metadata = attributes["metadata"]
    place(layer, image_frame(slide))
