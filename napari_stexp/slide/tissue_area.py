"""The tissue of a slide as a mask that is found, tidied and edited by hand."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.progress import Progress
from napari_stexp.slide.tissue import TissueEvidence, find_evidence, tidy_tissue

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = ["TissueMask", "TissueSettings", "find_tissue_steps", "tidy_steps"]

#: Coarser than this, tissue of a core biopsy is a few pixels wide; finer only costs time.
MASK_PX = 2000

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TissueSettings:
    """Which pieces and holes count.

    Attributes
    ----------
    min_piece_mm2 : float or None
        Smaller pieces of tissue are left out; None: a 1,000th of the slide.
    max_hole_mm2 : float or None
        Smaller holes are filled; None: a 1,000th of the slide.
    """

    min_piece_mm2: float | None = None
    max_hole_mm2: float | None = None

    def __post_init__(self) -> None:
        """Refuse areas that aren't any."""
        for value in (self.min_piece_mm2, self.max_hole_mm2):
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise SlideError("not an area", expected="0 mm² or more", found=value)

    def in_pixels(self, shape: tuple[int, int], um_per_px: float | None) -> tuple[int, int]:
        """Return smallest piece and largest hole in pixels of a mask.

        Parameters
        ----------
        shape : (int, int)
            Of the mask.
        um_per_px : float or None
            Of the mask; where it is unknown, areas in mm² are an error.
        """
        default = shape[0] * shape[1] // 1000
        areas = []
        for value in (self.min_piece_mm2, self.max_hole_mm2):
            if value is None:
                areas.append(default)
            elif um_per_px is None:
                raise SlideError(
                    "areas in mm² need the slide's scale", hint="Set the µm per pixel first."
                )
            else:
                areas.append(round(value * 1e6 / um_per_px**2))
        return areas[0], areas[1]


@dataclass(frozen=True, eq=False)
class _Packed:
    """A mask at an eighth of its size."""

    bits: NDArray[np.uint8]
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: Mask) -> _Packed:
        height, width = mask.shape
        return cls(np.packbits(mask), (height, width))

    def unpack(self) -> Mask:
        n = self.shape[0] * self.shape[1]
        return np.unpackbits(self.bits, count=n).reshape(self.shape).view(np.bool_)


