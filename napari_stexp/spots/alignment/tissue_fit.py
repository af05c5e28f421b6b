"""How well spots lie on tissue under a transform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.spots.alignment.transform import Transform

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["TissueFit"]

_GRID = 300  # points along the longer side of the array
_MOST_SPOTS = 50_000  # that are looked up; of more, every second, third …
_REACH = 0.75  # pitches; farther from every spot is a gap
_ALIKE = 2.0  # pitches


class TissueFit:
    """The spots' positions, and what they cover, beside a mask of tissue.

    What the spots cover is found once, in their own frame; a transform only looks the mask
    up elsewhere.

    Parameters
    ----------
    xy : (N, 2) array
        Spots in tissue, level-0 px as they lie now.
    mask : (h, w) bool array
    downsample : float
        Level-0 px per pixel of the mask.
    pitch, diameter : float
        Of the spots, px.
    """

    def __init__(
        self,
        xy: NDArray[np.float64],
        mask: NDArray[np.bool_],
        downsample: float,
        pitch: float,
        diameter: float,
    ) -> None:
        from scipy import ndimage

        self.xy = xy
        self._pitch = pitch
        self._some = xy[:: -(-len(xy) // _MOST_SPOTS)]
        self._downsample = downsample
        self._mask = np.asarray(mask, dtype=bool)
        side = max(1, round(diameter / downsample))
        self._share = ndimage.uniform_filter(self._mask.astype(np.float32), side)
        self._grid, self._covered = _cover(xy, pitch)

    @classmethod
    def of(cls, adata: AnnData, mask: NDArray[np.bool_], downsample: float) -> TissueFit:
        """Take what is known of spots: those in tissue, their pitch and diameter."""
        from napari_stexp.spots.scale import drawn_diameter_px, spot_pitch_px

        xy = np.asarray(adata.obsm["spatial"], dtype=np.float64)
        diameter = drawn_diameter_px(adata)
        pitch = spot_pitch_px(adata) or 2 * diameter
        if "in_tissue" in adata.obs:
            inside = adata.obs["in_tissue"].astype(str).isin(["1", "1.0", "True"]).to_numpy()
            if inside.any():
                xy = xy[inside]
        return cls(xy, mask, downsample, float(pitch), float(diameter))

    def score(self, transform: Transform) -> tuple[float, float]:
        """Return the share of spots on tissue, and Jaccard's index of cover and tissue.

        The second looks at the rectangle of the array only: tissue beyond it can't have spots.
        """
        on_tissue = float(self._look_up(self._share, transform(self._some)).mean())
        tissue = self._look_up(self._mask, transform(self._grid))
        either = int((tissue | self._covered).sum())
        both = int((tissue & self._covered).sum())
        return on_tissue, both / either if either else 0.0

    def alike(self, one: Transform, other: Transform) -> bool:
        """Whether two transforms put every spot at about the same place, within two pitches."""
        low, high = self.xy.min(axis=0), self.xy.max(axis=0)
        corners = np.array([low, high, (low[0], high[1])])
        away = np.linalg.norm(one(corners) - other(corners), axis=1)
        return bool(away.max() < _ALIKE * self._pitch)

    def _look_up(self, image: NDArray, xy: NDArray[np.float64]) -> NDArray:
        """Return the image's values at places, 0 beyond it."""
        column, row = np.floor(xy / self._downsample).astype(np.intp).T
        height, width = image.shape
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        found = np.zeros(len(xy), image.dtype)
        found[inside] = image[row[inside], column[inside]]
        return found


def _cover(xy: NDArray[np.float64], pitch: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return points over the array's rectangle, and whether each is near a spot."""
    from scipy.spatial import KDTree

    low, high = xy.min(axis=0) - pitch / 2, xy.max(axis=0) + pitch / 2
    step = max(float((high - low).max()) / _GRID, 1e-6)
    x, y = np.meshgrid(*(np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True)))
    grid = np.column_stack([x.ravel(), y.ravel()])
    distance, _ = KDTree(xy).query(grid, distance_upper_bound=_REACH * pitch)
    return grid, np.isfinite(distance)
