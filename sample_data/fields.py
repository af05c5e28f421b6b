"""Random fields that the synthetic tissue is built from.

Geometry lives on a coarse grid of ``GRID_UM`` µm per node and is enlarged to
slide pixels with bicubic interpolation: outlines stay smooth and the costly
operations (distance transforms, Fourier filters) stay small. Coordinates are
(x, y) in µm from the upper left corner of the section; arrays are indexed
[row = y, column = x]; node ``i`` covers [i, i + 1) x ``GRID_UM``.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID_UM = 2.0

Field = NDArray[np.float32]


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream ``name`` of a section.

    Every step has a stream of its own, so that a change in one leaves what
    the others draw as it was.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def enlarge(field: NDArray[Any], shape: tuple[int, int]) -> Field:
    """Resize a field to ``shape`` (rows, columns), bicubic, aligned at pixel areas."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32)


def smooth_noise(shape: tuple[int, int], wavelength: float, rng: np.random.Generator) -> Field:
    """Draw Gaussian noise of unit variance that varies over ``wavelength`` nodes or more."""
    step = max(wavelength / 2.0, 1.0)
    small = (int(np.ceil(shape[0] / step)) + 4, int(np.ceil(shape[1] / step)) + 4)
    noise = enlarge(
        rng.standard_normal(small), (int(np.ceil(small[0] * step)), int(np.ceil(small[1] * step)))
    )
    cut = int(2 * step)
    noise = noise[cut : cut + shape[0], cut : cut + shape[1]]
    # The factor is the expected spread of the interpolated noise. Dividing by the
    # field's own spread would blow up the few values of a small section.
    return noise / np.float32(0.8)


def band_noise(
    shape: tuple[int, int], wavelength: float, rng: np.random.Generator, width: float = 0.35
) -> Field:
    """Draw unit-variance noise of one wavelength: islands and cords of a common calibre.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    wavelength : float
        In nodes.
    rng : numpy.random.Generator
        Where the noise comes from.
    width : float
        Relative width of the ring in the spectrum.
    """
    from scipy import fft

    side = max(shape[0], shape[1], int(4 * wavelength))
    side = fft.next_fast_len(side, real=True)
    spectrum = fft.rfft2(rng.standard_normal((side, side)).astype(np.float32))
    k = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]) * wavelength
    noise = fft.irfft2(spectrum * np.exp(-(((k - 1.0) / width) ** 2)), s=(side, side))
    noise = noise[: shape[0], : shape[1]] / noise.std()
    return noise.astype(np.float32)


def signed_distance(mask: NDArray[np.bool_], smooth_um: float = 2.0) -> Field:
    """Measure the distance in µm to the border of ``mask``, positive inside.

    A mask without a border gives a large constant.
    """
    from scipy import ndimage

    if mask.all() or not mask.any():
        return np.full(mask.shape, 1e4 if mask.all() else -1e4, dtype=np.float32)
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    distance = (inside - outside - np.where(mask, 0.5, -0.5)) * GRID_UM
    return ndimage.gaussian_filter(distance, smooth_um / GRID_UM).astype(np.float32)


def soft(distance: NDArray[Any], width: float) -> Field:
    """Turn a signed distance into a mask in 0..1 with a border ``width`` wide."""
    t = np.clip(np.asarray(distance, dtype=np.float32) / np.float32(width) + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def sample(field: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float32]:
    """Sample a coarse field at points (µm), bilinear."""
    from scipy import ndimage

    at = np.stack([np.asarray(y) / GRID_UM - 0.5, np.asarray(x) / GRID_UM - 0.5])
    return ndimage.map_coordinates(field, at, order=1, mode="nearest", output=np.float32)


def gradient_direction(field: NDArray[Any], smooth_um: float = 6.0) -> tuple[Field, Field]:
    """Find the unit vector (x, y) along which a coarse field rises."""
    from scipy import ndimage

    smoothed = ndimage.gaussian_filter(np.asarray(field, dtype=np.float32), smooth_um / GRID_UM)
    gy, gx = np.gradient(smoothed)
    norm = np.maximum(np.hypot(gx, gy), 1e-6)
    return (gx / norm).astype(np.float32), (gy / norm).astype(np.float32)


def jittered_lattice(
    size_um: tuple[float, float], spacing: float, jitter: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Hexagonal lattice over the section with jittered nodes.

    Parameters
    ----------
    size_um : tuple of float
        Height and width in µm.
    spacing : float
        Distance of neighbours in µm.
    jitter : float
        Standard deviation of the displacement, as a share of the spacing.
    rng : numpy.random.Generator
        Where the jitter comes from.

    Returns
    -------
    (N, 2) array
        (x, y) in µm.
    """
    rows = np.arange(spacing / 2, size_um[0], spacing * np.sqrt(3) / 2)
    columns = np.arange(spacing / 2, size_um[1], spacing)
    x = columns[None, :] + (np.arange(len(rows)) % 2)[:, None] * spacing / 2
    points = np.stack([x, np.broadcast_to(rows[:, None], x.shape)], axis=-1).reshape(-1, 2)
    return points + rng.normal(0.0, jitter * spacing, points.shape)


def oriented_textures(
    n_angles: int, side: int, long_px: float, short_px: float, rng: np.random.Generator
) -> NDArray[np.float16]:
    """Periodic fibre textures of unit variance, one per direction in [0, pi).

    All directions filter the same white noise, so that neighbours blend without a seam.

    Parameters
    ----------
    n_angles, side : int
        Number of directions; rows and columns of a texture.
    long_px, short_px : float
        Correlation length along and across the fibres, in pixels.
    rng : numpy.random.Generator
        Where the noise comes from.

    Returns
    -------
    (n_angles, side, side) array
    """
    from scipy import fft

    spectrum = fft.rfft2(rng.standard_normal((side, side)).astype(np.float32))
    ky = (2 * np.pi * np.fft.fftfreq(side)).astype(np.float32)[:, None]
    kx = (2 * np.pi * np.fft.rfftfreq(side)).astype(np.float32)[None, :]
    textures = np.empty((n_angles, side, side), dtype=np.float16)
    for index, angle in enumerate(np.arange(n_angles) * np.pi / n_angles):
        along = kx * np.cos(angle) + ky * np.sin(angle)
        across = -kx * np.sin(angle) + ky * np.cos(angle)
        filtered = spectrum * np.exp(-((along * long_px) ** 2 + (across * short_px) ** 2) / 2)
        filtered[0, 0] = 0
        texture = fft.irfft2(filtered, s=(side, side))
        textures[index] = texture / texture.std()
    return textures
