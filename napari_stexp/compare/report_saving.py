"""Tables and texts that a comparison report is saved with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_csv", "write_text"]


def write_csv(table: pd.DataFrame) -> str:
    """Return a table of genes as CSV, with six digits."""
    return str(table.to_csv(float_format="%.6g", lineterminator="\n"))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
