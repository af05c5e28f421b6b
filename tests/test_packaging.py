"""What an installation brings: packages, manifest, sample data, entry points."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def metadata() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _folders() -> set[str]:
    inside = {
        str(path.parent.relative_to(ROOT)).replace("/", ".").replace("\\", ".")
        for path in (ROOT / "napari_stexp").rglob("__init__.py")
    }
    return inside | {"napari_stexp.sample_data"}


def _sample_files() -> list[Path]:
    """Return what the sample consists of, beside the scripts that make it."""
    return [
        path
        for path in (ROOT / "sample_data").iterdir()
        if path.is_file() and path.suffix not in {".py", ".pyc"} and not path.name.startswith(".")
    ]


def test_the_list_of_packages_is_whole(metadata: configparser.ConfigParser) -> None:
    assert set(metadata["options"]["packages"].split()) == _folders()


def test_the_version_is_the_same_everywhere() -> None:
    from importlib.metadata import version

    import napari_stexp

    assert version("napari-stexp") == napari_stexp.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {napari_stexp.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{napari_stexp.__version__}]" in changes or "## [Unreleased]" in changes


@pytest.mark.parametrize("room", sorted(_folders() - {"napari_stexp.sample_data"}))
def test_every_exported_name_exists(room: str) -> None:
    module = importlib.import_module(room)
    missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
    assert missing == []


def test_the_manifest_is_valid() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "napari_stexp" / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == "napari-stexp"
    assert manifest.contributions.commands
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "napari-stexp"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_qt_binding_is_required(metadata: configparser.ConfigParser) -> None:
    required = metadata["options"]["install_requires"].lower()
    assert not re.search(r"pyqt|pyside|napari\[", required)
    assert "napari[pyqt6]" in metadata["options.extras_require"]["all"]


def test_every_import_is_a_requirement(metadata: configparser.ConfigParser) -> None:
    """A distribution that the code imports but setup.cfg forgets works only here."""
    names = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    names |= {"lightning_fabric": "lightning-fabric", "openslide": "openslide-python"}
    comes_with = {"vispy": "napari", "npe2": "napari", "app_model": "napari", "pint": "napari"}
    comes_with |= {"huggingface_hub": "timm", "markupsafe": "jinja2", "aiohttp": "fsspec"}
    comes_with |= {"geopandas": "spatialdata", "xarray": "spatialdata"}
    required = {
        re.split(r"[\[<>=! ]", line)[0]
        for section in (
            metadata["options"]["install_requires"],
            metadata["options.extras_require"]["all"],
            metadata["options.extras_require"]["spatialdata"],
        )
        for line in section.split("\n")
        if line
    }
    imported = set()
    for path in (ROOT / "napari_stexp").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        imported |= set(re.findall(r"^\s*(?:import|from) ([A-Za-z_]\w*)", text, re.MULTILINE))
    third_party = imported - set(sys.stdlib_module_names) - {"napari_stexp"}
    # Words that begin a line of a docstring are no imports.
    installed = {name for name in third_party if importlib.util.find_spec(name)}
    needed = {comes_with.get(name, names.get(name, name)) for name in installed}
    assert needed - required == set()


def test_the_sample_is_small_enough() -> None:
    files = _sample_files()
    suffixes = {"".join(path.suffixes[-2:]) for path in files}
    assert {".ome.tif", ".h5ad", ".geojson", ".safetensors"} <= suffixes
    assert sum(path.stat().st_size for path in files) <= 25 * MEGABYTE


def test_the_sample_is_found_where_it_is_installed() -> None:
    from importlib.resources import files

    folder = files("napari_stexp.sample_data")
    assert {path.name for path in _sample_files()} <= {path.name for path in folder.iterdir()}


def test_tool_configuration_names_what_exists() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checked = {name for name in settings["tool"]["mypy"]["packages"] if "." in name}
    assert {name for name in checked if importlib.util.find_spec(name) is None} == set()
    layers = " ".join(settings["tool"]["importlinter"]["contracts"][0]["layers"])
    rooms = {name for name in _folders() if name.count(".") == 1} - {"napari_stexp.sample_data"}
    assert {room for room in rooms if not re.search(rf"{re.escape(room)}\b", layers)} == set()


@pytest.mark.slow
def test_the_wheel_holds_all_of_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("napari_stexp", "sample_data"):
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={tmp_path}"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "."], check=True, cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        content = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "napari_stexp").rglob("*.py*")
        if path.suffix in {".py", ".pyi"}
    }
    expected |= {"napari_stexp/napari.yaml", "napari_stexp/py.typed"}
    templates = (ROOT / "napari_stexp").glob("*/report_templates/*")
    tables = [*(ROOT / "napari_stexp" / "gene").glob("*.t[os]*")]
    assert len(tables) == 2  # other names, marker panels
    expected |= {path.relative_to(ROOT).as_posix() for path in (*templates, *tables)}
    expected |= {f"napari_stexp/sample_data/{path.name}" for path in _sample_files()}
    scripts = {
        f"napari_stexp/sample_data/{path.relative_to(ROOT / 'sample_data').as_posix()}"
        for path in (ROOT / "sample_data").rglob("*.py")
    }
    assert content == expected | scripts
    assert wheel.stat().st_size <= 30 * MEGABYTE
    # -S and -P: nothing of this checkout; of its environment the requirements alone,
    # because without `site` no .pth file leads back here.
    requirements = Path(importlib.util.find_spec("lazy_loader").origin).parents[1]
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}, {str(requirements)!r}]\n"
        "import napari_stexp, importlib.resources as r\n"
        "print(len(list(r.files('napari_stexp.sample_data').iterdir())), napari_stexp.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code], check=True, capture_output=True, text=True
    )
    assert str(tmp_path / "site") in done.stdout
