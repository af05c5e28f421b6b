"""Transformations of SpatialData elements, from their JSON to matrices.

Only what two dimensions need of https://spatialdata.scverse.org's transformations (those
proposed for NGFF): identity, scale, translation, affine, rotation, mapAxis, sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError

__all__ = ["frames_of", "same_frame"]

Matrix = NDArray[np.float64]


def frames_of(transformations: Sequence[Mapping[str, Any]], path: Any = None) -> dict[str, Matrix]:
    """Return what takes an element's own (x, y) to each of its coordinate systems.

    Parameters
    ----------
    transformations : sequence of mapping
        ``coordinateTransformations`` of the element.
    path : path-like, optional
        Named in errors.

    Returns
    -------
    dict of str to (3, 3) float64
        Homogeneous: (x', y', 1) = M · (x, y, 1).

    Raises
    ------
    SpotsError
        A transformation that isn't known, or is incomplete.
    """
    frames = {}
    for one in transformations:
        try:
            axes, outer = _axes(one, "input"), _axes(one, "output")
            matrix = _matrix(one, axes or outer)
            frames[str(one["output"]["name"])] = _in_plane(matrix, axes, _outer(one, axes))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SpotsError(
                "a transformation of the SpatialData store can't be read",
                path=path,
                expected="identity, scale, translation, affine, rotation, mapAxis or a sequence",
                found=f"{one.get('type') if isinstance(one, Mapping) else one!r}: {error!r}",
            ) from error
    return frames


def same_frame(one: Matrix, other: Matrix) -> bool:
    """Whether two matrices are the same, but for rounding."""
    return bool(np.allclose(one, other, rtol=1e-6, atol=1e-6))


def _axes(one: Mapping[str, Any], end: str) -> list[str]:
    """Return the axes of a transformation's input or output, none where it doesn't say."""
    return [str(axis["name"]) for axis in one.get(end, {}).get("axes", ())]


def _outer(one: Mapping[str, Any], axes: list[str]) -> list[str]:
    """Return the axes that a transformation's matrix leads to."""
    kind = one["type"]
    if kind in ("affine", "rotation"):
        return _axes(one, "output") or axes
    if kind == "mapAxis":
        return _axes(one, "output") or list(one["mapAxis"])
    if kind == "sequence":
        inner = axes
        for part in one["transformations"]:
            inner = _outer(part, _axes(part, "input") or inner)
        return inner
    return axes


def _matrix(one: Mapping[str, Any], axes: list[str]) -> Matrix:
    """Return a transformation's matrix from ``axes`` to those of `_outer`."""
    kind, n = one["type"], len(axes)
    matrix = np.eye(n + 1)
    if kind == "scale":
        matrix[:n, :n] = np.diag(_of_length(one["scale"], n))
    elif kind == "translation":
        matrix[:n, n] = _of_length(one["translation"], n)
    elif kind == "affine":
        rows = np.array(one["affine"], dtype=np.float64)
        matrix = np.vstack([rows, [*[0.0] * (rows.shape[1] - 1), 1.0]])
        if matrix.shape[1] != n + 1:
            raise ValueError(f"{matrix.shape[1] - 1} axes instead of {n}")
    elif kind == "rotation":
        matrix[:n, :n] = np.array(one["rotation"], dtype=np.float64)
    elif kind == "mapAxis":
        matrix = _pick([one["mapAxis"][axis] for axis in _outer(one, axes)], axes)
    elif kind == "sequence":
        inner = axes
        for part in one["transformations"]:
            own = _axes(part, "input") or inner
            matrix = _matrix(part, own) @ _pick(own, inner) @ matrix
            inner = _outer(part, own)
    elif kind != "identity":
        raise ValueError("not a known kind")
    return matrix


def _pick(names: Sequence[str], axes: Sequence[str]) -> Matrix:
    """Return the matrix that takes coordinates along ``axes`` to those named."""
    matrix = np.zeros((len(names) + 1, len(axes) + 1))
    matrix[-1, -1] = 1
    for row, name in enumerate(names):
        matrix[row, list(axes).index(name)] = 1
    return matrix


def _of_length(values: Sequence[float], n: int) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.shape != (n,):
        raise ValueError(f"{array.shape} values instead of {n}")
    return array


def _in_plane(matrix: Matrix, axes: list[str], outer: list[str]) -> Matrix:
    """Return the part for x and y."""
    rows = [outer.index("x"), outer.index("y"), -1]
    columns = [axes.index("x"), axes.index("y"), -1]
    return matrix[np.ix_(rows, columns)]
