"""Affine transforms of the plane, as matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import AlignmentError

__all__ = ["Transform"]

_SMALLEST_SCALE = 1e-6


@dataclass(frozen=True, eq=False)
class Transform:
    """A map of the plane onto itself: (x', y', 1) = matrix · (x, y, 1).

    y points down, as in images, so that positive angles turn clockwise on the screen.

    Parameters
    ----------
    matrix : (3, 3) array
        The last row is 0, 0, 1.

    Raises
    ------
    AlignmentError
        Not such a matrix, not finite, or one that flattens the plane.
    """

    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        affine = matrix.shape == (3, 3) and np.isfinite(matrix).all()
        if not affine or not np.allclose(matrix[2], (0, 0, 1), rtol=0, atol=1e-9):
            raise AlignmentError(
                "this is no affine transform of the plane",
                expected="a finite 3 x 3 matrix whose last row is 0, 0, 1",
                found=np.array2string(matrix, threshold=12),
            )
        matrix[2] = (0, 0, 1)
        if np.linalg.svd(matrix[:2, :2], compute_uv=False).min() < _SMALLEST_SCALE:
            raise AlignmentError(
                "this transform would put all spots on one line",
                expected="a matrix that can be inverted",
                found=np.array2string(matrix),
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    # ---- making --------------------------------------------------------------------------

    @classmethod
    def identity(cls) -> Transform:
        """Leave everything where it is."""
        return cls(np.eye(3))

    @classmethod
    def of(cls, linear: ArrayLike, offset: ArrayLike = (0.0, 0.0)) -> Transform:
        """Return x' = linear · x + offset.

        Parameters
        ----------
        linear : (2, 2) array
        offset : (x, y)
        """
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = linear, offset
        return cls(matrix)

    @classmethod
    def about(cls, linear: ArrayLike, centre: ArrayLike) -> Transform:
        """Return a linear map that leaves a place (x, y) where it is."""
        linear, centre = np.asarray(linear, np.float64), np.asarray(centre, np.float64)
        return cls.of(linear, centre - linear @ centre)

    @classmethod
    def shift(cls, x: float, y: float) -> Transform:
        """Move by so much."""
        return cls.of(np.eye(2), (x, y))

    @classmethod
    def scaling(cls, factor: float, centre: ArrayLike = (0.0, 0.0)) -> Transform:
        """Make larger, away from a place."""
        return cls.about(np.eye(2) * factor, centre)

    @classmethod
    def turn(cls, degrees: float, centre: ArrayLike = (0.0, 0.0)) -> Transform:
        """Turn clockwise (y points down) about a place."""
        angle = math.radians(degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        return cls.about([[cos, -sin], [sin, cos]], centre)

    # ---- using ---------------------------------------------------------------------------

    def __call__(self, xy: ArrayLike) -> NDArray[np.float64]:
        """Map places.

        Parameters
        ----------
        xy : (N, 2) array

        Returns
        -------
        (N, 2) float64 array
        """
        points = np.asarray(xy, dtype=np.float64)
        return points @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def then(self, other: Transform) -> Transform:
        """Return this one, followed by another one."""
        return Transform(other.matrix @ self.matrix)

    def inverse(self) -> Transform:
        """Return the way back."""
        return Transform(np.asarray(np.linalg.inv(self.matrix), np.float64))

    def same(self, other: Transform, reach: float = 1e5, tolerance: float = 1e-6) -> bool:
        """Whether two agree within ``tolerance`` on all places up to ``reach`` from the origin."""
        corners = np.array([[0, 0], [reach, 0], [0, reach], [reach, reach]], dtype=np.float64)
        return bool(np.allclose(self(corners), other(corners), rtol=0, atol=tolerance))

    # ---- describing ----------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """How much longer lengths become: the square root of how much areas grow."""
        return math.sqrt(abs(float(np.linalg.det(self.matrix[:2, :2]))))

    @property
    def mirrored(self) -> bool:
        """Whether left and right change sides."""
        return bool(np.linalg.det(self.matrix[:2, :2]) < 0)

    @property
    def rotation(self) -> float:
        """Clockwise turn in degrees, -180 to 180; of a mirrored one, after left-right mirroring.

        The turn of the closest similarity (least squares).
        """
        (a, b), (c, d) = self.matrix[:2, :2]
        if self.mirrored:
            a, c = -a, -c
        return math.degrees(math.atan2(c - b, a + d))

    @property
    def shear(self) -> float:
        """How far from a similarity: the larger by the smaller stretch, minus 1."""
        stretch = np.linalg.svd(self.matrix[:2, :2], compute_uv=False)
        return float(stretch.max() / stretch.min() - 1)

    @property
    def is_scaling(self) -> bool:
        """Whether only the size changes, from the origin."""
        return bool(
            np.allclose(self.matrix[:2, :2], np.eye(2) * self.matrix[0, 0], rtol=1e-9)
        ) and (bool(np.allclose(self.matrix[:2, 2], 0, atol=1e-6)) and self.matrix[0, 0] > 0)

    def describe(self) -> dict[str, Any]:
        """Return scale, turn, shift and mirroring as plain numbers."""
        return {
            "scale": self.scale,
            "rotation_deg": self.rotation,
            "mirrored": self.mirrored,
            "shear": self.shear,
            "shift_x_px": float(self.matrix[0, 2]),
            "shift_y_px": float(self.matrix[1, 2]),
        }
