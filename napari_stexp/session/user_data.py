"""The folder of the user's own data: what was opened last, and what was saved by itself."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Return the user's data folder, which may not exist yet; ``STEXP_DATA_DIR`` sets another."""
    import platformdirs

    root = os.environ.get("STEXP_DATA_DIR") or platformdirs.user_data_dir("napari-stexp", False)
    return Path(root)
