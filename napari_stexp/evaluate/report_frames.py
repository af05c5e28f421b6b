"""Where the maps of a section are drawn: a view around its spots, over a cut of its thumbnail."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.drawing import embed_image

if TYPE_CHECKING:
    from napari_stexp.evaluate.results import SectionEvaluation

__all__ = ["Frame", "ScaleBar", "frame_section", "frame_spots", "measure_bar"]

#: Diameter of a drawn spot relative to the distance between spots: larger than life.
_DISC = 0.78
_LONGEST = 1000  # view units along the longer side, at most
_JPEG_QUALITY = 80
#: Lengths of scale bars, µm.
_BARS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


@dataclass(frozen=True)
class Frame:
    """Where a section's maps are drawn.

    Attributes
    ----------
    key : str
        Name of the picture in the document.
    width, height : float
        Of the view, which all coordinates are in.
    points : ndarray (N, 2)
        Spot centres, (x, y).
    diameter : float
        Of a drawn spot.
    source : str
        Data URI of the tissue inside the view; empty where there is no thumbnail.
    bar : ScaleBar, optional
        Where the section's µm per pixel are known.
    origin : (float, float)
        Level-0 pixel (x, y) of the view's upper left corner.
    unit : float
        View units per level-0 pixel.
    """

    key: str
    width: float
    height: float
    points: NDArray[np.float64]
    diameter: float
    source: str = ""
    bar: ScaleBar | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    unit: float = 1.0


@dataclass(frozen=True)
class ScaleBar:
    """A round length: in view units, and as text."""

    length: float
    text: str


def frame_section(section: SectionEvaluation, key: str, longest: int = _LONGEST) -> Frame:
    """Fit a view around a section's spots and cut its thumbnail to it.

    Parameters
    ----------
    section : SectionEvaluation
        Spots, and a thumbnail where there is one.
    key : str
        Name for the picture.
    longest : int
        View units (and pixels of the picture, at most) along the longer side.
    """
    return frame_spots(
        section.centers,
        key,
        thumbnail=section.thumbnail,
        downsample=section.thumbnail_scale,
        mpp=section.mpp,
        longest=longest,
    )


def frame_spots(
    centers: NDArray[np.floating],
    key: str,
    *,
    thumbnail: NDArray[np.uint8] | None = None,
    downsample: float = 1.0,
    mpp: float | None = None,
    longest: int = _LONGEST,
    picture_px: int | None = None,
    around: tuple[float, float, float, float] | None = None,
) -> Frame:
    """Fit a view around spots and cut a thumbnail to it.

    Parameters
    ----------
    centers : ndarray (N, 2)
        Spot centres, (x, y) in level-0 pixels.
    key : str
        Name for the picture.
    thumbnail : ndarray (h, w, 3) uint8, optional
        The whole slide, reduced.
    downsample : float
        Level-0 pixels per pixel of the thumbnail.
    mpp : float, optional
        µm per level-0 pixel.
    longest : int
        View units along the longer side.
    picture_px : int, optional
        Pixels of the picture along the longer side, at most; default ``longest``.
    around : (x0, y0, x1, y1), optional
        What the view must show besides the spots, level-0 pixels.
    """
    places: NDArray[np.float64] = np.asarray(centers, dtype=np.float64)
    pitch = _find_pitch(places)
    low, high = _find_view(places, pitch, around)
    unit = longest / float((high - low).max())  # view units per level-0 px
    width, height = (high - low) * unit
    source = ""
    if thumbnail is not None:
        source = _cut_thumbnail(thumbnail, downsample, low, high, picture_px or longest)
    return Frame(
        key=key,
        width=round(float(width), 1),
        height=round(float(height), 1),
        points=(places - low) * unit,
        diameter=round(float(pitch * unit * _DISC), 2),
        source=source,
        bar=measure_bar(float((high - low)[0]), mpp, unit),
        origin=(float(low[0]), float(low[1])),
        unit=unit,
    )


def _find_view(
    centers: NDArray[np.float64], pitch: float, around: tuple[float, float, float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of the view, level-0 px."""
    finite = centers[np.isfinite(centers).all(axis=1)]
    if around is not None:
        finite = np.vstack([finite - pitch, finite + pitch, np.reshape(around, (2, 2))])
        return finite.min(axis=0), finite.max(axis=0)
    if not len(finite):
        return np.zeros(2), np.ones(2)
    return finite.min(axis=0) - pitch, finite.max(axis=0) + pitch


def measure_bar(width: float, mpp: float | None, unit: float) -> ScaleBar | None:
    """Choose the longest round length within a third of a view ``width`` level-0 px wide.

    Parameters
    ----------
    width : float
        Of the view, level-0 px.
    mpp : float or None
        µm per level-0 pixel; without it there is no bar.
    unit : float
        View units per level-0 pixel.
    """
    lengths = [um for um in _BARS if mpp and um <= width * mpp / 3]
    if not mpp or not lengths:
        return None
    um = lengths[-1]
    text = f"{um // 1000} mm" if um >= 1000 else f"{um} µm"
    return ScaleBar(round(um / mpp * unit, 1), text)


def _find_pitch(centers: NDArray[np.float64]) -> float:
    """Median distance from a spot to the nearest other, level-0 px."""
    from scipy.spatial import KDTree

    centers = np.unique(centers[np.isfinite(centers).all(axis=1)], axis=0)
    if len(centers) < 2:
        return 100.0
    distances, _ = KDTree(centers).query(centers, k=2)
    return float(np.median(distances[:, 1]))


def _cut_thumbnail(
    thumbnail: NDArray[np.uint8],
    scale: float,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    longest: int,
) -> str:
    """Return the thumbnail inside the view as JPEG, white beyond its edges."""
    from PIL import Image

    box = (*(low / scale), *(high / scale))
    size = np.minimum((high - low) / scale, longest * (high - low) / (high - low).max())
    width, height = (max(1, round(float(side))) for side in size)
    whole = Image.fromarray(np.ascontiguousarray(thumbnail))
    x = box[2] - box[0], box[3] - box[1]
    cut = whole.transform(
        (width, height),
        Image.Transform.AFFINE,
        (x[0] / width, 0, box[0], 0, x[1] / height, box[1]),
        resample=Image.Resampling.BILINEAR,
        fillcolor=(255, 255, 255),
    )
    buffer = io.BytesIO()
    cut.save(buffer, format="jpeg", quality=_JPEG_QUALITY, optimize=True)
    return embed_image(buffer.getvalue(), "jpeg")
