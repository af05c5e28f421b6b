"""Virtual spots for slides without measurement."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots.lattice import Lattice
from napari_stexp.spots.record import assemble_spots

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["check_grid_request", "make_grid"]

_MOST_SPOTS = 10_000_000  # before the mask; more is a pitch in the wrong unit


def make_grid(
    shape: tuple[int, int],
    mpp: float | None,
    *,
    pitch_um: float = 100.0,
    diameter_um: float = 55.0,
    layout: str = "hex",
    mask: NDArray[np.bool_] | None = None,
    mask_downsample: float = 1.0,
) -> AnnData:
    """Lay a grid of spots over a slide, by default Visium's.

    The grid is centred, and every disc lies wholly inside the image. With a mask, the
    spots whose *centre* is tissue are kept: a spot's patch is centred on it.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the slide, level-0 pixels.
    mpp : float
        µm per level-0 pixel.
    pitch_um : float
        Distance between the centres of neighbouring spots, µm.
    diameter_um : float
        Diameter of a spot, µm; at most the pitch.
    layout : {'hex', 'square'}
        ``hex``: rows are pitch·√3/2 apart, odd rows moved by half a pitch, and
        ``array_col`` counts half pitches, as Visium does (row and column are both even
        or both odd). ``square``: rows and columns are one pitch apart.
    mask : bool array (h, w), optional
        Tissue, on a reduced image.
    mask_downsample : float
        Level-0 pixels per mask pixel: mask pixel (i, j) covers level-0
        y in [i·d, (i+1)·d), x in [j·d, (j+1)·d).

    Returns
    -------
    AnnData
        (N, 0), barcodes ``'{array_col}x{array_row}'``, row by row.

    Raises
    ------
    ScaleError
        µm per pixel is unknown or not positive.
    SpotsError
        Sizes that make no grid, a grid of more than ten million spots, no room for
        one spot, or no tissue under any.
    """
    check_grid_request(shape, mpp, pitch_um, diameter_um, layout, mask_downsample)
    assert mpp is not None
    pitch, diameter = pitch_um / mpp, diameter_um / mpp
    array, xy = Lattice.over(shape, pitch, diameter, layout).points()
    if mask is not None:
        inside = _lookup(np.asarray(mask, dtype=bool), xy, mask_downsample)
        array, xy = array[inside], xy[inside]
        if not len(xy):
            raise SpotsError(
                "no spot of the grid lies on tissue",
                expected="at least one centre inside the tissue mask",
                found=f"{np.count_nonzero(mask)} mask pixels of tissue",
                hint="Use a smaller pitch, or predict without the tissue mask.",
            )
    return assemble_spots(
        [f"{col}x{row}" for col, row in array.tolist()],
        xy,
        array=array,
        diameter_px=diameter,
        record={
            "technology": f"virtual grid ({layout})",
            "pitch_um": float(pitch_um),
            "diameter_um": float(diameter_um),
        },
    )


def check_grid_request(
    shape: tuple[int, int],
    mpp: float | None,
    pitch_um: float,
    diameter_um: float,
    layout: str,
    mask_downsample: float,
) -> None:
    """Refuse sizes that make no grid; see `make_grid`."""
    if mpp is None or not (math.isfinite(mpp) and mpp > 0):
        raise ScaleError(
            "a grid in µm needs the slide's µm per pixel",
            expected="a positive number",
            found=mpp,
            hint="Enter it, it is in the scanner's report.",
        )
    if layout not in ("hex", "square"):
        raise SpotsError("unknown grid layout", expected="hex or square", found=layout)
    sizes_ok = math.isfinite(pitch_um) and 0 < diameter_um <= pitch_um
    if not sizes_ok:
        raise SpotsError(
            "the grid's sizes make no sense",
            expected="0 < diameter ≤ pitch, in µm",
            found=f"diameter {diameter_um:g}, pitch {pitch_um:g}",
        )
    if not mask_downsample > 0:
        raise SpotsError("the mask's downsample must be positive", found=mask_downsample)
    extent_um = min(shape) * mpp
    if extent_um < diameter_um:
        raise SpotsError(
            "no spot fits into the image",
            expected=f"at least {diameter_um:g} µm in both directions",
            found=f"{extent_um:.3g} µm",
        )
    n_spots = shape[0] * shape[1] * (mpp / pitch_um) ** 2
    if n_spots > _MOST_SPOTS:
        raise SpotsError(
            "the grid would have too many spots",
            expected=f"at most {_MOST_SPOTS:,}",
            found=f"about {n_spots:,.0f}",
            hint="Use a larger pitch; it is in µm.",
        )


def _lookup(
    mask: NDArray[np.bool_], xy: NDArray[np.float64], downsample: float
) -> NDArray[np.bool_]:
    """Return for each (x, y) whether its mask pixel is set; outside the mask it isn't."""
    col, row = np.floor(xy / downsample).astype(np.int64).T
    height, width = mask.shape
    known = (row >= 0) & (row < height) & (col >= 0) & (col < width)
    inside = np.zeros(len(xy), dtype=bool)
    inside[known] = mask[row[known], col[known]]
    return inside
