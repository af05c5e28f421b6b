"""What every format gives: levels that are read tile by tile."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_stexp.slide.decoding import StoredLevel
from napari_stexp.slide.levels import Level
from napari_stexp.slide.location import Location
from napari_stexp.slide.source import ByteSource

__all__ = ["FileLevel", "TileLevel"]


class TileLevel(Protocol):
    """One stored level of a slide; safe to read from many threads.

    Attributes
    ----------
    level : Level
        Its size, and how it is cut into tiles.
    path : Path
        The file that it is read from, for messages.
    """

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""

    @property
    def path(self) -> Location:
        """The file that it is read from."""

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Decode one tile.

        Returns
        -------
        (th, tw, 3) uint8 array
            Whole also at the border, where what lies outside has no meaning.

        Raises
        ------
        TileError
            It can't be read or doesn't decode, or the level is closed.
        """

    def close(self) -> None:
        """Let go of the file; reads that are under way end normally, a second call does nothing."""


class FileLevel:
    """A level whose tiles are byte ranges of one file.

    Parameters
    ----------
    stored : StoredLevel
        Where the tiles lie, and how they decode.
    source : ByteSource
        May be shared by several levels: closing one closes it for all.
    """

    def __init__(self, stored: StoredLevel, source: ByteSource) -> None:
        self._stored = stored
        self._source = source

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""
        return self._stored.level

    @property
    def path(self) -> Location:
        """The file that it is read from."""
        return self._source.path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Decode one tile, (th, tw, 3) uint8."""
        return self._stored.read(self._source, row, col)

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
