"""``view`` and ``demo``: the real window, opened and filled by the panels' own tasks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.errors import StexpError
from napari_stexp.panels.registry import PANELS
from napari_stexp.slide.location import as_location
from tests.cli.conftest import GENES
from tests.slide.range_server import serving

pytestmark = pytest.mark.gui


@pytest.fixture
def open_window(make_napari_viewer):
    from napari_stexp.cli.window import Window, WindowPlan

    windows = []

    def open_plan(slide: Path, **plan: object) -> Window:
        windows.append(Window(WindowPlan(slide, **plan), make_napari_viewer()))
        return windows[-1]

    yield open_plan
    for window in windows:
        window.end_tasks()


def _predicted(window) -> bool:
    prediction = window.session.prediction
    return prediction is not None and prediction.finished and not window.controller.busy("predict")


def test_view_opens_everything_and_predicts(open_window, slide, spots, bundle) -> None:
    window = open_window(slide, spots=spots, model=bundle, predict=True)
    assert list(window.panels) == list(PANELS)
    window.wait(lambda: _predicted(window), 120, "predicting")
    session = window.session
    assert session.slide.path == slide
    assert session.spots.n_obs == 30
    assert np.isfinite(session.prediction.adata.X).all()
    assert len(window.viewer.layers) >= 2
    assert window.errors == []


def test_view_opens_an_address(open_window, slide, spots, bundle) -> None:
    """The slide is read by range while the real window shows it and predicts."""
    with serving(slide) as address:
        window = open_window(as_location(address), spots=spots, model=bundle, predict=True)
        window.wait(lambda: _predicted(window), 120, "predicting")
        assert str(window.session.slide.path) == address
        assert window.session.prediction.adata.uns["stexp"]["slide"]["address"] == address
        assert np.isfinite(window.session.prediction.adata.X).all()
        assert window.controller.workspace.recent.of("slide")[0].path == as_location(address)
        assert window.errors == []


def test_view_lays_a_grid_where_no_spots_are_given(open_window, slide, bundle) -> None:
    window = open_window(slide, model=bundle, predict=True)
    window.wait(lambda: _predicted(window), 120, "predicting")
    assert window.session.spots.n_obs > 20


def test_view_takes_the_scale_from_the_spots(open_window, picture, spots, bundle) -> None:
    window = open_window(picture, spots=spots, model=bundle, predict=True)
    window.wait(lambda: _predicted(window), 120, "predicting")
    assert window.session.slide.mpp == pytest.approx(1.0)
    assert window.session.slide.mpp_source == "spots"


def test_view_uses_the_given_scale(open_window, picture) -> None:
    window = open_window(picture, mpp=0.8)
    window.wait(lambda: window.session.slide is not None, 60, "opening")
    window.wait(lambda: not window.controller.tasks, 60, "opening")
    assert window.session.slide.mpp == pytest.approx(0.8)
    assert window.session.prediction is None


def test_view_opens_workspaces_and_predictions(open_window, slide, spots, tmp_path) -> None:
    from napari_stexp.predict import write_prediction
    from napari_stexp.progress import exhaust
    from napari_stexp.session import Session, start_saving
    from napari_stexp.spots import read_spots
    from tests.session.fakes import make_batch, make_prediction

    session = Session()
    session.open_slide(slide)
    session.set_spots(read_spots(spots))
    for name in ("one", "other"):
        session.set_prediction(
            make_prediction(session.spots, GENES, uns={"stexp": {"scale": "spot"}}), name
        )
        session.add_batch(make_batch(range(30), np.ones((30, len(GENES)))))
    path = exhaust(start_saving(session, tmp_path / "work.stexp"))
    made = write_prediction(session.prediction.adata, tmp_path / "predicted.h5ad")
    session.close()
    window = open_window(path)
    window.wait(lambda: not window.controller.tasks, 60, "opening")
    assert list(window.session.predictions) == ["one", "other"]
    assert window.session.slide.path == slide
    window.controller.close_slide()
    window.session.close()
    window = open_window(made)
    window.wait(lambda: window.session.prediction is not None, 60, "opening")
    assert window.session.prediction.done == 30


def test_an_error_is_told_in_the_window_and_to_who_waits(open_window, slide, tmp_path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    window = open_window(slide, model=broken, predict=True)
    with pytest.raises(StexpError, match=r"broken\.safetensors"):
        window.wait(lambda: _predicted(window), 60, "predicting")


def test_waiting_ends(open_window, slide) -> None:
    window = open_window(slide)
    with pytest.raises(StexpError, match="took longer than 0 s"):
        window.wait(lambda: False, 0, "nothing")
    window.wait(lambda: not window.controller.tasks, 60, "opening")


@pytest.mark.parametrize("wrong", [["--predict"], ["--counts", "{slide}"]])
def test_view_refuses_what_makes_no_sense(run, slide, wrong) -> None:
    result = run("view", slide, *(word.format(slide=slide) for word in wrong))
    assert result.exit_code == 2


def test_the_demo_leaves_what_the_user_has_kept_alone(monkeypatch, tmp_path, run) -> None:
    """Its favourites, layout and recent files are in a folder that goes with it."""
    from types import SimpleNamespace

    from napari_stexp.cli import demo, window
    from napari_stexp.session.genes.gene_marks import GeneMarks
    from napari_stexp.session.user_data import data_folder

    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path / "kept"))
    GeneMarks().toggle("COL1A1")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    seen = []

    class FakeWindow:
        def __init__(self, *_: object, **__: object) -> None:
            self.viewer = SimpleNamespace(window=SimpleNamespace(resize=lambda *_: None))

        def run(self) -> None:
            marks = GeneMarks()
            seen.append((data_folder(), marks.favourites))
            marks.toggle("ERBB2")

    monkeypatch.setattr(window, "Window", FakeWindow)
    monkeypatch.setattr(demo, "_has_screen", lambda: True)
    assert run("demo").exit_code == 0
    ((folder, favourites),) = seen
    assert favourites == ()
    assert folder != data_folder() == tmp_path / "kept"
    assert not folder.exists()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def _demo(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DISPLAY", "WAYLAND_DISPLAY"}
    }
    return subprocess.run(
        [sys.executable, "-m", "napari_stexp.cli", "demo", *map(str, arguments)],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is for Linux")
def test_the_demo_without_a_screen_writes_a_picture(tmp_path) -> None:
    from PIL import Image

    done = _demo(cwd=tmp_path, STEXP_DATA_DIR=str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "demo-screenshot.png"
    assert done.stdout.strip().splitlines()[-1] == str(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    assert pixels.shape[0] >= 700
    assert pixels.shape[1] >= 1000
    # Tissue is pink, spots are coloured, the panels are grey: no uniform picture.
    saturation = pixels.max(axis=-1) - pixels.min(axis=-1)
    assert (saturation > 40).mean() > 0.1
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 5000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is for Linux")
def test_the_demo_says_what_it_lacks(tmp_path) -> None:
    done = _demo(cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "xvfb" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
