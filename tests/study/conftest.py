"""A cohort small enough to study in a second: three patients, two sections of each of two."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import write_ome_tiff

GENES = tuple(f"G{i}" for i in range(8))
PATIENTS = {"A1": "A", "A2": "A", "B1": "B", "B2": "B", "C1": "C"}
SIDE, PATCH = 6, 32  # spots along a side; px at 1 µm/px


def draw_section(name: str, seed: int):
    """Return a picture and its spots: red tissue expresses the first genes, blue the others."""
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    rng = np.random.default_rng(seed)
    red = rng.random((SIDE, SIDE))
    cell = 40
    image = np.empty((SIDE * cell, SIDE * cell, 3))
    shade = np.kron(red, np.ones((cell, cell)))
    image[..., 0], image[..., 1], image[..., 2] = 90 + 140 * shade, 90, 230 - 140 * shade
    image += rng.normal(0, 8, image.shape)
    share = red.ravel()[:, None]
    half = len(GENES) // 2
    rate = np.hstack([share * np.full(half, 12.0), (1 - share) * np.full(half, 12.0)]) + 1
    rows, cols = (values.ravel() for values in np.mgrid[:SIDE, :SIDE])
    adata = AnnData(
        X=sparse.csr_matrix(rng.poisson(rate).astype(np.float32)),
        obs=pd.DataFrame(
            {"array_row": rows, "array_col": cols},
            index=[f"{col}x{row}" for row, col in zip(rows, cols, strict=True)],
        ),
        var=pd.DataFrame(index=list(GENES)),
    )
    adata.obs["label"] = np.where(red.ravel() > 0.5, "red", "blue")
    adata.obsm["spatial"] = np.column_stack([cols, rows]) * float(cell) + cell / 2
    adata.uns["stexp_spots"] = {"section": name, "patient": PATIENTS[name], "pitch_um": 40.0}
    adata.uns["spatial"] = {name: {"scalefactors": {"spot_diameter_fullres": 30.0}}}
    return np.clip(image, 0, 255).astype(np.uint8), adata


def write_cohort(folder: Path, names: Iterable[str] = PATIENTS, **changes: Any) -> Path:
    """Write sections and their manifest; ``changes``: section -> what becomes of its spots."""
    folder.mkdir(exist_ok=True)
    lines = ["slide,spots,section,patient,organ"]
    for seed, name in enumerate(names):
        image, adata = draw_section(name, seed)
        adata = changes.get(name, lambda same: same)(adata)
        write_ome_tiff(folder / f"{name}.ome.tif", image, 1.0)
        adata.write_h5ad(folder / f"{name}.h5ad")
        lines.append(f"{name}.ome.tif,{name}.h5ad,{name},{PATIENTS[name]},breast")
    path = folder / "sections.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of the cohort's sections."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def data_folder(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the data set of all sections."""
    from napari_stexp.dataset import PrepareSettings, prepare_dataset
    from napari_stexp.progress import exhaust
    from napari_stexp.spots import find_sections

    folder = tmp_path_factory.mktemp("study") / "data"
    settings = PrepareSettings(patch_px=PATCH, mpp=1.0, min_spots=0)
    exhaust(prepare_dataset(find_sections(manifest), folder, settings, genes=GENES))
    return folder


@pytest.fixture(scope="session")
def dataset(data_folder: Path):
    from napari_stexp.dataset import open_dataset

    return open_dataset(data_folder)


@pytest.fixture(scope="session")
def quick():
    """Settings that learn the cohort's two colours in a second."""
    from napari_stexp.study import preset

    return preset("small", epochs=3, batch_size=24, projection=16, workers=0)


@pytest.fixture(scope="session")
def trained(data_folder: Path, quick, tmp_path_factory: pytest.TempPathFactory):
    """A bundle trained on A1 and B1: A2 and B2 are siblings, C1 is of a new patient."""
    from napari_stexp.dataset import open_dataset
    from napari_stexp.model import Retrieval
    from napari_stexp.progress import exhaust
    from napari_stexp.study import RunPlan, TrainingRun, train_run

    dataset = open_dataset(data_folder)
    plan = RunPlan(("A1", "B1"), (), ("A2", "B2", "C1"))
    run = TrainingRun.of(dataset, plan, quick, retrieval=Retrieval(k=10), name="tiny")
    return exhaust(train_run(dataset, run, tmp_path_factory.mktemp("runs") / "run", device="cpu"))
