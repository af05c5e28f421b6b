"""Whether spots belong on a slide, and a prediction to its spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["barcodes_match", "check_belongs", "check_placement", "spots_inside"]


def spots_inside(spots: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return for each spot whether its centre lies on an image.

    Parameters
    ----------
    spots : AnnData
        ``obsm['spatial']`` (N, 2), (x, y) in level-0 pixels.
    shape : (int, int)
        Level-0 (height, width).
    """
    xy = np.asarray(spots.obsm["spatial"], dtype=np.float64)
    height, width = shape
    x, y = xy[:, 0], xy[:, 1]
    return np.asarray((x >= 0) & (x < width) & (y >= 0) & (y < height), dtype=np.bool_)


def check_placement(spots: Any, slide: Slide | None) -> list[str]:
    """Check spots, against the slide where there is one.

    Returns
    -------
    list of str
        What the user should know though it is no error.

    Raises
    ------
    SpotsError
        The table is unusable, or all spots lie outside the slide.
    ScaleError
        The spots' pitch contradicts the slide's µm/px.
    """
    from napari_stexp.session.prepared import is_checked
    from napari_stexp.spots import check_scale, check_spots

    fits = slide is None or spots_inside(spots, slide.shape).any()
    if not (fits and is_checked(spots)):
        check_spots(spots, None if slide is None else slide.shape)
    if slide is None:
        return []
    if slide.mpp is not None:
        check_scale(spots, slide.mpp, settled={one.key for one in slide.settled})
    outside = int((~spots_inside(spots, slide.shape)).sum())
    if not outside:
        return []
    verb = "lies" if outside == 1 else "lie"
    return [
        f"{outside} of {spots.n_obs} spots {verb} outside {slide.name}; "
        "they are kept, but get no prediction."
    ]


def barcodes_match(first: Any, second: Any) -> bool:
    """Tell whether two AnnData hold the same spots in the same order."""
    return first.n_obs == second.n_obs and bool(np.all(first.obs_names == second.obs_names))


def check_belongs(adata: Any, spots: Any) -> None:
    """Check that a prediction (AnnData) is one of these spots.

    Raises
    ------
    PredictionError
        Other spots, or the same barcodes at other places.
    """
    if spots is None:
        raise PredictionError(
            "the prediction has no spots to lie on", hint="Load the spots, or make a grid, first."
        )
    if not barcodes_match(adata, spots):
        shared = len(set(adata.obs_names) & set(spots.obs_names))
        raise PredictionError(
            "the prediction belongs to other spots",
            expected=f"the {spots.n_obs} spots that are loaded, in their order",
            found=f"{adata.n_obs} spots, {shared} of them with a loaded barcode",
            hint="Load the spots that the prediction was made for.",
        )
    if not np.allclose(adata.obsm["spatial"], spots.obsm["spatial"], rtol=0, atol=1.0):
        raise PredictionError(
            "the prediction has the same barcodes at other places",
            expected="positions within one pixel of the loaded spots'",
            hint="Load the spots that the prediction was made for.",
        )
