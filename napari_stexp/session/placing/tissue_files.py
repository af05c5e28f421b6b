"""Masks of tissue in files: PNG, GeoJSON, and the workspace's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import OutputError, SlideError
from napari_stexp.files import atomic_path
from napari_stexp.slide.tissue_area import MASK_PX, TissueMask

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["mask_from_words", "mask_to_words", "outline_tissue", "read_tissue", "write_tissue"]

_GEOJSON = (".geojson", ".json")
_COLOR = (0, 160, 160)


def read_tissue(path: str | Path, slide: Slide) -> TissueMask:
    """Read where a slide's tissue is.

    Parameters
    ----------
    path : path-like
        A picture (PNG, TIFF; what isn't black is tissue) of the whole slide, at any size; or
        outlines in GeoJSON, level-0 px, all of which are tissue.
    slide : Slide

    Raises
    ------
    SlideError
        It can't be read, or has other proportions than the slide.
    AnnotationError
        The outlines can't be read.
    """
    path = Path(path)
    if path.suffix.lower() in _GEOJSON:
        return _read_outlines(path, slide)
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L")) > 0
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise SlideError(
            "the tissue mask can't be read", path=path, expected="a PNG or a GeoJSON", found=error
        ) from error
    downsample = slide.shape[1] / pixels.shape[1]
    rows = slide.shape[0] / downsample
    if abs(rows - pixels.shape[0]) > 1 + 0.01 * rows:
        raise SlideError(
            "this mask is of another slide",
            path=path,
            expected=f"the proportions of {slide.shape[1]} x {slide.shape[0]} px",
            found=f"{pixels.shape[1]} x {pixels.shape[0]} px",
        )
    return TissueMask.of(pixels, downsample, path.name)


def _read_outlines(path: Path, slide: Slide) -> TissueMask:
    from napari_stexp.annotation import read_regions

    downsample = max(1.0, max(slide.shape) / MASK_PX)
    height, width = (-int(-side // downsample) for side in slide.shape)
    pixels = np.zeros((height, width), bool)
    for region in read_regions(path, slide):
        for polygon in getattr(region.geometry, "geoms", [region.geometry]):
            inside = _fill(polygon.exterior, pixels.shape, downsample)
            for hole in polygon.interiors:
                inside &= ~_fill(hole, pixels.shape, downsample)
            pixels |= inside
    return TissueMask.of(pixels, downsample, path.name)


def _fill(ring: Any, shape: tuple[int, ...], downsample: float) -> NDArray[np.bool_]:
    """Return the pixels whose centres are in a ring."""
    from skimage.draw import polygon

    x, y = np.asarray(ring.coords)[:, :2].T / downsample - 0.5
    found = np.zeros(shape, bool)
    found[polygon(y, x, shape)] = True
    return found


def outline_tissue(mask: TissueMask) -> Any:
    """Return the outline of a mask, level-0 px: a shapely (Multi)Polygon, empty without tissue.

    It follows the pixels' borders within three quarters of a pixel of the mask.
    """
    import shapely

    padded = np.pad(mask.pixels, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    (row, left), (_, right) = np.nonzero(change == 1), np.nonzero(change == -1)
    outline = shapely.coverage_union_all(shapely.box(left, row, right, row + 1))
    outline = shapely.make_valid(shapely.simplify(outline, 0.75, preserve_topology=True))
    parts = [one for one in shapely.get_parts(outline) if one.geom_type.endswith("Polygon")]
    outline = shapely.union_all(parts)  # simplified, pieces that met at a corner may cross
    return shapely.transform(outline, lambda xy: xy * mask.downsample)


def write_tissue(mask: TissueMask, path: str | Path) -> Path:
    """Write a mask: ``.png`` (white is tissue, pixel by pixel) or ``.geojson`` (its outline).

    Raises
    ------
    OutputError
        Another suffix, no tissue to outline, or a place that can't be written.
    """
    path = Path(path)
    if path.suffix.lower() in _GEOJSON:
        from napari_stexp.annotation import Region, write_geojson

        outline = outline_tissue(mask)
        if outline.is_empty:
            raise OutputError("there is no tissue to outline", path=path)
        write_geojson([Region(outline, class_name="Tissue", color=_COLOR)], path)
        return path
    if path.suffix.lower() != ".png":
        raise OutputError(
            "a tissue mask is written as PNG or GeoJSON", path=path, found=path.suffix
        )
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(mask.pixels.astype(np.uint8) * 255).save(temporary, format="PNG")
    return path


def mask_to_words(mask: TissueMask) -> dict[str, Any]:
    """Return a mask as JSON holds it: lengths of runs, row by row, the first one of background."""
    flat = mask.pixels.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]]))
    if flat.size and flat[0]:
        runs = np.concatenate([[0], runs])
    return {
        "shape": list(mask.shape),
        "downsample": mask.downsample,
        "source": mask.source,
        "edited": mask.edited,
        "runs": runs.tolist(),
    }


def mask_from_words(words: dict[str, Any]) -> TissueMask:
    """Return the mask that `mask_to_words` wrote."""
    height, width = (int(side) for side in words["shape"])
    runs = np.asarray(words["runs"], np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError("the tissue mask's runs don't fill it")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return TissueMask.of(
        flat.reshape(height, width), float(words["downsample"]), str(words.get("source", "file"))
    )


def write_mask_words(path: Path, mask: TissueMask) -> None:
    """Write a mask as a workspace has it."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(mask_to_words(mask)), encoding="utf-8")


def read_mask_words(path: Path) -> TissueMask:
    """Read the mask of a workspace."""
    return mask_from_words(json.loads(path.read_text(encoding="utf-8")))
