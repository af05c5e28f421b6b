"""Reading gene sets as a generator of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.gene import GeneSet

__all__ = ["read_gmt_steps"]


def read_gmt_steps(path: Path) -> Generator[Progress, None, list[GeneSet]]:
    """Read gene sets."""
    yield Progress(0, 0, "reading the gene sets")
    from napari_stexp.gene import read_gmt

    return read_gmt(path)
