"""What spots must satisfy before anything is read or predicted at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots.record import refuse_duplicates, spots_record
from napari_stexp.spots.scale import estimate_mpp

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["check_scale", "check_spots"]

# No slide is larger; farther away is a damaged file, and overflows whole numbers.
_FARTHEST_PX = 1e9


def check_spots(adata: AnnData, shape: tuple[int, int] | None = None) -> None:
    """Raise unless the spots can be used (on an image of the given shape).

    Spots of which only some lie outside the image pass: a prediction marks those.

    Parameters
    ----------
    adata : AnnData
        Spots; ``obsm['spatial']`` is (x, y) in level-0 pixels.
    shape : (int, int), optional
        Height and width of the image, level-0 pixels.

    Raises
    ------
    SpotsError
        No spots; no ``obsm['spatial']`` or not (N, 2); positions that are no finite
        numbers; duplicate barcodes; every spot outside the image.
    """
    path = spots_record(adata).get("source")
    if adata.n_obs == 0:
        raise SpotsError("there are no spots", path=path, expected="at least one")
    if "spatial" not in adata.obsm:
        raise SpotsError(
            "the spots have no positions",
            path=path,
            expected="obsm['spatial'], (x, y) in full-resolution pixels",
            found=f"obsm with {sorted(adata.obsm)}" if len(adata.obsm) else "an empty obsm",
        )
    xy = np.asarray(adata.obsm["spatial"])
    if xy.shape != (adata.n_obs, 2) or xy.dtype.kind not in "iuf":
        raise SpotsError(
            "the spots' positions have the wrong form",
            path=path,
            expected=f"numbers, ({adata.n_obs}, 2)",
            found=f"{xy.dtype} {xy.shape}",
        )
    bad = ~(np.abs(xy.astype(np.float64)) <= _FARTHEST_PX).all(axis=1)  # NaN is not
    if bad.any():
        raise SpotsError(
            f"{bad.sum()} of {adata.n_obs} spots have no position",
            path=path,
            expected="finite x and y, in pixels",
            found=f"spot {adata.obs_names[int(np.argmax(bad))]!r}",
        )
    refuse_duplicates(list(adata.obs_names), "barcodes", path)
    if shape is not None:
        _check_inside(xy, shape, path)


def _check_inside(xy: np.ndarray, shape: tuple[int, int], path: str | None) -> None:
    height, width = shape
    x, y = xy[:, 0], xy[:, 1]
    if not ((x >= 0) & (x < width) & (y >= 0) & (y < height)).any():
        raise SpotsError(
            "all spots lie outside the image",
            path=path,
            expected=f"x in 0 to {width}, y in 0 to {height}",
            found=f"x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to {y.max():.0f}",
            hint="Is this the slide that the spots belong to, at full resolution?",
        )


def check_scale(adata: AnnData, mpp: float | None, tolerance: float = 0.05) -> None:
    """Raise if the spots' pitch contradicts the slide's µm per pixel.

    Passes where either is unknown.

    Parameters
    ----------
    adata : AnnData
        Spots; the pitch in µm is ``uns['stexp_spots']['pitch_um']``.
    mpp : float or None
        The slide's µm per level-0 pixel.
    tolerance : float
        Relative difference that is still accepted.

    Raises
    ------
    ScaleError
        The two differ by more than ``tolerance``.
    """
    from_pitch = estimate_mpp(adata)
    if from_pitch is None or mpp is None:
        return
    difference = from_pitch / mpp - 1
    if abs(difference) > tolerance:
        record = spots_record(adata)
        raise ScaleError(
            "the spots' pitch contradicts the slide's µm per pixel",
            path=record.get("source"),
            expected=f"{mpp:.4g} µm/px, within {tolerance:.0%}",
            found=f"{from_pitch:.4g} µm/px from a pitch of {record['pitch_um']:g} µm "
            f"({difference:+.0%})",
            hint="Set the slide's µm per pixel, or check that spots and slide belong together.",
        )
