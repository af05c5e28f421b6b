"""The real window on real tissue: C4 with the imported checkpoint, and the real SVS."""

from __future__ import annotations

import lzma
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.data, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def checkpoint(her2st, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "best_0.pt"
    with lzma.open(her2st / "reference" / "best_0.pt.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return path


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Where the first test leaves the imported model for the second."""
    return tmp_path_factory.mktemp("model") / "her2st.safetensors"


@pytest.fixture
def imported(window, her2st, checkpoint, kept):
    """Return the window with the model imported through the form, or loaded again."""
    w = window
    if kept.exists():
        w.open(kept)
        return w
    w.click(w.model.import_button)
    form = w.model.import_form
    form.checkpoint.setText(str(checkpoint))
    form.genes.setText(str(her2st / "genes" / "her_hvg_cut_1000.npy"))
    form.sections.addItem(str(her2st / "data"))
    form.only.setText("C2, C3, C5, C6")
    form.output.setText(str(kept))
    for box, value in ((form.scale_box, "gene"), (form.windowing_box, "sequence32")):
        box.setCurrentIndex(box.findData(value))
    w.click(form.button)
    w.wait(lambda: not w.controller.tasks, timeout=600_000)
    assert w.errors == []
    return w


def wait_for_spots(w, number, timeout=900_000):
    w.wait(
        lambda: w.session.prediction is not None and w.session.prediction.done >= number,
        timeout=timeout,
    )


@pytest.mark.slow
def test_section_c4(imported, her2st):
    from qtpy.QtCore import Qt

    w = imported
    assert w.model.facts.text("Reference") == "726 spots, 4 sections, 1 patient"
    (picture,) = (her2st / "data" / "ST-imgs" / "C" / "C4").glob("*.jpg")
    w.open_path(picture)
    w.wait(lambda: not w.controller.tasks, timeout=300_000)
    w.open(her2st / "data" / "ST-spotfiles" / "C4_selection.tsv")
    assert w.session.spots.n_obs == 184
    w.click(w.slide.pixel_size.from_spots_button)
    assert w.session.missing() == []

    w.click(w.predict.predict_button)
    wait_for_spots(w, 1)
    start = time.monotonic()
    w.click(w.predict.row("predict").cancel_button)
    w.wait(lambda: "predict" not in w.controller.tasks)
    assert time.monotonic() - start < 1.0
    w.settle()  # the spots' place is looked at in the background
    done = w.session.prediction.done
    assert 0 < done < 184
    assert np.isfinite(w.session.values()).sum() == done
    assert f"{184 - done} not reached" in w.predict.summary.text()

    w.click(w.predict.predict_button)
    wait_for_spots(w, 184)
    w.settle()
    assert w.errors == []
    assert "184 spots predicted" in w.predict.summary.text()

    reference = np.load(her2st / "reference" / "reference.npz", allow_pickle=False)
    predicted = w.session.prediction.adata
    ids = [str(name) for name in reference["spot_id_C4"]]
    assert sorted(ids) == sorted(predicted.obs_names)
    values = predicted[ids, [str(g) for g in reference["gene_list"]]].X
    difference = np.abs(values - reference["pred_l1_C4"])
    assert difference.max() <= 0.02
    assert difference.mean() <= 1e-3

    shown = []
    for _ in range(5):
        w.qtbot.keyClick(w.genes.list.search, Qt.Key.Key_Down)
        shown.append(w.session.gene)
        expected = predicted[:, w.session.gene].X.ravel()
        assert np.array_equal(w.session.values(), expected)
    assert len(set(shown)) == 5
    w.click(w.genes.measured_button)
    assert w.session.gene == shown[-1]
    assert np.isfinite(w.session.values()).all()


def test_svs(imported, stexp_data):
    w = imported
    w.open(stexp_data / "slides" / "cmu-1-small-region.svs")
    assert w.slide.slide_facts.text("Scale") == "0.499 µm/px, from the file"
    assert w.slide.slide_facts.text("Objective").startswith("20")
    w.slide.spots.grid_form.pitch_box.setValue(250)
    w.click(w.slide.spots.grid_form.button)
    w.settle()
    number = w.session.spots.n_obs
    assert number >= 4
    w.click(w.predict.predict_button)
    wait_for_spots(w, number)
    w.settle()
    assert w.errors == []
    assert np.isfinite(w.session.prediction.adata.X).all()
    assert w.genes.list.model.rowCount() == 785
