"""What docs/comparison.md shows and lists is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from napari_stexp.compare import MINIMUM_SPOTS, Sides, rank_region_genes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "comparison.md").read_text("utf-8")


def test_the_python_example_runs(sample_folder, monkeypatch, capsys):
    monkeypatch.chdir(sample_folder)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(compile(code, "comparison.md", "exec"), names)
    genes, agreement = names["genes"], names["agreement"]
    assert names["sides"].n_left_out > 0
    assert genes.table["q"].iloc[0] < 0.05
    assert agreement.ari > 0.3
    assert genes.caution in capsys.readouterr().out


def test_columns_and_the_minimum_are_those_of_the_code():
    values = np.random.default_rng(0).random((30, 2))
    inside = np.arange(30) < 15
    table = rank_region_genes(values, ["a", "b"], Sides(inside, ~inside, "in", "out")).table
    section = PAGE.split("## Which genes mark a region")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(table)
    assert f"at least {MINIMUM_SPOTS} spots" in section
