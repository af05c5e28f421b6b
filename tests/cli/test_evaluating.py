"""``evaluate``: a model on what it has not seen, or a prediction against its measurement."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from napari_stexp.model import load_bundle
from tests.cli.conftest import invoke, invoke_json, refused, state_of, write_no_plots
from tests.study.conftest import GENES

FAST = ("--bootstrap", 0, "--device", "cpu")
REPORT = {"report.html", "scores.csv", "scores.parquet", "summary.csv", "summary.parquet"}


@pytest.fixture
def plain(monkeypatch) -> None:
    """Spare the report's plots."""
    import napari_stexp.evaluate

    monkeypatch.setattr(napari_stexp.evaluate, "write_report", write_no_plots)


@pytest.fixture(scope="module")
def report(trained_run, data_folder, tmp_path_factory):
    """The folder of a report on C1, whose patient the model has not seen, and the facts."""
    folder = tmp_path_factory.mktemp("reports") / "report"
    options = ("--split", "patient", "--bootstrap", 20, "--device", "cpu")
    return folder, invoke_json("evaluate", trained_run[0], data_folder, "-o", folder, *options)


def test_a_report_and_tables_are_written(report) -> None:
    folder, facts = report
    names = {path.name for path in folder.iterdir()}
    assert names >= REPORT
    assert not [name for name in names if name.startswith(".")]
    assert facts["report"] == str(folder / "report.html")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "C1" in html
    assert "<script src" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_every_number_says_scale_and_split(report) -> None:
    folder, facts = report
    assert facts["split"] == "patient"
    assert [section["name"] for section in facts["sections"]] == ["C1"]
    rows = pd.DataFrame(facts["overall"])
    assert set(rows["scale"]) == {"spot", "gene"}
    assert set(rows["split"]) == {"patient"}
    assert set(rows["method"]) >= {"mclstexp", "mean", "nearest_colour", "ridge_statistics"}
    assert set(rows["method"]) >= {"ridge_features", "tissue_density"}
    known = rows[(rows["method"] == "mclstexp") & (rows["metric"] == "acg_pcc")]
    assert known["ci_low"].le(known["value"]).all()
    table = pd.read_csv(folder / "summary.csv")
    overall = table[table["section"] == "all"].set_index(["method", "scale", "metric"])["value"]
    for row in facts["overall"]:
        if row["value"] is not None:
            key = (row["method"], row["scale"], row["metric"])
            assert row["value"] == pytest.approx(overall[key])


def test_the_verdict_is_that_of_the_numbers(report) -> None:
    _, facts = report
    rows = pd.DataFrame(facts["overall"])
    for scale, verdict in facts["verdict"].items():
        chosen = rows[(rows["metric"] == "acg_pcc") & (rows["scale"] == scale)]
        values = chosen.set_index("method")["value"]
        assert verdict["strongest_baseline"] == values.drop("mclstexp").dropna().idxmax()
        if verdict["outcome"] == "ahead":
            assert values["mclstexp"] > values[verdict["strongest_baseline"]]
        assert f"{values['mclstexp']:.3f}" in verdict["text"]


def test_people_read_numbers_with_scale_and_split(
    trained_run, data_folder, tmp_path, plain
) -> None:
    result = invoke(
        *("evaluate", trained_run[0], data_folder, "-o", tmp_path / "report"),
        *("--split", "section", *FAST),
    )
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split(maxsplit=2)[2] == "by section: A2, B2"
    assert "expression per spot, held out by section" in lines
    assert "expression per gene, held out by section" in lines
    mean = next(line for line in lines if "Mean of the training spots" in line)
    assert "ACG undefined, HEG undefined, MSE 0." in mean
    assert any(line.split()[0] == "verdict" for line in lines)
    assert "Other sections of the same patients were in training" in result.stdout
    assert "nan" not in result.stdout


def test_both_splits_are_not_put_together(run, trained_run, data_folder, tmp_path) -> None:
    line = refused(run("evaluate", trained_run[0], data_folder, "-o", tmp_path / "report", *FAST))
    assert "never put into one table" in line
    assert "patient: C1; section: A2, B2" in line
    assert not (tmp_path / "report" / "report.html").exists()


def test_a_patient_can_be_left_out_of_the_reference(
    run_json, trained_run, data_folder, tmp_path, plain
) -> None:
    facts = run_json(
        *("evaluate", trained_run[0], data_folder, "-o", tmp_path / "report"),
        *("--sections", "A2", "--exclude-patient", "A", *FAST),
    )
    assert facts["split"] == "section"
    assert any("left out of the reference bank" in remark for remark in facts["remarks"])
    assert any("the encoder had seen these patients" in remark for remark in facts["remarks"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sections", "A1"), "sections that were held out; found A1"),
        (("--sections", "A2", "--split", "patient"), "other sections of the patient"),
        (("--sections", "Z9"), "no such section (expected A1, A2, B1, B2, C1; found 'Z9')"),
        (("--sections", "C1", "--exclude-patient", "Z"), "no such patient (expected A, B"),
        (("--sections", "A2", "--exclude-patient", "A", "--k", 40), "expected k from 1 to 36"),
        (("--sections", "C1", "--metric", "cosine"), ""),
    ],
)
def test_what_can_not_be_judged_is_said(
    run, trained_run, data_folder, tmp_path, options, message
) -> None:
    folder = tmp_path / "report"
    result = run("evaluate", trained_run[0], data_folder, "-o", folder, *FAST, *options)
    if "--metric" in options:
        assert result.exit_code in (1, 2)
        assert "softmax" in result.stderr
    else:
        assert message in refused(result)
    assert not folder.exists() or not list(folder.iterdir())


