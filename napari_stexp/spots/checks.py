"""What spots must satisfy before anything is read or predicted at them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots.record import refuse_duplicates, spots_record
from napari_stexp.spots.scale import estimate_mpp, known_length

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["ScaleComparison", "check_scale", "check_spots", "compare_scale"]

# No slide is larger; farther away is a damaged file, and overflows whole numbers.
_FARTHEST_PX = 1e9
_TOLERANCE = 0.05


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


@dataclass(frozen=True)
class ScaleComparison:
    """The slide's µm/px beside what the spots say of it.

    Attributes
    ----------
    kind : {'pitch', 'pixel_size'}
        From where the spots lie and how far apart their technology puts them; or the
        ``microns_per_pixel`` that Visium HD's files state.
    mpp, from_spots : float
        µm per level-0 pixel: the slide's, and the spots'.
    evidence : tuple of (str, str)
        The numbers, by name, for people.
    path : str or None
        Where the spots are from.
    """

    kind: str
    mpp: float
    from_spots: float
    evidence: tuple[tuple[str, str], ...]
    path: str | None = None

    @property
    def ratio(self) -> float:
        """How many times the slide's is too large, if the spots are right."""
        return self.mpp / self.from_spots

    def agrees(self, tolerance: float = _TOLERANCE) -> bool:
        """Whether the two differ by no more than ``tolerance`` of the slide's."""
        return abs(self.from_spots / self.mpp - 1) <= tolerance

    @property
    def key(self) -> str:
        """Kind and numbers: what was decided about these doesn't hold for others."""
        return " | ".join([self.kind, *(f"{name}: {value}" for name, value in self.evidence)])


def compare_scale(
    adata: AnnData, mpp: float | None, from_pitch: float | None = None
) -> list[ScaleComparison]:
    """Lay the slide's µm per pixel beside what the spots say; empty where nothing is known.

    Parameters
    ----------
    adata : AnnData
        Spots; the pitch in µm is ``uns['stexp_spots']['pitch_um']``.
    mpp : float or None
        The slide's µm per level-0 pixel.
    from_pitch : float, optional
        `estimate_mpp` of the spots where it is known already.
    """
    if mpp is None:
        return []
    record = spots_record(adata)
    slide = ("slide", f"{mpp:.4g} µm/px")
    path = str(record["source"]) if record.get("source") else None
    found = []
    if from_pitch is None and known_length(record.get("pitch_um")):
        from_pitch = estimate_mpp(adata)
    if from_pitch:
        pitch = f"{from_pitch:.4g} µm/px ({float(record['pitch_um']):g} µm apart)"
        found.append(ScaleComparison("pitch", mpp, from_pitch, (slide, ("spots", pitch)), path))
    if stated := known_length(record.get("microns_per_pixel")):
        words = ("spots' file", f"{stated:.4g} µm/px")
        found.append(ScaleComparison("pixel_size", mpp, stated, (slide, words), path))
    return found


def check_scale(
    adata: AnnData,
    mpp: float | None,
    tolerance: float = _TOLERANCE,
    settled: Collection[str] = (),
) -> None:
    """Raise if the spots contradict the slide's µm per pixel.

    Passes where either is unknown.

    Parameters
    ----------
    adata, mpp
        As of `compare_scale`.
    tolerance : float
        Relative difference that is still accepted.
    settled : collection of str
        `ScaleComparison.key` of contradictions that a person has decided about.

    Raises
    ------
    ScaleError
        The two differ by more than ``tolerance``.
    """
    for one in compare_scale(adata, mpp):
        if one.agrees(tolerance) or one.key in settled:
            continue
        pitch = one.kind == "pitch"
        source = f"a pitch of {spots_record(adata)['pitch_um']:g} µm" if pitch else "their file"
        what = "the spots' pitch" if pitch else "the spots' file"
        raise ScaleError(
            f"{what} contradicts the slide's µm per pixel",
            path=one.path,
            expected=f"{one.mpp:.4g} µm/px, within {tolerance:.0%}",
            found=f"{one.from_spots:.4g} µm/px from {source} ({one.from_spots / one.mpp - 1:+.0%})",
            hint="Settle which is right, with --mpp or --mpp-from (spots, objective, metadata) or "
            "with 'Scale…' in the panel 'Slide & spots'; or check that spots and slide belong "
            "together.",
        )
