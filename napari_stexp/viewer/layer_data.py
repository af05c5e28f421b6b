"""Layers as napari's (data, attributes, type) tuples, for readers and sample data.

Each carries its source in ``metadata``, so that a viewer with open panels takes the slide,
spots, prediction or regions into its session (see `LayerAdapter`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import image_frame
from napari_stexp.viewer.native import keep_triton_to_itself

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.slide import Slide
    from napari_stexp.viewer.live_slide import LiveSlide

__all__ = [
    "PREDICTION",
    "REGIONS",
    "SLIDE",
    "SPOTS",
    "put_into_session",
    "regions_to_layer_data",
    "slide_to_layer_data",
    "spots_to_layer_data",
]

LayerData = tuple[Any, dict[str, Any], str]

# Keys of a layer's metadata.
SLIDE = "stexp_slide"  # Slide
SPOTS = "stexp_spots"  # AnnData
PREDICTION = "stexp_prediction"  # AnnData or None
REGIONS = "stexp_regions"  # list of Region


def slide_to_layer_data(slide: Slide, live: LiveSlide | None = None) -> LayerData:
    """Return a slide's pyramid as an image; with ``live``, its tiles come as they are read."""
    keep_triton_to_itself()  # a console may import torch with no panel open
    levels: Any = None if live is None else live.levels(slide)
    if levels is None:
        levels = slide.dask_levels()
    multiscale = len(levels) > 1
    attributes = {
        "multiscale": multiscale,
        "rgb": True,
        # The slide has a byte-limited tile cache of its own below dask.
        "cache": False,
        "name": slide.name,
        "metadata": {SLIDE: slide},
        **image_frame(slide),
    }
    return (levels if multiscale else levels[0], attributes, "image")


def spots_to_layer_data(
    spots: Any, prediction: Any = None, slide: Slide | None = None
) -> LayerData:
    """Return spots as points, coloured by the gene that a session would show first.

    Parameters
    ----------
    spots : AnnData or None
        The spots; None with a prediction, which has its own.
    prediction : AnnData, optional
        A finished prediction of them.
    slide : Slide, optional
        Gives the scale.
    """
    from napari_stexp.session import Session
    from napari_stexp.viewer.spots_layer import SpotsLayer

    keep_triton_to_itself()
    session = Session()
    if slide is not None:
        session.set_slide(slide)
    if spots is not None:
        session.set_spots(spots)
    if prediction is not None:
        session.show_prediction(prediction)
    return SpotsLayer(session).layer.as_layer_data_tuple()


def regions_to_layer_data(regions: Sequence[Any], slide: Slide | None) -> LayerData:
    """Return a pathologist's regions as outlines, or as an image where there are many."""
    from napari_stexp.viewer.regions_layer import make_regions_layer

    mpp, extent = (None, (1, 1)) if slide is None else (slide.mpp, slide.shape)
    return make_regions_layer(regions, mpp, extent).as_layer_data_tuple()


def put_into_session(session: Session, holds: Mapping[str, Any]) -> None:
    """Give a session the slide, spots, prediction or regions that a layer holds.

    Parameters
    ----------
    session : Session
    holds : mapping
        The layer's metadata.

    Raises
    ------
    StexpError
        They don't fit what the session has; nothing has changed.
    """
    if SLIDE in holds and session.slide is not holds[SLIDE]:
        session.set_slide(holds[SLIDE])
    elif REGIONS in holds and session.annotations is not holds[REGIONS]:
        session.set_annotations(holds[REGIONS])
    elif SPOTS in holds and session.spots is not holds[SPOTS]:
        session.set_spots(holds[SPOTS])
        if holds.get(PREDICTION) is not None:
            session.show_prediction(holds[PREDICTION])