def test_a_data_set_cut_otherwise_is_refused(run, trained_run, manifest, tmp_path) -> None:
    genes = tmp_path / "genes.txt"
    genes.write_text("\n".join(GENES))
    cut = ("--patch-px", 24, "--mpp", 1, "--genes", genes)
    assert run("prepare", manifest, "-o", tmp_path / "data", *cut).exit_code == 0
    line = refused(
        run(
            *("evaluate", trained_run[0], tmp_path / "data", "-o", tmp_path / "report"),
            *("--sections", "C1", *FAST),
        )
    )
    assert f"{tmp_path / 'data'}: the data set was cut in another way" in line
    assert "(expected patch_px 32; found 24)" in line


def test_scores_go_into_the_model(own_run, data_folder, tmp_path, plain) -> None:
    path = own_run / "model.safetensors"
    facts = invoke_json(
        *("evaluate", path, data_folder, "-o", tmp_path / "report"),
        *("--sections", "C1", "--write-scores", *FAST),
    )
    assert facts["scores_in"] == str(path)
    bundle = load_bundle(path)
    assert {"pcc_spot", "pcc_gene", "baseline_pcc_spot"} <= set(bundle.scores)
    assert bundle.header.evaluation["split"] == "patient"
    assert bundle.header.evaluation["sections"] == ["C1"]
    table = pd.read_csv(tmp_path / "report" / "scores.csv")
    mine = table[(table["method"] == "mclstexp") & (table["scale"] == "spot")].set_index("gene")
    gene = bundle.genes[0]
    assert bundle.scores.loc[gene, "pcc_spot"] == pytest.approx(mine.loc[gene, "pcc"], abs=1e-5)
    scored = path.read_bytes()
    again = invoke("train", data_folder, "-o", own_run, "--resume")
    assert again.exit_code == 0, again.stderr
    assert path.read_bytes() == scored  # a finished run isn't made anew


def test_a_full_disk_leaves_the_model_as_it_was(
    run, own_run, data_folder, tmp_path, monkeypatch, plain
) -> None:
    import safetensors.numpy

    before = state_of(own_run)

    def fill(arrays: object, path: Path, metadata: object) -> None:
        Path(path).write_bytes(b"half of it")
        raise safetensors.SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.numpy, "save_file", fill)
    line = refused(
        run(
            *("evaluate", own_run, data_folder, "-o", tmp_path / "report"),
            *("--sections", "C1", "--write-scores", *FAST),
        )
    )
    assert "No space left on device" in line
    assert state_of(own_run) == before
    assert (tmp_path / "report" / "report.html").exists()


def test_a_real_limit_on_file_size_leaves_no_half_report(
    run, report, trained_run, data_folder, tmp_path
) -> None:
    resource = pytest.importorskip("resource")
    folder = tmp_path / "report"
    sizes = {path.name: path.stat().st_size for path in report[0].iterdir()}
    limit = sizes.pop("report.html") // 2
    assert max(sizes.values()) < limit  # the tables come through
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        line = refused(
            run("evaluate", trained_run[0], data_folder, "-o", folder, "--sections", "C1", *FAST)
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert line.startswith(f"{folder / 'report.html'}: ")
    assert "File too large" in line
    names = {path.name for path in folder.iterdir()}
    assert "scores.csv" in names
    assert "report.html" not in names
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("RUN", "DATA"), "needs --output"),
        (("RUN", "DATA", "-o", "r", "--scores", "x.csv"), "for which there is no --scores"),
        (("RUN", "DATA", "-o", "r", "--split", "gene"), "'patient', 'section'"),
    ],
)
def test_options_of_the_other_form_are_wrong_usage(
    run, trained_run, data_folder, arguments, message
) -> None:
    places = {"RUN": trained_run[0], "DATA": data_folder}
    result = run("evaluate", *(places.get(word, word) for word in arguments))
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture
def prediction(run, slide, spots, bundle, tmp_path) -> Path:
    path = tmp_path / "predicted.h5ad"
    assert run("predict", slide, "-m", bundle, "--spots", spots, "-o", path).exit_code == 0
    return path


def test_a_prediction_takes_no_options_of_a_model(run, prediction, spots, tmp_path) -> None:
    options = ("-o", tmp_path / "report", "--write-scores")
    result = run("evaluate", prediction, spots, *options)
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert "is a prediction, for which there is no --output, --write-scores" in said


def test_a_prediction_of_other_spots_is_refused(run, prediction, spots, tmp_path) -> None:
    from napari_stexp.spots import read_spots, write_spots

    other = read_spots(spots)
    other.obs_names = [f"{name}-other" for name in other.obs_names]
    other.obsm["spatial"] = other.obsm["spatial"] + 37.0
    scores = tmp_path / "scores.csv"
    measured = write_spots(other, tmp_path / "other.h5ad")
    line = refused(run("evaluate", prediction, measured, "--scores", scores))
    assert line.startswith(f"{measured}: prediction and measurement have no spot in common")
    assert "expected barcodes such as ['0x0'" in line
    assert "found ['0x0-other'" in line
    assert f"compared with {prediction}" in line
    assert not scores.exists()


def test_a_measurement_without_counts_is_refused(run, prediction, spots, tmp_path) -> None:
    from napari_stexp.spots import read_spots, write_spots

    empty = write_spots(read_spots(spots)[:, :0].copy(), tmp_path / "empty.h5ad")
    line = refused(run("evaluate", prediction, empty))
    assert "expected" in line


def test_a_run_without_a_model_says_how_to_go_on(run, data_folder, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    line = refused(run("evaluate", tmp_path / "run", data_folder, "-o", tmp_path / "report"))
    assert line.startswith(f"{tmp_path / 'run'}: no trained model is here")
    assert "--resume" in line
