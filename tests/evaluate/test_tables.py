from __future__ import annotations

import pandas as pd
import pytest

from napari_stexp.errors import OutputError
from napari_stexp.evaluate import assess, beaten_by_baseline, write_tables
from napari_stexp.progress import exhaust
from tests.evaluate.studies import make_evaluation


@pytest.fixture(scope="module")
def study():
    sections = [make_evaluation("A1"), make_evaluation("B1", "B", seed=1)]
    return exhaust(assess(sections, n_bootstrap=20, algorithms=["kmeans"]))


def test_what_is_written_reads_back(study, tmp_path):
    files = write_tables(study, tmp_path / "new" / "folder")
    assert {file.name for file in files} == {
        *("scores.csv", "scores.parquet", "summary.csv", "summary.parquet", "domains.csv"),
        *("confusions.csv", "comparisons.csv", "not_beaten.csv"),
    }
    assert set((tmp_path / "new" / "folder").iterdir()) == set(files)
    folder = files[0].parent
    for name in ("scores", "summary"):
        expected = getattr(study, name)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), expected)
    for name, expected in (
        ("scores", study.scores),
        ("summary", study.summary),
        ("domains", study.domains),
        ("comparisons", study.comparisons),
        ("not_beaten", beaten_by_baseline(study)),
    ):
        read = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values={
            column: [""] for column in expected.select_dtypes("number")
        })  # fmt: skip
        pd.testing.assert_frame_equal(read, expected, check_dtype=False)


def test_confusions_are_one_row_per_cell(study, tmp_path):
    write_tables(study, tmp_path)
    table = pd.read_csv(tmp_path / "confusions.csv")
    cells = table.set_index(["section", "method", "algorithm", "class", "domain"])["n_spots"]
    confusion = study.confusions["B1", "mclstexp", "kmeans"]
    for name, counts in confusion.iterrows():
        for domain, n_spots in counts.items():
            assert cells["B1", "mclstexp", "kmeans", name, domain] == n_spots
    assert len(table) == sum(found.size for found in study.confusions.values())


def test_tables_without_content_are_left_out(tmp_path):
    section = make_evaluation(methods=("mclstexp",), labels=False)
    files = write_tables(exhaust(assess([section], n_bootstrap=5)), tmp_path)
    assert {file.stem for file in files} == {"scores", "summary"}


def test_a_place_that_cannot_be_written(study, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="can't write here"):
        write_tables(study, tmp_path / "file")
