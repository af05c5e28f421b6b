"""Fitting a transform to places that were clicked in two images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import AlignmentError
from napari_stexp.spots.alignment.transform import Transform

__all__ = ["KINDS", "PairFit", "fit_pairs"]

#: What can be fitted: 'similarity' turns, scales, moves and mirrors; 'affine' shears as well.
KINDS = ("similarity", "affine")
_FEWEST = 3  # pairs: two would fit exactly, whatever was clicked
# Pairs whose spread across their longest direction is less than this share of it lie on one line.
_FLATTEST = 0.03
# A pair stands out where leaving it out makes the others agree so much better.
_MUCH_BETTER = 1 / 3
_WORTH_A_WORD = 0.01  # of the pairs' extent; smaller residuals are within what a hand can do

Places = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairFit:
    """A transform fitted to N pairs.

    Attributes
    ----------
    transform : Transform
        From the spots' own image to the slide.
    kind : {'similarity', 'affine'}
    residuals : (N,) float array
        Distance of each pair's place on the slide from where the fit puts it, level-0 px.
    left_out : (N,) float array
        The same by a fit to the other pairs: what a new pair would show. NaN where the
        others are too few, or lie on one line.
    outlier : int or None
        Index of a pair that contradicts all the others; needs four pairs (affine: five).
    """

    transform: Transform
    kind: str
    residuals: Places
    left_out: Places
    outlier: int | None

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, level-0 px."""
        return float(np.sqrt(np.mean(self.residuals**2)))


def fit_pairs(own: ArrayLike, slide: ArrayLike, kind: str = "similarity") -> PairFit:
    """Fit a transform by least squares.

    A similarity may mirror: of the best one with and without, the one with the smaller
    residuals is taken (Umeyama, IEEE TPAMI 1991, 13:376, for each handedness).

    Parameters
    ----------
    own : (N, 2) array
        (x, y) in the spots' own image.
    slide : (N, 2) array
        (x, y) of the same places on the slide, level-0 px.
    kind : {'similarity', 'affine'}

    Raises
    ------
    AlignmentError
        Fewer than three pairs, pairs on one line or twice the same place, or another kind.
    """
    if kind not in KINDS:
        raise AlignmentError(
            "no such kind of transform", expected=" or ".join(KINDS), found=repr(kind)
        )
    a, b = _as_places(own), _as_places(slide)
    if len(a) != len(b):
        raise AlignmentError(
            "each pair needs a place in both images", found=f"{len(a)} and {len(b)} places"
        )
    _refuse_unfit(a, "in the spots' own image")
    _refuse_unfit(b, "on the slide")
    transform = _fit(a, b, kind)
    residuals = np.linalg.norm(transform(a) - b, axis=1)
    left_out, rest = _leave_out(a, b, kind, mirrored=transform.mirrored)
    outlier = _find_outlier(residuals, rest, float(np.ptp(b, axis=0).max()))
    return PairFit(transform, kind, residuals, left_out, outlier)


def _as_places(xy: ArrayLike) -> Places:
    places = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(places).all():
        raise AlignmentError("a pair has no position", expected="finite x and y")
    return places


def _refuse_unfit(places: Places, where: str) -> None:
    if len(places) < _FEWEST:
        raise AlignmentError(
            "too few pairs",
            expected=f"at least {_FEWEST}",
            found=len(places),
            hint="Click another place that can be told in both images.",
        )
    if len(np.unique(places, axis=0)) < _FEWEST or _flatness(places) < _FLATTEST:
        raise AlignmentError(
            f"the pairs lie on one line {where}",
            expected="places that span the tissue in both directions",
            hint="Click another place, away from that line.",
        )


def _flatness(places: Places) -> float:
    """Return the spread across the longest direction, as a share of the spread along it."""
    along, across = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    return float(across / along) if along > 0 else 0.0


def _fit(a: Places, b: Places, kind: str) -> Transform:
    if kind == "affine":
        return _fit_affine(a, b)
    both = [_fit_similarity(a, b, mirrored) for mirrored in (False, True)]
    errors = [float(np.sum((fitted(a) - b) ** 2)) for fitted in both]
    return both[int(errors[1] < errors[0])]


def _fit_affine(a: Places, b: Places) -> Transform:
    """Centred and scaled first: positions are large numbers beside their differences."""
    centre, size = a.mean(axis=0), np.abs(a - a.mean(axis=0)).max()
    design = np.column_stack([(a - centre) / size, np.ones(len(a))])
    found = np.linalg.lstsq(design, b, rcond=None)[0]
    linear = found[:2].T / size
    return Transform.of(linear, found[2] - linear @ centre)


def _fit_similarity(a: Places, b: Places, mirrored: bool) -> Transform:
    """As complex numbers: b = s·a + t, or s·conj(a) + t where mirrored."""
    from_a, from_b = a - a.mean(axis=0), b - b.mean(axis=0)
    z, w = from_a[:, 0] + 1j * from_a[:, 1], from_b[:, 0] + 1j * from_b[:, 1]
    if mirrored:
        z = z.conj()
    s = complex(np.vdot(z, w) / np.vdot(z, z).real)
    if abs(s) < 1e-9 * np.abs(w).max() / np.abs(z).max():  # of no use, and not to be inverted
        s = complex(np.abs(w).max() / np.abs(z).max())
    linear = np.array([[s.real, -s.imag], [s.imag, s.real]])
    if mirrored:
        linear = linear @ np.diag([1.0, -1.0])
    return Transform.of(linear, b.mean(axis=0) - linear @ a.mean(axis=0))


def _leave_out(a: Places, b: Places, kind: str, mirrored: bool) -> tuple[Places, Places]:
    """Return each pair's residual by a fit to the others, and the others' RMS residual."""
    n = len(a)
    left_out, rest = np.full(n, np.nan), np.full(n, np.nan)
    for index in range(n):
        others = np.arange(n) != index
        if kind == "affine":
            if n <= _FEWEST or _flatness(a[others]) < _FLATTEST:
                continue
            fitted = _fit_affine(a[others], b[others])
            freedom = n - 1 - 3
        else:
            if not np.ptp(a[others], axis=0).any():
                continue
            fitted = _fit_similarity(a[others], b[others], mirrored)
            freedom = n - 1 - 2
        distances = np.linalg.norm(fitted(a) - b, axis=1)
        left_out[index] = distances[index]
        if freedom > 0:
            rest[index] = np.sqrt(np.mean(distances[others] ** 2))
    return left_out, rest


def _find_outlier(residuals: Places, rest: Places, extent: float) -> int | None:
    rms = float(np.sqrt(np.mean(residuals**2)))
    if np.isnan(rest).all() or rms < _WORTH_A_WORD * extent:
        return None
    order = np.argsort(np.where(np.isnan(rest), np.inf, rest))
    best, second = rest[order[0]], rest[order[1]]
    if best < _MUCH_BETTER * rms and (np.isnan(second) or best < _MUCH_BETTER * second):
        return int(order[0])
    return None
