"""The command line: ``napari-stexp view | predict | prepare | train | evaluate | ...``.

Argument parsing only; every command calls the rooms it names. Exit codes:
0 done, 1 failed (one line on stderr says why), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the console script's entry point."""
    from napari_stexp.cli.app import app
    from napari_stexp.memory import keep_freed_memory

    keep_freed_memory()
    app(prog_name="napari-stexp")
