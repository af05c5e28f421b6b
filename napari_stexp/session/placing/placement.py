"""Whether spots belong on a slide, and a prediction to its spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction
    from napari_stexp.session.prediction.predictions import Predictions
    from napari_stexp.slide import Slide

__all__ = [
    "ELSEWHERE",
    "barcodes_match",
    "check_belongs",
    "check_placement",
    "is_elsewhere",
    "keep_elsewhere",
    "mark_if_elsewhere",
    "spots_inside",
]

#: In ``uns['stexp']['placement']`` of a prediction whose spots were moved afterwards.
ELSEWHERE = "another placement of the spots"
_MARK = " (other placement)"


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
    if is_elsewhere(adata):
        return
    if not np.allclose(adata.obsm["spatial"], spots.obsm["spatial"], rtol=0, atol=1.0):
        raise PredictionError(
            "the prediction has the same barcodes at other places",
            expected="positions within one pixel of the loaded spots'",
            hint="Load the spots that the prediction was made for.",
        )


def is_elsewhere(adata: Any) -> bool:
    """Tell whether a prediction was made before its spots were laid where they are."""
    return str(adata.uns.get("stexp", {}).get("placement", "")) == ELSEWHERE


def keep_elsewhere(predictions: Predictions) -> dict[str, tuple[str, Prediction]]:
    """Return predictions marked as of another placement of their spots, by their old names.

    Values and positions are shared with those given, which stay as they are.
    """
    kept = {}
    for name in predictions:
        prediction = predictions[name]
        if is_elsewhere(prediction.adata):
            kept[name] = (name, prediction)
        else:
            kept[name] = (f"{name}{_MARK}", _mark(prediction))
    return kept


def mark_if_elsewhere(prediction: Prediction, spots: Any) -> Prediction:
    """Return a prediction, marked where its spots have been aligned since, or otherwise."""
    from napari_stexp.spots.alignment import own_positions

    adata = prediction.adata
    if is_elsewhere(adata) or not barcodes_match(adata, spots):
        return prediction
    places, own = ((np.asarray(f(adata)), np.asarray(f(spots))) for f in (_places, own_positions))
    moved = not np.allclose(*places, rtol=0, atol=1.0)
    return _mark(prediction) if moved and np.allclose(*own, rtol=0, atol=1.0) else prediction


def _places(adata: Any) -> Any:
    return adata.obsm["spatial"]


def _mark(prediction: Prediction) -> Prediction:
    from anndata import AnnData

    from napari_stexp.predict import Prediction

    adata = prediction.adata
    uns = dict(adata.uns)
    uns["stexp"] = dict(uns.get("stexp", {})) | {"placement": ELSEWHERE}
    return Prediction(
        AnnData(adata.X, obs=adata.obs, var=adata.var, obsm=dict(adata.obsm), uns=uns)
    )
