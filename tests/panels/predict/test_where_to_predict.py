"""Which part is predicted: regions, the view, all of it, or a grid that is laid first."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gui


def draw_region(window, x0, y0, x1, y1):
    from shapely import box

    return window.session.regions.add(box(x0, y0, x1, y1))


def test_a_region_is_predicted_and_the_tissue_added_later(ready, engine):
    fake, w = engine(pause=0.0), ready
    assert not w.predict.where.region_button.isEnabled()
    assert "Draw a region" in w.predict.where.region_button.toolTip()
    draw_region(w, 300, 200, 500, 400)  # spots lie 100 px apart, from (350, 250)
    w.click(w.predict.where.region_button)
    w.settle()
    assert fake.calls == [[0, 1, 6, 7]]
    assert "4 spots predicted, 26 not reached" in w.predict.summary.text()
    first = w.session.prediction
    w.click(w.predict.predict_button)
    w.settle()
    assert fake.calls[1] == sorted({*range(30)} - {0, 1, 6, 7})
    assert w.session.prediction is first
    assert first.finished
    runs = first.adata.uns["stexp"]["runs"]
    assert runs["1"]["where"] == "region"
    assert [runs[key]["spots"] for key in ("1", "2")] == [4, 26]
    assert w.errors == []


def test_only_the_selected_region_counts_if_one_is_selected(ready, engine):
    fake, w = engine(pause=0.0), ready
    draw_region(w, 300, 200, 400, 300)
    other = draw_region(w, 800, 600, 900, 700)
    w.session.regions.select([])
    assert w.predict.where.region_button.text() == "Predict 2 regions"
    w.session.regions.select([other.id])
    assert w.predict.where.region_button.text() == "Predict region"
    w.click(w.predict.where.region_button)
    w.settle()
    w.session.regions.select([])
    w.click(w.predict.where.region_button)
    w.settle()
    assert fake.calls == [[29], [0]]


def test_what_is_in_view_is_predicted(ready, engine):
    from napari_stexp.panels.registry import get_adapter

    fake, w = engine(pause=0.0), ready
    get_adapter(w.viewer).fly_to(0)
    x0, y0, x1, y1 = get_adapter(w.viewer).view_bounds()
    xy = w.session.spots.obsm["spatial"]
    seen = (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)
    assert 1 <= seen.sum() < 30
    w.click(w.predict.where.view_button)
    w.settle()
    assert fake.calls == [np.flatnonzero(seen).tolist()]
    w.click(w.predict.where.view_button)
    w.settle()
    assert len(fake.calls) == 1
    assert "Nothing left to do" in w.predict.notice("predict").text()
    w.viewer.scene.camera.center = (5000, 5000)
    w.click(w.predict.where.view_button)
    w.settle()
    (_, error), *_ = w.errors
    assert "no spots in view" in str(error)


def test_the_view_is_followed_during_a_run(ready, engine):
    from napari_stexp.panels.registry import get_adapter

    fake, w = engine(pause=0.05), ready
    adapter = get_adapter(w.viewer)
    before = adapter.view_bounds()
    w.click(w.predict.predict_button)
    w.wait(lambda: fake.priority is not None)
    assert fake.views == [pytest.approx(before)]
    adapter.fly_to(29)
    after = adapter.view_bounds()
    assert after != pytest.approx(before)
    w.wait(lambda: fake.priority.bounds == pytest.approx(after))
    w.settle()


def test_without_spots_a_grid_is_laid_first(window, slide_file, bundle_file, engine):
    fake, w = engine(pause=0.0), window
    w.open(slide_file, bundle_file)
    assert not w.predict.where.grid_row.isHidden()
    assert "grid of virtual spots" in w.predict.guide.text()
    w.predict.where.pitch_box.setValue(80)
    w.click(w.predict.predict_button)
    w.wait(lambda: fake.calls != [])
    w.settle()
    assert w.session.spots.uns["stexp_spots"]["pitch_um"] == 80
    assert w.session.spots.n_obs > 20
    assert w.session.prediction.finished
    assert w.predict.where.grid_row.isHidden()
    assert w.errors == []


# ---- waiting -------------------------------------------------------------------------------
