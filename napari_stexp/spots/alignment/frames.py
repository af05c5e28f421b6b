"""Which image the positions of spots belong to, and how large it is beside the slide.

Space Ranger and scanpy keep reduced images in ``uns['spatial'][library]['images']`` ('hires',
'lowres') with the factors from full-resolution to their pixels beside them. Positions should be
full-resolution pixels; in files from the wild they may be those of any image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AlignmentError
from napari_stexp.spots.alignment.transform import Transform
from napari_stexp.spots.record import spots_record
from napari_stexp.spots.scale import spot_pitch_px

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["FULL", "ImageFrame", "find_frame", "list_frames", "own_image", "scale_between"]

FULL = "full resolution"
_SAME_SHAPE = 0.01  # difference in aspect ratio, or of a size, that rounding explains
_SAME_SCALE = 0.12  # of a pitch: spots jitter, and a reduced image is rounded
_PITCH_PER_DIAMETER = 100 / 55  # Visium's, where no pitch is known


@dataclass(frozen=True)
class ImageFrame:
    """An image that the positions may be pixels of.

    Attributes
    ----------
    name : str
        'full resolution', or the name in ``images`` and scale factors: 'hires', 'lowres'.
    factor : float
        Pixels of it per pixel of the full-resolution image.
    shape : (int, int) or None
        Its (height, width), where the image is there.
    """

    name: str
    factor: float
    shape: tuple[int, int] | None = None


def list_frames(adata: AnnData) -> list[ImageFrame]:
    """Return the images that a table of spots has scale factors of, full resolution first.

    Its ``tissue_<name>_scalef`` of the first library in ``uns['spatial']``.
    """
    library = _library(adata)
    factors, images = _part(library, "scalefactors"), _part(library, "images")
    frames = [ImageFrame(FULL, 1.0)]
    for key in sorted(factors):
        name = str(key).removeprefix("tissue_").removesuffix("_scalef")
        factor = _positive(factors[key])
        if str(key) == f"tissue_{name}_scalef" and factor is not None:
            shape = np.shape(images.get(name, ()))
            frames.append(ImageFrame(name, factor, shape[:2] if len(shape) > 1 else None))
    return frames


def own_image(adata: AnnData) -> tuple[NDArray[np.uint8], ImageFrame] | None:
    """Return the largest image that a table of spots brought with it, (h, w, 3) uint8.

    Images with values from 0 to 1 are scaled to 0 to 255; a fourth channel is left out.
    """
    images = _part(_library(adata, original=True), "images")
    found = [
        (np.asarray(image), str(name)) for name, image in images.items() if np.ndim(image) in (2, 3)
    ]
    if not found:
        return None
    image, name = max(found, key=lambda one: one[0].shape[0] * one[0].shape[1])
    known = {frame.name: frame for frame in _original_frames(adata)}
    frame = known.get(name, ImageFrame(name, float("nan"), (image.shape[0], image.shape[1])))
    return _as_rgb(image), frame


def scale_between(positions: ImageFrame, slide: ImageFrame) -> Transform:
    """Return the transform from pixels of one image to those of another of the same section."""
    return Transform.scaling(slide.factor / positions.factor)


def find_frame(
    adata: AnnData, shape: tuple[int, int], mpp: float | None = None
) -> tuple[ImageFrame, ImageFrame] | None:
    """Find which image the positions are pixels of, and which one the slide is.

    The slide's: by its size, where the images are there; else it is full resolution. The
    positions': by the spots' pitch, against the slide's µm/px where both are known, else
    against ``spot_diameter_fullres``; then the positions must lie within the image.

    Parameters
    ----------
    adata : AnnData
    shape : (int, int)
        Level-0 (height, width) of the slide.
    mpp : float, optional
        The slide's µm per pixel.

    Returns
    -------
    (ImageFrame, ImageFrame) or None
        Positions' and slide's; None where nothing tells, or no scale factor fits.
    """
    frames = list_frames(adata)
    pitch = spot_pitch_px(adata)
    if len(frames) < 2 or not pitch:
        return None
    slide = next((f for f in frames if f.shape and _alike(f.shape, shape)), frames[0])
    expected = _expected_pitch(adata, slide, mpp)  # at full resolution, px
    if expected is None:
        return None
    away = [abs(np.log(pitch / (expected * frame.factor))) for frame in frames]
    best = int(np.argmin(away))
    reach = np.asarray(adata.obsm["spatial"]).max(axis=0) * slide.factor / frames[best].factor
    if away[best] > 3 * _SAME_SCALE or (reach > 1.05 * np.array(shape[::-1])).any():
        return None
    return frames[best], slide


def find_scale(own: tuple[int, int], slide: tuple[int, int]) -> Transform:
    """Return the transform between two images of the same content at different sizes.

    Parameters
    ----------
    own, slide : (int, int)
        (height, width) of the spots' own image, and of the slide.

    Raises
    ------
    AlignmentError
        They aren't of the same shape, so that one can't be the other, made smaller.
    """
    rows, columns = slide[0] / own[0], slide[1] / own[1]
    if abs(rows / columns - 1) > _SAME_SHAPE + 1 / min(own):
        raise AlignmentError(
            "the spots' own image isn't the slide at another size",
            expected=f"the proportions of {slide[1]} x {slide[0]} px",
            found=f"{own[1]} x {own[0]} px",
            hint="It may be cropped or turned: set pairs of points instead.",
        )
    return Transform.of(np.diag([columns, rows]))


def _expected_pitch(adata: AnnData, slide: ImageFrame, mpp: float | None) -> float | None:
    pitch_um = _positive(spots_record(adata).get("pitch_um"))
    if mpp and pitch_um:
        return pitch_um / mpp / slide.factor
    factors = _part(_library(adata), "scalefactors")
    diameter = _positive(factors.get("spot_diameter_fullres"))
    diameter_um = _positive(spots_record(adata).get("diameter_um"))
    if diameter is None:
        return None
    per_diameter = pitch_um / diameter_um if pitch_um and diameter_um else _PITCH_PER_DIAMETER
    return diameter * per_diameter


def _original_frames(adata: AnnData) -> list[ImageFrame]:
    from types import SimpleNamespace

    uns = {**adata.uns, "spatial": adata.uns.get("spatial_original", adata.uns.get("spatial"))}
    return list_frames(SimpleNamespace(uns=uns))


def _library(adata: AnnData, *, original: bool = False) -> Mapping[str, Any]:
    """Return the first library of ``uns['spatial']``, or of what it was before an alignment."""
    libraries = adata.uns.get("spatial")
    if original:
        libraries = adata.uns.get("spatial_original", libraries)
    if isinstance(libraries, Mapping):
        for library in libraries.values():
            if isinstance(library, Mapping):
                return library
    return {}


def _part(library: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = library.get(name)
    return part if isinstance(part, Mapping) else {}


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a / b - 1) <= _SAME_SHAPE for a, b in zip(one, other, strict=True))


def _as_rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype.kind == "f":
        top = 1.0 if np.nanmax(image, initial=0.0) <= 1.0 else 255.0
        image = np.clip(np.nan_to_num(image) / top * 255 + 0.5, 0, 255).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = (image.astype(np.float64) / np.iinfo(image.dtype).max * 255).astype(np.uint8)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])
