"""Cutting the patches of a section's spots out of its slide, straight into a file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_stexp.dataset.layout import PATCHES, THUMBNAIL, USABLE
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import ScaleError
from napari_stexp.slide import FieldReader, Slide
from napari_stexp.spots import check_scale, check_spots, estimate_mpp

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["cut_patches", "patch_bytes", "settle_scale", "write_thumbnail"]

_BATCH = 64
_THUMBNAIL_PX = 1000


def settle_scale(slide: Slide, spots: AnnData, mpp: float | None, name: str) -> Slide:
    """Return the slide with a known µm/px, where one is needed.

    Unknown µm/px are estimated from the spots' pitch.

    Raises
    ------
    ScaleError
        Patches of ``mpp`` µm/px are wanted and neither slide nor spots tell the slide's
        scale, or the two contradict each other.
    SpotsError
        The spots don't lie on the slide.
    """
    check_spots(spots, slide.shape)
    if slide.mpp is not None:
        check_scale(spots, slide.mpp)
        return slide
    estimate = estimate_mpp(spots)
    if estimate is not None:
        return slide.with_mpp(estimate, source="spots")
    if mpp is None:
        return slide
    raise ScaleError(
        f"the slide of section {name} has an unknown scale",
        path=slide.path,
        expected=f"µm per pixel, since patches of {mpp:g} µm/px are wanted",
        found="none in the file, and spots of unknown pitch",
        hint="State it in the column 'mpp' of a section manifest.",
    )


def patch_bytes(n_spots: int, settings: PrepareSettings) -> int:
    """Size of the patches of a section on disk."""
    return n_spots * len(settings.context) * settings.patch_px**2 * 3


def cut_patches(
    slide: Slide, centers: NDArray[np.float64], settings: PrepareSettings, folder: Path
) -> Generator[int, None, NDArray[np.bool_]]:
    """Write ``patches.npy`` and ``usable.npy``.

    Patches go to their place in the file as they come: memory holds a few batches,
    and a full disk is an `OSError` (written through a memory map it would be a signal
    that ends the process).

    Parameters
    ----------
    slide : Slide
    centers : (N, 2) float64
        (x, y) in level-0 pixels.
    settings : PrepareSettings
    folder : Path

    Yields
    ------
    int
        How many spots' patches are written.

    Returns
    -------
    (N,) bool
        Where the patch lies at least partly on the slide and all tiles under its
        fields of view decode.
    """
    side, fields = settings.patch_px, len(settings.context)
    reader = FieldReader(slide, side, settings.mpp, settings.context, fill=settings.fill)
    usable = reader.classify(centers) != "outside"
    with (
        (folder / PATCHES).open("wb") as file,
        closing(reader.stream(centers, max(1, _BATCH // fields))) as stream,
    ):
        start = _write_header(file, (len(centers), fields, side, side, 3))
        done = 0
        for rows, batch in stream:
            usable[rows] &= batch.ok
            for row, pixels in zip(rows.tolist(), batch.pixels, strict=True):
                file.seek(start + row * pixels.nbytes)
                file.write(np.ascontiguousarray(pixels).data)
            done += len(rows)
            yield done
    np.save(folder / USABLE, usable)
    return usable


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> int:
    """Begin an npy file of bytes; return where its values start."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def write_thumbnail(slide: Slide, folder: Path) -> float:
    """Write ``thumbnail.jpg``; return level-0 pixels per pixel of it."""
    from PIL import Image

    image, scale = slide.thumbnail(_THUMBNAIL_PX)
    Image.fromarray(image).save(folder / THUMBNAIL, quality=90)
    return float(scale)
