"""``napari-stexp predict``: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


def _read(path: Path):
    from napari_stexp.predict import read_prediction

    return read_prediction(path)


def test_grid_on_the_tissue_is_predicted(run_json, slide, bundle, tmp_path) -> None:
    output = tmp_path / "new" / "out.h5ad"
    facts = run_json("predict", slide, "--model", bundle, "-o", output, "--device", "cpu")
    adata = _read(output)
    assert facts["output"] == str(output)
    assert facts["spots"] == adata.n_obs > 20
    assert facts["genes"] == 5
    assert facts["status"] == {"ok": adata.n_obs}
    distance = np.hypot(*(adata.obsm["spatial"] - [600, 450]).T)
    assert distance.max() < 360  # nothing on the glass
    assert np.isfinite(adata.X).all()
    assert facts["provenance"]["model"]["name"] == "tiny"


def test_the_command_line_predicts_what_the_library_does(
    run, slide, spots, bundle, tmp_path
) -> None:
    from napari_stexp import PredictParams, load_bundle, open_slide, predict_spots, read_spots
    from napari_stexp.progress import exhaust

    params = ["--k", "3", "--metric", "l2", "--scale", "gene", "--exclude-patient", "B"]
    output = tmp_path / "out.h5ad"
    result = run("predict", slide, "-m", bundle, "--spots", spots, "-o", output, *params)
    assert result.exit_code == 0, result.stderr
    assert str(output) in result.stdout
    with open_slide(slide) as opened:
        expected = exhaust(
            predict_spots(
                opened,
                read_spots(spots),
                load_bundle(bundle),
                PredictParams(k=3, metric="l2", scale="gene", exclude_patients=("B",)),
            )
        )
    found = _read(output)
    np.testing.assert_array_equal(found.X, expected.X)
    assert list(found.obs_names) == list(expected.obs_names)
    assert found.uns["stexp"]["scale"] == "gene"


def test_the_scale_of_a_picture_comes_from_its_spots(run, picture, spots, bundle, tmp_path) -> None:
    result = run("predict", picture, "-m", bundle, "--spots", spots, "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    assert "using 1, from the pitch of its spots" in result.stderr
    header = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.endswith("ERBB2,COL1A1,IGKC,ADIPOQ,KRT19")


def test_a_picture_without_scale_gets_no_grid(run, picture, bundle, tmp_path) -> None:
    output = tmp_path / "out.h5ad"
    result = run("predict", picture, "-m", bundle, "-o", output)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "scale" in result.stderr
    assert not list(tmp_path.iterdir())
    result = run("predict", picture, "-m", bundle, "--mpp", 1.0, "--pitch", 200, "-o", output)
    assert result.exit_code == 0, result.stderr
    assert output.exists()


def test_a_contradicting_scale_is_refused(run, slide, spots, bundle, tmp_path) -> None:
    output = tmp_path / "out.h5ad"
    result = run("predict", slide, "-m", bundle, "--spots", spots, "--mpp", 0.5, "-o", output)
    assert result.exit_code == 1
    assert "pitch contradicts" in result.stderr
    assert not output.exists()


@pytest.mark.filterwarnings("always:The model's reference holds")  # elsewhere they are errors
def test_a_reference_that_knows_the_patient_is_told(run, slide, sections, bundle, tmp_path) -> None:
    arguments = ("predict", slide, "-m", bundle, "--spots", sections[0], "-o", tmp_path / "a.h5ad")
    told = run(*arguments).stderr
    assert "this very section (A1)" in told
    assert "--exclude-patient A" in told
    assert "reference holds" not in run(*arguments, "--exclude-patient", "A").stderr
    assert "this very section" not in run(*arguments, "--exclude-section", "A1").stderr


def test_an_error_is_one_line(run, slide, spots, tmp_path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    result = run("predict", slide, "-m", broken, "--spots", spots, "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert "broken.safetensors" in lines[0]


def test_debug_shows_the_traceback(run, picture, bundle, tmp_path) -> None:
    from napari_stexp.errors import ScaleError

    result = run("--debug", "predict", picture, "-m", bundle, "-o", tmp_path / "out.h5ad")
    assert isinstance(result.exception, ScaleError)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--spots", "{spots}", "--grid", "hex"],
        ["-o", "out.xlsx"],
        ["--k", "0"],
        ["--metric", "cosine"],
        ["--spots", "missing.h5ad"],
        ["--no-such-option"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(run, slide, spots, bundle, tmp_path, wrong) -> None:
    arguments = [word.format(spots=spots) for word in wrong]
    result = run("predict", slide, "-m", bundle, "-o", tmp_path / "out.h5ad", *arguments)
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_found_before_the_work(run, slide, bundle, tmp_path) -> None:
    tmp_path.chmod(0o500)
    try:
        result = run("predict", slide, "-m", bundle, "-o", tmp_path / "out.h5ad")
    finally:
        tmp_path.chmod(0o700)
    assert result.exit_code == 1
    assert "can't write here" in result.stderr


def test_a_file_in_the_way_is_found_before_the_work(run, slide, bundle, tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    result = run("predict", slide, "-m", bundle, "-o", tmp_path / "file" / "out.h5ad")
    assert result.exit_code == 1
    assert "can't write here" in result.stderr


def test_a_folder_in_the_way_is_found_before_the_work(run, slide, bundle, tmp_path) -> None:
    (tmp_path / "out.h5ad").mkdir()
    result = run("predict", slide, "-m", bundle, "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 1
    assert "a folder of this name" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT can't be sent to one process")
@pytest.mark.parametrize("keep", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ctrl_c_leaves_no_partial_file_unless_asked(slide, bundle, tmp_path, keep) -> None:
    output = tmp_path / "out.h5ad"
    command = ["predict", slide, "-m", bundle, "-o", output, "--pitch", "4", "--diameter", "4"]
    command += ["--batch-size", "16", "--device", "cpu"] + ["--keep-partial"] * keep
    # Where the tests run in a shell's background, SIGINT is ignored, and children inherit it.
    code = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('napari_stexp.cli', run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "predicting" not in (line := process.stderr.readline()):
        assert line, "it ended before it was interrupted"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert time.monotonic() - start < 20
    assert stdout == ""
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    if keep:
        adata = _read(output)
        status = set(adata.obs["status"])
        assert status == {"ok", "pending"}
        pending = np.asarray(adata.obs["status"] == "pending")
        assert np.isnan(adata.X[pending]).all()
        assert np.isfinite(adata.X[~pending]).all()
    else:
        assert not list(tmp_path.iterdir())


def test_json_stays_clean_when_piped(slide, spots, bundle, tmp_path) -> None:
    command = ["predict", slide, "-m", bundle, "--spots", spots, "-o", tmp_path / "a.h5ad"]
    done = subprocess.run(
        [sys.executable, "-m", "napari_stexp.cli", *map(str, command), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["spots"] == 30
    assert "predicting" in done.stderr


def test_quiet_says_nothing(run, slide, spots, bundle, tmp_path) -> None:
    result = run("-q", "predict", slide, "-m", bundle, "--spots", spots, "-o", tmp_path / "a.h5ad")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_a_table_with_any_columns_is_as_good_as_h5ad(run, slide, spots, bundle, tmp_path) -> None:
    import pandas as pd

    measured = _read_spots(spots)
    table = pd.DataFrame(measured.X.toarray(), measured.obs_names, measured.var_names)
    table["across"], table["down"] = measured.obsm["spatial"].T
    path = tmp_path / "lab.csv"
    table.to_csv(path, sep=";", decimal=",", index_label="spot")
    base = ["predict", slide, "-m", bundle, "--exclude-patient", "B", "-o"]
    asked = run(*base, tmp_path / "no.h5ad", "--spots", path)
    assert "which columns hold x and y" in asked.stderr
    columns = ["--spot-columns", "x=across,y=down,id=spot,genes=*"]
    asked = run(*base, tmp_path / "no.h5ad", "--spots", path, *columns)
    assert "--spot-units" in asked.stderr
    units = [*columns, "--spot-units", "um"]
    result = run(*base, tmp_path / "table.h5ad", "--spots", path, *units)
    assert result.exit_code == 0, result.stderr
    assert run(*base, tmp_path / "h5ad.h5ad", "--spots", spots).exit_code == 0
    one, other = _read(tmp_path / "table.h5ad"), _read(tmp_path / "h5ad.h5ad")
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.obsm["spatial"], other.obsm["spatial"])
    info = run("info", path)
    assert info.exit_code == 0, info.stderr
    assert "semicolons, decimal commas" in info.stdout


def _read_spots(path: Path):
    from napari_stexp import read_spots

    return read_spots(path)
