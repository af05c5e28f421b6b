"""Standstills beside those of every moment: what comes first, and what is large.

The limits are what these things take now on two cores with software OpenGL, with room for a
slower machine; all are above the tenth of a second that holds for everyday work.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.panels.heartbeat import Heartbeat
from tests.panels.test_no_freeze import pan, show, switch_genes, wait, zoom

pytestmark = [pytest.mark.gui, pytest.mark.timing, pytest.mark.timeout(600)]


class Watch:
    """Measures one thing after the other, and tells in the end which took too long."""

    def __init__(self, window):
        self._window, self._beat, self._slow = window, Heartbeat(), {}
        wait(window.qtbot, 4000)  # what is imported when the panels open

    def __call__(self, what, limit, act, then=400):
        wait(self._window.qtbot, 300)
        self._beat.reset()
        act()
        self._window.settle()
        wait(self._window.qtbot, then)
        longest, seen = self._beat.longest, self._beat.longest_seen
        print(f"{what}: {longest * 1e3:.0f} ms (by the clock {seen * 1e3:.0f})")
        if longest > limit:
            self._slow[what] = longest

    def end(self):
        self._beat.stop()
        assert self._slow == {}


def test_what_comes_first(shown_window):
    from napari_stexp.viewer import sample_files

    w, files = shown_window, sample_files()
    session, watch = w.session, Watch(w)
    watch("opening a slide", 0.5, lambda: w.controller.open_slide(files.slide))
    watch("first spots", 0.6, lambda: w.controller.load_spots(files.spots))
    watch("first model (imports torch)", 0.3, lambda: w.controller.load_bundle(files.bundle), 3000)
    watch("first heat map", 0.6, lambda: show(w, "heat map"))
    show(w, "spots")
    watch("first click on a spot", 0.4, lambda: session.focus_spot(5))
    watch("click on another spot", 0.2, lambda: session.focus_spot(7))
    watch("click beside all spots", 0.3, lambda: session.focus_spot(None))
    watch("16 genes side by side", 0.2, lambda: session.views.show("genes", session.genes[:16]))
    watch("panning 16 genes", 0.2, lambda: pan(w))
    watch("zooming 16 genes", 0.2, lambda: zoom(w))
    watch("16 genes as heat maps", 0.3, lambda: show(w, "heat map"))
    watch("16 genes as spots", 0.3, lambda: show(w, "spots"))
    watch("measured beside predicted", 0.2, lambda: session.views.show("sides"))
    watch("another gene in all of them", 0.2, lambda: switch_genes(w, 3))
    watch.end()


def test_100_000_regions(shown_window):
    from shapely import Point

    from napari_stexp.annotation import Region
    from napari_stexp.viewer import sample_files

    w, files = shown_window, sample_files()
    w.open(files.slide, files.spots)
    height, width = w.session.slide.shape
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1, (100_000, 2)) * (width, height)
    names = rng.choice(["a", "b"], len(places))
    regions = [
        Region(Point(*place).buffer(4, 4), name) for place, name in zip(places, names, strict=True)
    ]
    labelling, watch = w.session.labelling, Watch(w)
    watch("100,000 regions", 0.9, lambda: w.session.set_annotations(regions), 3000)
    watch("panning them", 0.5, lambda: pan(w))
    watch("zooming them", 0.5, lambda: zoom(w))
    watch("spots by class", 0.8, lambda: setattr(labelling, "shown", True))
    watch("spots by value again", 0.4, lambda: setattr(labelling, "shown", False))
    watch("another gene", 0.2, lambda: switch_genes(w, 3))
    watch.end()


def test_40_000_genes(shown_window, tmp_path):
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    counts = sparse.random(2000, 40_000, 0.1, format="csr", dtype=np.float32, random_state=0)
    counts.data = np.ceil(counts.data * 5)
    spots = AnnData(
        counts,
        obs=pd.DataFrame(index=[f"s{i}" for i in range(2000)]),
        var=pd.DataFrame(index=[f"GENE{i}" for i in range(40_000)]),
    )
    grid = np.stack(np.meshgrid(np.arange(50), np.arange(40)), -1)
    spots.obsm["spatial"] = grid.reshape(-1, 2) * 100.0
    spots.uns["spatial"] = {"T1": {"scalefactors": {"spot_diameter_fullres": 55.0}}}
    spots.uns["stexp_spots"] = {"technology": "test", "section": "T1", "diameter_um": 55.0}
    spots.write_h5ad(tmp_path / "many.h5ad")
    del spots, counts
    w = shown_window
    watch = Watch(w)
    watch("40,000 genes", 0.7, lambda: w.controller.load_spots(tmp_path / "many.h5ad"), 3000)
    watch("another gene", 0.3, lambda: switch_genes(w, 3))
    watch("yet another gene", 0.2, lambda: switch_genes(w, 100))
    watch.end()
