"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_python_example_runs(tmp_path, monkeypatch, capsys) -> None:
    from napari_stexp.predict import read_prediction

    monkeypatch.chdir(tmp_path)
    (code,) = _blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert "100 of 100" in capsys.readouterr().out
    assert read_prediction(tmp_path / "predicted.h5ad").n_obs == 100


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("target", re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_tests_of_the_readme_are_those_of_ci() -> None:
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f"step make {target}" in steps for target in ("lint", "types", "contracts"))
    assert all(
        f"step {line.split('#')[0].strip()}" in steps
        for line in _blocks("sh")[0].split("\n")
        if line
    )
