"""The command line on real tissue: the released checkpoint imported, C4 predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:The model's reference holds"),  # C4's siblings are it
]

# What differs is the decoding of the JPEG and the order of sums.
MAX_ERROR, MEAN_ERROR = 0.02, 1e-3


@pytest.fixture(scope="module")
def released_bundle(released_checkpoint: Path, her2st: Path, tmp_path_factory) -> Path:
    from typer.testing import CliRunner

    from napari_stexp.cli.app import app

    output = tmp_path_factory.mktemp("bundle") / "her2.safetensors"
    genes = her2st / "genes" / "her_hvg_cut_1000.npy"
    options = ["--genes", genes, "--reference", f"{her2st}:C2,C3,C5,C6", "-o", output]
    arguments = ["import", released_checkpoint, *options, "--windowing", "sequence32"]
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert result.exit_code == 0, result.stderr
    return output


@pytest.mark.parametrize(
    ("metric", "scale", "name"),
    [
        ("l1", "spot", "pred_l1_spotnorm_C4"),
        pytest.param("l2", "gene", "pred_l2_C4", marks=pytest.mark.slow),
    ],
)
def test_c4_agrees_with_the_released_code(
    run_json, her2st, released_bundle, reference, tmp_path, metric, scale, name
) -> None:
    from napari_stexp.predict import read_prediction

    (slide,) = (her2st / "data" / "ST-imgs" / "C" / "C4").glob("*.jpg")
    spots = her2st / "data" / "ST-spotfiles" / "C4_selection.tsv"
    output = tmp_path / "C4.h5ad"
    facts = run_json(
        *("predict", slide, "--spots", spots, "--model", released_bundle, "-o", output),
        *("--metric", metric, "--scale", scale),
    )
    assert facts["status"] == {"ok": 184}
    adata = read_prediction(output)
    assert list(adata.var_names) == list(reference["gene_list"])
    assert list(adata.obs_names) == list(reference["spot_id_C4"])
    error = np.abs(adata.X - reference[name])
    assert error.max() <= MAX_ERROR
    assert error.mean() <= MEAN_ERROR
    evaluated = run_json("evaluate", output, spots)
    assert evaluated["scale"] == scale
    assert evaluated["n_spots"] == 184
