"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _data_folder() -> Path:
    return Path(os.environ.get("STEXP_DATA", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def stexp_data() -> Path:
    """Folder with the real data (``her2st/``, ``slides/``); skips where it is absent."""
    folder = _data_folder()
    if not (folder / "her2st" / "reference").is_dir():
        pytest.skip(f"the real HER2ST data are not at {folder} (set STEXP_DATA)")
    return folder


@pytest.fixture(scope="session")
def her2st(stexp_data: Path) -> Path:
    """Root of the HER2ST data (``data/``, ``reference/``, ``genes/``)."""
    return stexp_data / "her2st"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache and settings out of the tests."""
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """Return the folder of the synthetic sample data."""
    return REPOSITORY / "sample_data"
