"""``align``."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_stexp.spots import read_spots
from napari_stexp.spots.alignment import read_alignment, write_pairs
from tests.builders import write_ome_tiff
from tests.cli.conftest import refused

SHAPE = (900, 1200)


@pytest.fixture(scope="module")
def tissue():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    leg = (x > 200) & (x < 420) & (y > 120) & (y < 780)
    return leg | ((x > 200) & (x < 900) & (y > 560) & (y < 780))


@pytest.fixture(scope="module")
def boot(tissue, tmp_path_factory):
    rng = np.random.default_rng(0)
    image = np.full((*SHAPE, 3), 243, np.uint8)
    image[tissue] = np.array([190, 90, 160]) + rng.integers(-25, 25, (int(tissue.sum()), 3))
    return write_ome_tiff(tmp_path_factory.mktemp("align") / "boot.ome.tif", image, 1.0)


@pytest.fixture(scope="module")
def table(tissue):
    x, y = np.meshgrid(np.arange(30, 1200, 40.0), np.arange(30, 900, 40.0))
    xy = np.column_stack([x.ravel(), y.ravel()])
    xy = xy[tissue[xy[:, 1].astype(int), xy[:, 0].astype(int)]]
    spots = AnnData(
        np.ones((len(xy), 1), np.float32),
        obs=pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]),
        var=pd.DataFrame(index=["A"]),
        obsm={"spatial": xy},
    )
    factors = {"spot_diameter_fullres": 22.0, "tissue_hires_scalef": 0.25}
    spots.uns["spatial"] = {"T": {"images": {}, "scalefactors": factors}}
    spots.uns["stexp_spots"] = {"section": "T", "pitch_um": 40.0}
    return spots


def saved(table, tmp_path, change):
    spots = table.copy()
    spots.obsm["spatial"] = change(table.obsm["spatial"])
    path = tmp_path / "spots.h5ad"
    spots.write_h5ad(path)
    return path


def test_right_spots_stay_and_are_said_to_fit(run_json, boot, table, tmp_path):
    path = saved(table, tmp_path, lambda xy: xy)
    facts = run_json("align", boot, path, "--check")
    assert facts["changed"] is False
    assert facts["fix"] is None
    assert facts["on_tissue"] > 0.9
    assert len(facts["orientations"]) == 15
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "method"),
    [
        (lambda xy: xy[:, ::-1], "swap x and y"),
        (lambda xy: xy * 0.25, "pixels of the hires image"),
        (lambda xy: (xy * [-1, 1] + [1200, 0]) * 0.25, "hires image; mirror left to right"),
    ],
    ids=["swapped", "hires", "hires, mirrored"],
)
def test_mistakes_are_put_right(run_json, boot, table, tmp_path, change, method):
    path, output = saved(table, tmp_path, change), tmp_path / "aligned.h5ad"
    facts = run_json("align", boot, path, "-o", output)
    assert method in facts["method"]
    assert facts["on_tissue"] > 0.9
    spots = read_spots(output)
    np.testing.assert_allclose(spots.obsm["spatial"], table.obsm["spatial"], atol=1e-6)
    np.testing.assert_allclose(
        spots.obsm["spatial_original"], change(table.obsm["spatial"]), atol=1e-9
    )
    assert read_alignment(spots).slide == "boot"


def test_what_is_said_is_done(run_json, boot, table, tmp_path):
    path, output = saved(table, tmp_path, lambda xy: xy / 4), tmp_path / "aligned.h5ad"
    for positions in ("hires", "300x225"):
        facts = run_json(
            "align", boot, path, "-o", output, "--positions", positions, "--orientation", "keep"
        )
        assert facts["scale"] == pytest.approx(4)
    path = saved(table, tmp_path, lambda xy: [1200, 900] - xy)
    facts = run_json("align", boot, path, "-o", output, "--orientation", "turn-180")
    assert facts["rotation_deg"] == pytest.approx(180)


def test_pairs_of_points(run_json, boot, table, tmp_path):
    path = saved(table, tmp_path, lambda xy: xy / 2 - [50, 20])
    own = np.array([[100, 100], [400, 120], [150, 350], [390, 330.0]])
    pairs = write_pairs(own, (own + np.array([50, 20])) * 2, tmp_path / "pairs.csv")
    output = tmp_path / "aligned.h5ad"
    facts = run_json("align", boot, path, "--pairs", pairs, "-o", output)
    assert facts["scale"] == pytest.approx(2)
    assert max(facts["residuals_um"]) < 1e-6
    words = anndata.read_h5ad(output).uns["stexp_spots"]["alignment"]
    np.testing.assert_allclose(words["pairs_own"], own)
    np.testing.assert_allclose(anndata.read_h5ad(output).obsm["spatial"], table.obsm["spatial"])


def test_what_can_not_be_is_refused_and_writes_nothing(run, boot, table, tmp_path):
    path, output = saved(table, tmp_path, lambda xy: xy), tmp_path / "aligned.h5ad"
    pairs = write_pairs([[0, 0], [1, 1], [2, 2]], [[0, 0], [1, 1], [2, 2]], tmp_path / "p.csv")
    assert "one line" in refused(run("align", boot, path, "--pairs", pairs, "-o", output))
    assert "no scale factor" in refused(
        run("align", boot, path, "--positions", "midres", "-o", output)
    )
    assert run("align", boot, path).exit_code == 2
    assert not output.exists()