@dataclass(frozen=True, eq=False)
class TissueMask:
    """Where the tissue is, on a reduced picture of a slide; never changed.

    Made by `find_tissue_steps`, or by `TissueMask.of` from pixels. Kept packed, so that many
    steps of undo cost little.

    Attributes
    ----------
    downsample : float
        Level-0 px per pixel: pixel (i, j) covers level-0 y in [i·d, (i+1)·d), x in
        [j·d, (j+1)·d).
    settings : TissueSettings
        Which pieces and holes counted when it was found.
    source : str
        Where it comes from: 'found', or a file's name.
    """

    _pixels: _Packed
    _found: _Packed  # before it was edited by hand
    downsample: float
    settings: TissueSettings = TissueSettings()
    source: str = "found"
    _evidence: tuple[_Packed, _Packed, int] = field(kw_only=True)

    @classmethod
    def of(cls, pixels: Any, downsample: float, source: str = "file") -> TissueMask:
        """Make a mask of pixels, (h, w); what isn't 0 is tissue."""
        packed = _Packed.of(np.asarray(pixels) != 0)
        if len(packed.shape) != 2 or not downsample > 0:
            raise ValueError("a mask is (h, w), and its downsample positive")
        evidence = (packed, _Packed.of(np.ones(packed.shape, bool)), 0)
        return cls(
            packed, packed, float(downsample), TissueSettings(0, 0), source, _evidence=evidence
        )

    @property
    def pixels(self) -> Mask:
        """The mask, (h, w) bool; a new array each time."""
        return self._pixels.unpack()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return self._pixels.shape

    @property
    def edited(self) -> bool:
        """Whether it was changed by hand."""
        return self._pixels is not self._found and not np.array_equal(
            self._pixels.bits, self._found.bits
        )

    @property
    def n_pixels(self) -> int:
        """Pixels of tissue."""
        return int(np.bitwise_count(self._pixels.bits).sum())

    def area_mm2(self, mpp: float | None) -> float | None:
        """Return the area of the tissue in mm²; None where µm/px are unknown."""
        return None if mpp is None else self.n_pixels * (mpp * self.downsample) ** 2 / 1e6

    def same(self, other: TissueMask) -> bool:
        """Whether another one has the same tissue."""
        same_frame = self.shape == other.shape and self.downsample == other.downsample
        return same_frame and np.array_equal(self._pixels.bits, other._pixels.bits)

    def edit(self, pixels: Any) -> TissueMask:
        """Return the mask with other pixels, (h, w); what isn't 0 is tissue."""
        packed = _Packed.of(np.asarray(pixels) != 0)
        if packed.shape != self.shape:
            raise ValueError(f"a mask of {packed.shape} in place of {self.shape}")
        return replace(self, _pixels=packed)

    def tidy(self, settings: TissueSettings, mpp: float | None) -> TissueMask:
        """Return the mask with other pieces and holes left out; what was edited by hand stays.

        Parameters
        ----------
        settings : TissueSettings
        mpp : float or None
            µm per level-0 px.
        """
        scale = None if mpp is None else mpp * self.downsample
        areas = settings.in_pixels(self.shape, scale)
        found, seen, reach = self._evidence
        evidence = TissueEvidence(found.unpack(), seen.unpack(), reach)
        new = _Packed.of(tidy_tissue(evidence, *areas))
        by_hand = self._pixels.bits ^ self._found.bits
        bits = new.bits ^ (by_hand & (new.bits ^ self._pixels.bits))
        return replace(self, _pixels=replace(new, bits=bits), _found=new, settings=settings)

    def contains(self, xy: Any) -> Mask:
        """Return for each (x, y) of (N, 2) level-0 px whether it lies on tissue."""
        column, row = np.floor(np.asarray(xy, np.float64) / self.downsample).astype(np.intp).T
        height, width = self.shape
        known = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        inside = np.zeros(len(row), bool)
        inside[known] = self.pixels[row[known], column[known]]
        return inside


def find_tissue_steps(
    slide: Slide, settings: TissueSettings | None = None
) -> Generator[Progress, None, TissueMask]:
    """Find a slide's tissue on a thumbnail; see `napari_stexp.slide.tissue_mask`.

    Parameters
    ----------
    slide : Slide
    settings : TissueSettings, optional

    Raises
    ------
    SlideError
        Areas in mm², and the slide's µm/px are unknown.
    """
    settings = TissueSettings() if settings is None else settings
    yield Progress(0, 3, "reading the overview")
    picture, downsample = slide.thumbnail(MASK_PX)
    shape = (picture.shape[0], picture.shape[1])
    settings.in_pixels(shape, slide.mpp)  # before the work
    yield Progress(1, 3, "finding the tissue")
    evidence = find_evidence(picture)
    yield Progress(2, 3, "finding the tissue")
    kept = (_Packed.of(evidence.found), _Packed.of(evidence.seen), evidence.reach)
    nothing = _Packed.of(np.zeros(shape, bool))
    mask = TissueMask(nothing, nothing, float(downsample), settings, "found", _evidence=kept)
    mask = mask.tidy(settings, slide.mpp)
    yield Progress(3, 3, "finding the tissue")
    return mask


def tidy_steps(
    mask: TissueMask, settings: TissueSettings, mpp: float | None
) -> Generator[Progress, None, TissueMask]:
    """Count other pieces and holes; see `TissueMask.tidy`."""
    yield Progress(0, 0, "looking at pieces and holes")
    return mask.tidy(settings, mpp)
