"""``python -m napari_stexp.cli``: the command line without its console script."""

from __future__ import annotations

from napari_stexp.cli import main

if __name__ == "__main__":
    main()
