"""Tables as files, written as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from napari_stexp.progress import Progress

__all__ = ["save_table_steps"]


def save_table_steps(
    table: Any, path: Path, notes: Sequence[str] = ()
) -> Generator[Progress, None, Path]:
    """Write a table as CSV, with notes as comments on top."""
    yield Progress(0, 0, f"writing {path.name}")
    from napari_stexp.files import atomic_path

    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        for note in notes:
            file.write(f"# {note}\n")
        table.to_csv(file)
    return path
