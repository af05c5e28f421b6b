"""Fixtures shared by all tests."""

from __future__ import annotations

import lzma
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.viewer.native import keep_triton_to_itself

REPOSITORY = Path(__file__).resolve().parents[1]

# A shell's background job ignores SIGINT, and Python then never raises KeyboardInterrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Any order of tests must do: one that draws a window before another that imports torch.
keep_triton_to_itself()


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


@pytest.fixture(scope="session")
def released_checkpoint(her2st: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Path of the released-format checkpoint, unpacked (465 MB) for this run only."""
    path = tmp_path_factory.mktemp("released") / "best_0.pt"
    with lzma.open(her2st / "reference" / "best_0.pt.xz") as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 24)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def reference(her2st: Path) -> dict[str, np.ndarray]:
    """Outputs of the released code on real tissue: bank, neighbours, weights, predictions."""
    with np.load(her2st / "reference" / "reference.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="session")
def extras(her2st: Path) -> dict[str, np.ndarray]:
    """The released code's values layer by layer, and raw counts."""
    with np.load(her2st / "reference" / "extras.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache and settings out of the tests."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("STEXP_CACHE_DIR", str(base / "cache"))
    monkeypatch.setenv("STEXP_DATA_DIR", str(base / "data"))


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """Return the folder of the synthetic sample data."""
    return REPOSITORY / "sample_data"
