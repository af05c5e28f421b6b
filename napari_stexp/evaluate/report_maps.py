"""Maps of spots over tissue, as vector drawings that share one picture of the section.

A section's thumbnail is embedded once and referred to by each of its maps. All spots of
one colour are a single path of dots (lines of no length with round ends), so that a map
costs some ten bytes per spot and stays sharp however far it is enlarged or printed.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.report_figures import embed_image
from napari_stexp.evaluate.report_words import format_number

if TYPE_CHECKING:
    from napari_stexp.evaluate.results import SectionEvaluation

__all__ = [
    "ColourBar",
    "Frame",
    "ScaleBar",
    "SpotMap",
    "draw_classes",
    "draw_values",
    "frame_section",
    "ramp_stops",
    "robust_limits",
]

_COLORMAP = "viridis"
_STEPS = 48
#: Diameter of a drawn spot relative to the distance between spots: larger than life.
_DISC = 0.78
_LONGEST = 1000  # view units along the longer side, at most
_JPEG_QUALITY = 80
#: Lengths of scale bars, µm.
_BARS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
#: Categories that stay apart with any colour vision (Okabe and Ito, then Tol's muted).
CATEGORIES = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#332288",
    "#882255", "#999933", "#44AA99", "#AA4499",
)  # fmt: skip
UNLABELLED = "#b9bec7"


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
    """

    key: str
    width: float
    height: float
    points: NDArray[np.float64]
    diameter: float
    source: str = ""
    bar: ScaleBar | None = None


@dataclass(frozen=True)
class ScaleBar:
    """A round length: in view units, and as text."""

    length: float
    text: str


@dataclass(frozen=True)
class ColourBar:
    """Values at the two ends of the colour map."""

    low: str
    high: str


@dataclass(frozen=True)
class SpotMap:
    """One map.

    Attributes
    ----------
    title : str
        What is shown.
    paths : tuple of (colour, path)
        Filled spots; the path is that of an SVG.
    hollow : str
        Path of the spots without a value.
    bar : ColourBar, optional
        Of a map of values.
    legend : tuple of (colour, name)
        Of a map of categories.
    """

    title: str
    paths: tuple[tuple[str, str], ...]
    hollow: str = ""
    bar: ColourBar | None = None
    legend: tuple[tuple[str, str], ...] = ()


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
    centers = np.asarray(section.centers, dtype=np.float64)
    pitch = _find_pitch(centers)
    finite = centers[np.isfinite(centers).all(axis=1)]
    low, high = (
        (finite.min(axis=0) - pitch, finite.max(axis=0) + pitch)
        if len(finite)
        else (np.zeros(2), np.ones(2))
    )
    unit = longest / float((high - low).max())  # view units per level-0 px
    width, height = (high - low) * unit
    return Frame(
        key=key,
        width=round(float(width), 1),
        height=round(float(height), 1),
        points=(centers - low) * unit,
        diameter=round(float(pitch * unit * _DISC), 2),
        source=_cut_thumbnail(section, low, high, longest),
        bar=_measure(float((high - low)[0]), section.mpp, unit),
    )


def _measure(width: float, mpp: float | None, unit: float) -> ScaleBar | None:
    """Choose the longest round length within a third of a view ``width`` level-0 px wide."""
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
    section: SectionEvaluation, low: NDArray[np.float64], high: NDArray[np.float64], longest: int
) -> str:
    """Return the thumbnail inside the view as JPEG, white beyond its edges."""
    from PIL import Image

    if section.thumbnail is None:
        return ""
    scale = section.thumbnail_scale
    box = (*(low / scale), *(high / scale))
    size = np.minimum((high - low) / scale, longest * (high - low) / (high - low).max())
    width, height = (max(1, round(float(side))) for side in size)
    whole = Image.fromarray(np.ascontiguousarray(section.thumbnail))
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


def robust_limits(*values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the 1st and 99th percentile of all finite values, apart from each other."""
    together = np.concatenate([np.ravel(part) for part in values]).astype(np.float64)
    together = together[np.isfinite(together)]
    if not len(together):
        return 0.0, 1.0
    low, high = np.percentile(together, [1, 99])
    if high - low < 1e-9:
        low, high = float(together.min()), float(together.max())
    return (float(low), float(high)) if high - low >= 1e-9 else (float(low), float(low) + 1.0)


@lru_cache(maxsize=4)
def ramp_stops(steps: int = _STEPS) -> tuple[str, ...]:
    """Colours of the map from low to high, as ``#rrggbb``."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colour) for colour in colormaps[_COLORMAP](np.linspace(0, 1, steps)))


def draw_values(
    frame: Frame, values: NDArray[np.floating], limits: tuple[float, float], title: str
) -> SpotMap:
    """Draw one value per spot; values beyond the limits take the colour of the nearer end."""
    low, high = limits
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    place = (np.where(known, values, low) - low) / (high - low)
    step = np.clip(np.round(place * (_STEPS - 1)), 0, _STEPS - 1).astype(int)
    stops = ramp_stops()
    paths = tuple(
        (stops[at], _dots(frame.points[known & (step == at)])) for at in np.unique(step[known])
    )
    bar = ColourBar(format_number(low, 2), format_number(high, 2))
    return SpotMap(title, paths, _dots(frame.points[~known]), bar)


def draw_classes(
    frame: Frame, names: Iterable[Any], colours: dict[str, str], title: str
) -> SpotMap:
    """Draw one category per spot; an empty name is a spot without one.

    Parameters
    ----------
    frame : Frame
        Where.
    names : N text
        Category of each spot.
    colours : dict
        Category -> colour, in the order of the legend.
    title : str
        What is shown.
    """
    table = np.array([str(name) for name in names], dtype=object)
    paths, legend = [], []
    for name, colour in colours.items():
        chosen = table == name
        if chosen.any():
            paths.append((colour, _dots(frame.points[chosen])))
            legend.append((colour, name))
    hollow = _dots(frame.points[~np.isin(table, list(colours))])
    return SpotMap(title, tuple(paths), hollow, legend=tuple(legend))


def _dots(points: NDArray[np.float64]) -> str:
    points = points[np.isfinite(points).all(axis=1)]
    return "".join(f"M{x:.5g} {y:.5g}h0" for x, y in points)
