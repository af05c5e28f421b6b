"""Makes one layer of each kind that will be needed, so that the first real ones come at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["warm_up_layers"]


def warm_up_layers() -> Iterator[None]:
    """Import, in any thread, what napari and this room import with their first layers.

    The first outlines take half a second otherwise, the first spots a fifth, in the window's
    own thread. The layers that are made here never come into a viewer.
    """
    import scipy.ndimage
    import scipy.spatial  # noqa: F401

    yield
    from napari.layers import Image, Points, Shapes

    corners = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    yield
    Image([np.zeros((8, 8, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)], rgb=True)
    yield
    Points(corners, features={"spot": ["a", "b", "c"]}, face_color=np.ones((3, 4)))
    yield
    Shapes([corners], shape_type="path", edge_color="red", features={"class": ["a"]})
    yield
    from napari_stexp.viewer.annotation_tiles import RegionTiles
    from napari_stexp.viewer.spots_pictures import HeatPicture  # noqa: F401

    RegionTiles(())
