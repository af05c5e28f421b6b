"""Small inputs on disk for whole commands: a slide with tissue, spots, a random bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.builders import build_tiny_bundle, write_ome_tiff
from tests.study.conftest import data_folder, dataset, manifest

__all__ = ["data_folder", "dataset", "manifest"]

GENES = ("ERBB2", "COL1A1", "IGKC", "ADIPOQ", "KRT19")
MPP = 1.0
PATCH = 32


#: A training of a few seconds. It learns little.
QUICK = (
    *("--encoder", "timm:test_resnet", "--preset", "small", "--epochs", 2, "--batch-size", 24),
    *("--set", "projection=16", "--set", "workers=0", "--k", 10, "--device", "cpu"),
)


def invoke(*arguments: object) -> Result:
    """Run the command line in this process; its result has exit_code, stdout and stderr."""
    from napari_stexp.cli.app import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def invoke_json(*arguments: object) -> Any:
    """Run a command that must succeed with nothing but JSON on stdout."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def run():
    return invoke


@pytest.fixture
def run_json():
    return invoke_json


def refused(result: Result) -> str:
    """Return the one line that a command failed with."""
    assert result.exit_code == 1, result.stdout + result.stderr
    assert result.stdout == ""
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and time of writing."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def trained_run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run's folder and what its training printed: learned A1, B1; C1 is of a new patient."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    uses = ("--hold-out", "A2,B2", "--hold-out-patient", "C")
    return folder, invoke_json("train", data_folder, "-o", folder, *uses, *QUICK)


@pytest.fixture
def own_run(trained_run, tmp_path: Path) -> Path:
    """A copy of the run's folder, to be changed."""
    return Path(shutil.copytree(trained_run[0], tmp_path / "run"))


def write_no_plots(result: Any, path: Path) -> None:
    """Stand in for the report, which takes seconds to draw."""
    Path(path).write_text(f"by {result.split}", encoding="utf-8")


@pytest.fixture(scope="module")
def without_plots() -> Iterator[None]:
    """Write a report of one line where its content is not what is tested."""
    import napari_stexp.evaluate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(napari_stexp.evaluate, "write_report", write_no_plots)
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def slide(folder: Path) -> Path:
    """A tiled OME-TIFF, 900 x 1200 px at 1 µm/px: a disc of tissue on glass."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:900, :1200]
    tissue = (y - 450) ** 2 + (x - 600) ** 2 < 350**2
    image = np.full((900, 1200, 3), 243, np.uint8)
    image[tissue] = np.array([190, 90, 160]) + rng.integers(-25, 25, (tissue.sum(), 3))
    return write_ome_tiff(folder / "small.ome.tif", image, MPP)


@pytest.fixture(scope="session")
def picture(folder: Path, slide: Path) -> Path:
    """The same as a PNG, which says nothing of its scale."""
    import tifffile
    from PIL import Image

    path = folder / "small.png"
    Image.fromarray(tifffile.imread(slide)).save(path)
    return path


def make_section(name: str, seed: int):
    """A section of 5 x 6 measured spots, 100 µm apart at 1 µm/px."""
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    rng = np.random.default_rng(seed)
    rows, cols = (values.ravel() for values in np.mgrid[:5, :6])
    adata = AnnData(
        X=sparse.csr_matrix(rng.poisson(4.0, (30, len(GENES))).astype(np.float32)),
        obs=pd.DataFrame(
            {"array_row": rows, "array_col": cols},
            index=[f"{col}x{row}" for row, col in zip(rows, cols, strict=True)],
        ),
        var=pd.DataFrame(index=list(GENES)),
    )
    adata.obsm["spatial"] = np.column_stack([350.0 + 100 * cols, 250.0 + 100 * rows])
    adata.uns["stexp_spots"] = {"section": name, "patient": name[0], "pitch_um": 100.0}
    adata.uns["spatial"] = {name: {"scalefactors": {"spot_diameter_fullres": 55.0}}}
    return adata


@pytest.fixture(scope="session")
def spots(folder: Path) -> Path:
    path = folder / "spots.h5ad"
    make_section("Q1", 3).write_h5ad(path)
    return path


@pytest.fixture(scope="session")
def sections(folder: Path) -> tuple[Path, Path]:
    """Two reference sections, of the patients A and B."""
    paths = folder / "A1.h5ad", folder / "B1.h5ad"
    for seed, path in enumerate(paths):
        make_section(path.stem, seed).write_h5ad(path)
    return paths


@pytest.fixture(scope="session")
def genes(folder: Path) -> Path:
    path = folder / "genes.txt"
    path.write_text("\n".join(GENES) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def checkpoint(folder: Path) -> Path:
    """A checkpoint as the released code writes them, with random weights."""
    import torch

    from napari_stexp.model import MclSTExp

    torch.manual_seed(0)
    model = MclSTExp("resnet18", len(GENES), (64, 64))
    path = folder / "best_0.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def bundle(folder: Path) -> Path:
    """A ResNet-18 with random weights that reads 32 px at 1 µm/px; 20 reference spots."""
    from napari_stexp.model import save_bundle

    contract = {"patch_px": PATCH, "mpp": MPP}
    whole = build_tiny_bundle(GENES, {"A1": 10, "B1": 10}, input=contract)
    return save_bundle(whole, folder / "tiny.safetensors")
