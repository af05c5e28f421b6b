"""Array positions of spots: within which bounds, and as sines and cosines."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_stexp.errors import BundleError

__all__ = ["check_positions", "sincos"]


def sincos(positions: Tensor, width: int) -> Tensor:
    """Encode array positions by fixed sines and cosines.

    The first half of the columns (the larger one, where ``width`` is odd) is of
    x, the second of y. Of the d columns of a half, number 2i is sin(x · f) and
    number 2i + 1 cos(x · f) with f = 10000^(-2i/d) (Vaswani et al., Attention
    Is All You Need, 2017, section 3.5).

    Parameters
    ----------
    positions : Tensor, (N, 2) integer
        Array position (x, y).
    width : int
        Number of columns.

    Returns
    -------
    Tensor, (N, width) float32
    """
    halves = []
    for axis, columns in enumerate(((width + 1) // 2, width // 2)):
        column = torch.arange(columns)
        pair = (column // 2 * 2).double() / max(columns, 1)
        # on the CPU: not every device knows float64
        angle = positions[:, axis, None].cpu().double() * torch.pow(10_000.0, -pair)
        halves.append(torch.where(column % 2 == 0, angle.sin(), angle.cos()))
    return torch.cat(halves, dim=1).float().to(positions.device)


def check_positions(positions: Tensor, limits: tuple[int, int] | None = None) -> None:
    """Refuse array positions that can't be encoded.

    Parameters
    ----------
    positions : Tensor, (N, 2) integer
        Array position (x, y).
    limits : tuple of int, optional
        Rows of the model's tables of x and y.

    Raises
    ------
    BundleError
        One is negative (unknown), or outside the tables.
    """
    if not len(positions):
        return
    low, high = positions.amin(0).tolist(), positions.amax(0).tolist()
    if limits is None:
        if min(low) < 0:
            raise BundleError(
                "array positions of spots are unknown or negative",
                expected="0 and above",
                found=f"x from {low[0]}, y from {low[1]}",
            )
        return
    if min(low) < 0 or high[0] >= limits[0] or high[1] >= limits[1]:
        raise BundleError(
            "array positions lie outside the model's position tables",
            expected=f"x in 0..{limits[0] - 1}, y in 0..{limits[1] - 1}",
            found=f"x in {low[0]}..{high[0]}, y in {low[1]}..{high[1]}",
        )
