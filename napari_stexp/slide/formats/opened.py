"""What opening a file of any format gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.facts import SlideFacts
from napari_stexp.slide.formats.level import TileLevel

__all__ = ["LeftToOpenSlideError", "OpenedFile"]


class LeftToOpenSlideError(SlideError):
    """Our own readers don't read this kind of file; OpenSlide may.

    Not for damage: what is cut off must not open through another backend.
    """


@dataclass(frozen=True)
class OpenedFile:
    """The levels of a slide, and what it says about itself.

    Attributes
    ----------
    levels : tuple of TileLevel
        Finest first, each strictly smaller than the one before.
    facts : SlideFacts
    backend : str
        Who reads it, for people: ``'napari-stexp'``, ``'OpenSlide 4.0.0'``.
    associated : mapping of str to callable
        Pictures of the glass by name (``'label'``, ``'macro'``, ``'thumbnail'``), each
        decoded to (h, w, 3) uint8 when called. They can identify a patient: never shown
        or written unless asked for.
    """

    levels: tuple[TileLevel, ...]
    facts: SlideFacts
    backend: str = "napari-stexp"
    associated: Mapping[str, Callable[[], NDArray[np.uint8]]] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of the files."""
        for level in self.levels:
            level.close()
