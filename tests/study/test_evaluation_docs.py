"""What docs/evaluation.md shows and lists is so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from napari_stexp.evaluate import ALPHAS, METHODS, METRICS, MODEL
from napari_stexp.model import load_bundle, save_bundle

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "evaluation.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_example_runs(trained, data_folder, tmp_path, monkeypatch, capsys) -> None:
    shutil.copytree(data_folder, tmp_path / "data")
    (tmp_path / "run").mkdir()
    save_bundle(trained, tmp_path / "run" / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    quicker = code.replace('split="patient")', 'split="patient", n_bootstrap=20)')
    assert quicker != code
    exec(compile(quicker, "evaluation.md", "exec"), {})
    assert "ridge_statistics" in capsys.readouterr().out
    files = {path.name for path in (tmp_path / "report").iterdir()}
    assert files == set(re.findall(r"`(\w+\.(?:csv|parquet|html))`", PAGE))
    scored = load_bundle(tmp_path / "run" / "scored.safetensors")
    assert scored.scores is not None
    assert set(scored.scores) == {
        f"{name}_{scale}" for name in ("pcc", "baseline_pcc") for scale in ("spot", "gene")
    }


def test_methods_metrics_and_penalties_are_all_named() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    assert [row.strip("`") for row in rows if row.strip("`") in METHODS] == [
        method for method in METHODS if method != MODEL
    ]
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert set(METRICS) <= named
    first, *_, last = (f"{alpha:,.0f}" for alpha in ALPHAS)
    listed = re.search(rf"among ({first}, .* and {last})", PAGE)
    assert listed is not None
    assert re.split(", | and ", listed[1]) == [f"{alpha:,.0f}" for alpha in ALPHAS]


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", PAGE)
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []
