"""Importing the package, and starting napari with it, must cost next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = (
    "PyQt5",
    "PyQt6",
    "PySide6",
    "anndata",
    "dask",
    "distributed",
    "magicgui",
    "napari",
    "numpy",
    "pandas",
    "psygnal",
    "pyarrow",
    "qtpy",
    "scipy",
    "shapely",
    "skimage",
    "tifffile",
    "timm",
    "torch",
    "torchvision",
    "vispy",
)
ROOMS = (
    "annotation",
    "cli",
    "cohort",
    "compare",
    "dataset",
    "evaluate",
    "export",
    "figure",
    "gene",
    "model",
    "panels",
    "predict",
    "session",
    "slide",
    "spots",
    "study",
    "train",
    "viewer",
)


def _run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    return done.stdout


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which bytecode is kept, as it is where pip has installed a program.

    The first of several runs fills the folder, the later ones read it.
    """
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode")),
    }


def _loaded_by(statement: str) -> set[str]:
    """Top-level modules in sys.modules after a statement in a fresh interpreter."""
    code = (
        "import sys, json\nbefore = set(sys.modules)\n"
        f"{statement}\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    return set(json.loads(_run(code)))


def test_import_takes_less_than_a_tenth_of_a_second(compiled: dict[str, str]) -> None:
    code = (
        "import time\nstart = time.perf_counter()\nimport napari_stexp\n"
        "print(time.perf_counter() - start)"
    )
    assert min(float(_run(code, **compiled)) for _ in range(5)) < 0.1


def test_import_loads_nothing_heavy() -> None:
    assert not _loaded_by("import napari_stexp").intersection(HEAVY)


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_nothing_heavy(room: str) -> None:
    assert not _loaded_by(f"import napari_stexp.{room}").intersection(HEAVY)


def test_the_command_line_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import napari_stexp.cli.app")
    assert "typer" in loaded
    assert not loaded.intersection(HEAVY)


def test_help_comes_within_half_a_second(compiled: dict[str, str]) -> None:
    code = (
        "import time\nstart = time.perf_counter()\n"
        "from napari_stexp.cli.app import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('\\n', time.perf_counter() - start)"
    )
    assert min(float(_run(code, **compiled).split()[-1]) for _ in range(5)) < 0.5


def test_discovering_the_plugin_imports_none_of_its_rooms() -> None:
    code = """
import json, sys, warnings
warnings.simplefilter("ignore")
from npe2 import PluginManager
manager = PluginManager.instance()
manager.discover()
assert "napari-stexp" in manager, "the plugin is not found"
print(json.dumps([name for name in sys.modules if name.startswith("napari_stexp.")]))
"""
    loaded = json.loads(_run(code))
    assert [name for name in loaded if name.split(".")[1] in ROOMS] == []
