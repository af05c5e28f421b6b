"""Scale, colours and pictures of the glass on the command line."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

SMALL = (300, 400)


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    """An SVS of 20x that says 4.99 µm/px, with a label."""
    path = tmp_path_factory.mktemp("doubtful") / "doubtful.svs"
    rng = np.random.default_rng(0)
    words = "|AppMag = 20|MPP = 4.99|Barcode = 4711"
    with tifffile.TiffWriter(path) as writer:
        for size, text, tile in (
            (SMALL, f"400x300 (64x64){words}", (64, 64)), ((40, 50), "label 50x40", None),
        ):  # fmt: skip
            pixels = rng.integers(0, 255, (*size, 3), np.uint8)
            writer.write(
                pixels, photometric="rgb", metadata=None, tile=tile,
                description=f"Aperio Image Library v11\n{text}",
            )  # fmt: skip
    return path


def test_info_tells_what_contradicts_and_hides_what_identifies(run, run_json, doubtful, tmp_path):
    facts = run_json("info", doubtful)
    assert "objective 20x" in facts["scale_findings"][0]
    assert facts["associated"] == ["label"]
    assert "4711" not in str(facts)
    assert run_json("info", doubtful, "--private")["private"] == {"Barcode": "4711"}
    result = run("info", doubtful, "--associated", tmp_path / "glass")
    assert result.exit_code == 0
    assert "identifies a patient" in result.stderr
    assert [file.name for file in (tmp_path / "glass").iterdir()] == ["doubtful_label.png"]


def test_flags_settle_a_contradiction(run, run_json, slide, spots, bundle, tmp_path):
    from napari_stexp.predict import read_prediction

    output = tmp_path / "out.h5ad"
    base = ("predict", slide, "-m", bundle, "--spots", spots, "-o", output)
    refused = run(*base, "--mpp", 0.5)
    assert refused.exit_code == 1
    assert "--mpp-from" in refused.stderr
    told = run(*base, "--mpp", 0.5, "--mpp-from", "typed", "--colour", "srgb")
    assert told.exit_code == 0, told.stderr
    assert "Settled by it: The spots' distance contradicts" in told.stderr
    assert "no ICC profile" in told.stderr
    made = read_prediction(output).uns["stexp"]["slide"]
    assert (made["mpp"], made["mpp_source"], made["colour"]) == (0.5, "user", "stored")
    assert "The spots' distance" in made["scale_settled"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--mpp-from", "typed"), "needs --mpp"),
        (("--mpp-from", "spots"), "needs --spots"),
        (("--mpp-from", "metadata", "--mpp", 1.0), "another"),
    ],
)
def test_flags_that_contradict_each_other(run, slide, bundle, tmp_path, flags, words):
    result = run("predict", slide, "-m", bundle, "-o", tmp_path / "out.h5ad", *flags)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_grid_over_a_doubtful_scale_is_refused(run, doubtful, bundle, tmp_path):
    result = run("predict", doubtful, "-m", bundle, "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 1
    assert "objective" in result.stderr
