"""What a pyramid level is, and which levels a slide is given."""

from __future__ import annotations

from dataclasses import dataclass

from napari_stexp.errors import TileError

__all__ = [
    "COARSEST_PX",
    "Level",
    "broken_tile",
    "halved",
    "stored_downsample",
    "synthesised_levels",
]

#: napari reads the coarsest level whole, in the main thread: it is kept this small (px).
COARSEST_PX = 2000


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Attributes
    ----------
    shape : (int, int)
        Height and width in this level's pixels.
    downsample : float
        Level-0 pixels per pixel of this level, the same in x and y.
    tile : (int, int)
        Height and width of its tiles. Tiles at the right and lower border are
        whole; what lies beyond ``shape`` in them has no meaning.
    stored : bool
        False where it is computed from the level before by 2 x 2 means.
    """

    shape: tuple[int, int]
    downsample: float
    tile: tuple[int, int]
    stored: bool = True

    @property
    def grid(self) -> tuple[int, int]:
        """Number of tile rows and columns."""
        return -(-self.shape[0] // self.tile[0]), -(-self.shape[1] // self.tile[1])


def broken_tile(
    level: Level, where: str, path: object, found: object, what: str = "a tile"
) -> TileError:
    """Return the error of what doesn't decode.

    Parameters
    ----------
    level : Level
        Which it is of: told by its size.
    where : str
        Its place there, e.g. ``'row 3, column 4'``.
    path : Path or RemotePath
    found : object
        What is wrong with it.
    what : str
    """
    height, width = level.shape
    return TileError(
        f"{what} doesn't decode ({where} of the level with {width} x {height} px)",
        path=path, found=found,
    )  # fmt: skip


def halved(shape: tuple[int, int]) -> tuple[int, int]:
    """Shape after a 2 x 2 mean; an odd last row or column is kept."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def stored_downsample(base: tuple[int, int], shape: tuple[int, int]) -> float:
    """Level-0 pixels per pixel of a stored level.

    Scanners crop or pad a level to whole pixels, so that the ratio of the
    sizes is slightly off the factor that was meant: 100003 / 25000 = 4.00012
    would put the far edge 12 px astray. Where a whole number explains both
    sizes to within a pixel, it is taken; else the mean of the two ratios.
    """
    ratio = (base[0] / shape[0] + base[1] / shape[1]) / 2
    whole = round(ratio)
    if all(abs(b / whole - s) <= 1 for b, s in zip(base, shape, strict=True)):
        return float(whole)
    return ratio


def synthesised_levels(coarsest: Level) -> list[Level]:
    """Levels to add by 2 x 2 means until both sides are at most `COARSEST_PX`.

    Their tiles are even-sized, so that a 2 x 2 block never crosses a border.
    """
    tile = (256, 256) if min(coarsest.tile) < 128 or max(coarsest.tile) > 1024 else coarsest.tile
    levels: list[Level] = []
    last = coarsest
    while max(last.shape) > COARSEST_PX:
        last = Level(halved(last.shape), last.downsample * 2, tile, stored=False)
        levels.append(last)
    return levels
