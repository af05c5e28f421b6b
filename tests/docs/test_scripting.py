"""What docs/scripting.md shows works as it stands, and it shows everything."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path

import pytest

from napari_stexp import Workbench
from tests.study.conftest import manifest

__all__ = ["manifest"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scripting.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TRAINING = [code for code in BLOCKS if "find_sections(" in code]
#: Said in words on the page.
NOT_RUN = {"make_grid", "set_mpp", "load_signatures"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "places.csv").write_text(
        "spot,px,py,ERBB2,CD74\na,700,700,3,1\nb,800,700,0,2\nc,700,800,1,1\n"
    )
    names: dict = {}
    for number, code in enumerate(BLOCKS):
        if code in TRAINING:
            continue
        exec(compile(code, f"scripting.md, example {number + 1}", "exec"), names)
    printed = capsys.readouterr().out
    assert "of 806 spots" in printed
    assert re.search(r"^True 1\d\d$", printed, re.MULTILINE)
    assert "ERBB2 (806,) float32" in printed
    assert "PosixPath('genes-CD74.png')" in printed.replace("WindowsPath", "PosixPath")
    assert "<Workbench: breast_synthetic, 806 spots" in printed.splitlines()[-1]
    for name in ("multiples.pdf", "sides.svg", "part.png", "report.html", "work.stexp"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.slow
def test_the_training_runs(manifest, tmp_path, monkeypatch, capsys) -> None:
    shutil.copytree(manifest.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / manifest.name).rename(tmp_path / "sections.csv")
    monkeypatch.chdir(tmp_path)
    (code,) = TRAINING
    exec(compile(code, "scripting.md, training", "exec"), {})
    printed = capsys.readouterr().out
    assert "'C1': 'hold out'" in printed
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert (tmp_path / "run" / "evaluation" / "report.html").is_file()


def test_every_method_is_shown() -> None:
    methods = {
        name for name, _ in inspect.getmembers(Workbench, callable) if not name.startswith("_")
    }
    shown = set(re.findall(r"\.(\w+)\(", " ".join(BLOCKS)))
    words = set(re.findall(r"`(?:wb\.)?(\w+)\(", PAGE)) | set(re.findall(r"`(\w+)`", PAGE))
    assert methods - shown - words == set()
    assert words >= NOT_RUN


def test_every_public_method_is_documented_and_typed() -> None:
    for name, method in inspect.getmembers(Workbench, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(method), name
            assert "return" in method.__annotations__, name


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", PAGE)
    folder = Path(__file__).resolve().parents[2] / "docs"
    assert [link for link in links if not (folder / link).exists()] == []
