"""``napari-stexp cohort``."""

from __future__ import annotations

import json

import pytest

from tests.slide.range_server import serving

pytest.importorskip("distributed")


def _write(folder, slide, *, broken=False):
    lines = ["slide,spots,output", f"{slide},,one.h5ad"]
    if broken:
        (folder / "broken.tif").write_bytes(b"II*\0 and no more")
        lines.append("broken.tif,,two.h5ad")
    path = folder / "slides.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_cohort_is_predicted_once(run_json, slide, bundle, tmp_path) -> None:
    manifest = _write(tmp_path, slide)
    arguments = ("cohort", manifest, "--model", bundle, "--pitch", 150, "--device", "cpu")
    facts = run_json(*arguments)
    assert facts["status"] == {"done": 1}
    (entry,) = facts["slides"]
    assert entry["output"] == str(tmp_path / "one.h5ad")
    assert entry["spots"] > 10
    assert (tmp_path / "one.h5ad").exists()
    assert run_json(*arguments)["status"] == {"skipped": 1}
    assert run_json(*arguments, "--k", 3)["status"] == {"done": 1}


def test_a_slide_behind_an_address(run_json, slide, bundle, tmp_path) -> None:
    with serving(slide) as address:
        manifest = _write(tmp_path, address)
        arguments = ("cohort", manifest, "--model", bundle, "--pitch", 150, "--device", "cpu")
        facts = run_json(*arguments)
        assert facts["status"] == {"done": 1}
        assert facts["slides"][0]["slide"] == address
        assert run_json(*arguments)["status"] == {"skipped": 1}


def test_a_broken_slide_fails_alone(run, slide, bundle, tmp_path) -> None:
    manifest = _write(tmp_path, slide, broken=True)
    result = run("cohort", manifest, "-m", bundle, "--pitch", 150, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert facts["status"] == {"done": 1, "failed": 1}
    assert "broken.tif" in facts["slides"][1]["error"]
    assert "failed: " in result.stderr
    assert not (tmp_path / "two.h5ad").exists()


def test_a_bad_list_is_an_error(run, bundle, tmp_path) -> None:
    path = tmp_path / "slides.csv"
    path.write_text("image\nx.svs\n", encoding="utf-8")
    result = run("cohort", path, "-m", bundle)
    assert result.exit_code == 1
    assert "other columns" in result.stderr
