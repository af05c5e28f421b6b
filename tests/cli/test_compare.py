"""``napari-stexp compare``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.annotation import write_geojson
from napari_stexp.predict import read_prediction, write_prediction
from napari_stexp.spots import write_spots
from tests.cli.conftest import refused
from tests.compare.contents import GENES, REGIONS, make_prediction, make_spots, write_slide

QUICK = ("--domains", "kmeans", "--n-genes", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    write_slide(folder)
    write_geojson(REGIONS, folder / "regions.geojson")
    write_prediction(make_prediction(), folder / "predicted.h5ad")
    write_spots(make_spots(), folder / "measured.h5ad")
    return folder


def test_a_report_is_written_beside_the_prediction(run, files, tmp_path) -> None:
    prediction = write_prediction(read_prediction(files / "predicted.h5ad"), tmp_path / "p.h5ad")
    inputs = ("--slide", files / "one.ome.tif", "--measured", files / "measured.h5ad")
    result = run("compare", prediction, files / "regions.geojson", *inputs, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"p.h5ad", "p.comparison.html"}
    for text in ("Tumor", "50", "domains, kmeans, predicted", "ARI ", "PCC ", "p.comparison.html"):
        assert text in result.stdout
    assert "finding domains" in result.stderr
    page = (tmp_path / "p.comparison.html").read_text("utf-8")
    assert "Prediction and measurement" in page
    assert "napari-stexp" in page


def test_json_holds_the_numbers(run_json, files, tmp_path) -> None:
    output = tmp_path / "r.html"
    facts = run_json(
        *("compare", files / "predicted.h5ad", files / "regions.geojson"),
        *("--measured", files / "measured.h5ad", "--classes", "Tumor:Stroma", "-o", output),
        *("--genes", "GENE1,GENE2", "--domains", "none", "--tables", tmp_path / "tables"),
    )
    assert facts["report"] == str(output)
    assert facts["spots"] == {"Tumor": 50, "Stroma": 46, "": 4}
    assert facts["agreement"] == []
    assert facts["genes"] == ["GENE1", "GENE2"]
    predicted, measured = facts["contrasts"]
    assert (predicted["inside"], predicted["outside"]) == ("Tumor", "Stroma")
    assert (predicted["n_inside"], predicted["n_outside"]) == (50, 46)
    even = {f"GENE{at}" for at in range(0, len(GENES), 2)}
    for contrast in (predicted, measured):
        assert set(contrast["higher"]) < even
        assert not set(contrast["lower"]) & even
    assert facts["measured"]["scale"] == "spot"
    assert len(list((tmp_path / "tables").iterdir())) == 3
    assert "figures" not in facts


def test_the_command_is_in_the_report(run, files, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["napari-stexp", "compare", "a b.h5ad"])
    result = run(
        *("compare", files / "predicted.h5ad", files / "regions.geojson", "-o"),
        *(tmp_path / "r.html", "--title", "My title", *QUICK),
    )
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "napari-stexp compare &#39;a b.h5ad&#39;" in page
    assert "<h1>My title</h1>" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--classes", "nope"), "no such class"),
        (("--genes", "nope"), "neither predicted nor measured"),
        (("--margin-um", 5000, "--classes", "Tumor"), "left out near the border"),
        (("--figures", "FILE"), "file"),
    ],
)
def test_what_cant_be_done_is_told_in_one_line(run, files, tmp_path, options, said) -> None:
    (tmp_path / "file").write_text("")
    options = [tmp_path / "file" / "x" if option == "FILE" else option for option in options]
    arguments = ("compare", files / "predicted.h5ad", files / "regions.geojson", *QUICK)
    line = refused(run(*arguments, *options, "-o", tmp_path / "r.html"))
    assert said in line
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_other_files_are_refused(run, files, tmp_path) -> None:
    page = tmp_path / "r.html"
    measured, regions = files / "measured.h5ad", files / "regions.geojson"
    assert "no prediction" in refused(run("compare", measured, regions, "-o", page))
    predicted = files / "predicted.h5ad"
    assert "no such annotation" in refused(run("compare", predicted, "x.xml", "-o", page))
    assert "no column x" in refused(run("compare", predicted, "obs:x", "-o", page))
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type": "Feat')
    assert "broken.geojson" in refused(run("compare", predicted, broken, "-o", page))


@pytest.mark.parametrize(
    "options", [("--counts", "x"), ("--section", "x"), ("-o", "r.pdf"), ("--domains", "dbscan")]
)
def test_wrong_usage(run, files, options) -> None:
    options = [files / "measured.h5ad" if option == "x" and "--counts" in options else option
               for option in options]  # fmt: skip
    result = run("compare", files / "predicted.h5ad", files / "regions.geojson", *options)
    assert result.exit_code == 2


@pytest.mark.slow
def test_the_documented_call_on_the_sample(run, sample_folder, tmp_path, monkeypatch) -> None:
    """docs/comparison.md, with a prediction that is made of the sample's own counts."""
    import re
    import shlex

    from napari_stexp.model import log_normalize
    from napari_stexp.spots import read_spots

    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "comparison.md").read_text("utf-8")
    block = re.search(r"^```sh\n(.*?)^```", page.split("## Command line")[1], re.M | re.S).group(1)
    calls = [line for line in block.replace("\\\n", " ").splitlines() if " compare " in line]
    assert calls
    for path in sample_folder.iterdir():
        if path.suffix in (".tif", ".h5ad", ".geojson"):
            (tmp_path / path.name).symlink_to(path)
    spots = read_spots(sample_folder / "breast_synthetic_spots.h5ad")
    prediction = spots.copy()
    prediction.X = np.asarray(log_normalize(spots.X, "spot"))
    prediction.obs["status"] = "ok"
    prediction.uns["stexp"] = {"scale": "spot"}
    write_prediction(prediction, tmp_path / "predicted.h5ad")
    monkeypatch.chdir(tmp_path)
    for call in calls:
        result = run(*shlex.split(call)[1:], "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["contrasts"]
