"""Which data and which run were used last, for the next window."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

from napari_stexp.errors import StexpError
from napari_stexp.files import atomic_path
from napari_stexp.session.user_data import data_folder

__all__ = ["TrainingMemory"]

_LOG = logging.getLogger(__name__)
_FILE = "train.json"


class TrainingMemory:
    """Two folders in a small file of the user's data; losing it harms nothing."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        with suppress(OSError, ValueError, StexpError):
            known = json.loads((data_folder() / _FILE).read_text(encoding="utf-8"))
            if isinstance(known, dict):
                self._known = {str(key): str(value) for key, value in known.items()}

    @property
    def dataset(self) -> Path | None:
        """The data used last, if they are still there."""
        return self._folder("dataset")

    @property
    def run(self) -> Path | None:
        """The last run on them, if it is still there."""
        return self._folder("run")

    def _folder(self, key: str) -> Path | None:
        name = self._known.get(key)
        return Path(name) if name and Path(name).is_dir() else None

    def remember(self, *, dataset: Path | None = None, run: Path | None = None) -> None:
        """Remember data (the run of others is forgotten) or a run."""
        known = dict(self._known)
        if dataset is not None and known.get("dataset") != str(dataset):
            known = {"dataset": str(dataset)}
        if run is not None:
            known["run"] = str(run)
        if known == self._known:
            return
        self._known = known
        try:
            with atomic_path(data_folder() / _FILE) as temporary:
                temporary.write_text(json.dumps(known, indent=2), encoding="utf-8")
        except StexpError as error:
            _LOG.info("%s", error.message)
