"""Annotating and comparing real tissue in the real window: C4 with experts' clusters, A1 with a
pathologist's labels and a reduced picture."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from shapely import MultiPoint

from napari_stexp.spots import find_sections, write_spots

pytestmark = [pytest.mark.gui, pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def c4(window, her2st, reference):
    """The window with C4, its counts, and what the released code predicted for it."""
    w = window
    (picture,) = (her2st / "data" / "ST-imgs" / "C" / "C4").glob("*.jpg")
    w.open_path(picture)
    w.wait(lambda: not w.controller.tasks, timeout=300_000)
    w.open(her2st / "data" / "ST-spotfiles" / "C4_selection.tsv")
    w.click(w.slide.pixel_size.from_spots_button)
    order = {str(name): row for row, name in enumerate(reference["spot_id_C4"])}
    rows = [order[name] for name in w.session.spots.obs_names]
    adata = AnnData(
        reference["pred_l1_spotnorm_C4"][rows].astype(np.float32),
        obs=w.session.spots.obs[[]].assign(status="ok"),
        obsm={"spatial": w.session.spots.obsm["spatial"].copy()},
        uns={"stexp": {"scale": "spot"}},
    )
    adata.var_names = [str(gene) for gene in reference["gene_list"]]
    w.session.show_prediction(adata)
    return w


def canvases(w):
    """Return what shows pictures side by side at present."""
    from napari_stexp.panels.views.views_canvas import ViewsCanvas

    found = w.slide.window().findChildren(ViewsCanvas)
    return [canvas for canvas in found if not canvas.isHidden()]


def test_c4_with_the_experts_clusters(c4, her2st, tmp_path):
    w, panel = c4, c4.compare
    table = her2st / "res" / "ST-cluster" / "lbl" / "C4-cluster-annotation.tsv.gz"
    w.annotations.open_requested.emit(table, "label")
    w.settle()
    assert w.errors == []
    source = w.session.labelling.source
    assert len(source.classes) == 7
    w.bring_forward(panel)
    view = panel.genes_view
    w.choose_item(view.form.one_box, "2: cancer 1")
    w.click(view.form.measured_button)
    w.click(view.button)
    w.settle()
    ranked = w.session.comparison.genes
    assert (ranked.n_inside, ranked.source) == (33, "measured")
    assert ranked.n_outside == 184 - 33 - 6, "what experts call unknown is no other class"
    w.click_cell(view.table, 0)
    assert w.session.gene == ranked.table.index[0]

    panel.tabs.setCurrentIndex(1)
    w.wait(panel.agreement_view.button.isEnabled)
    w.click(panel.agreement_view.button)
    w.settle()
    agreement = w.session.comparison.agreement
    assert (agreement.n_compared, agreement.n_left_out, agreement.n_domains) == (178, 6, 6)
    assert agreement.confusion.to_numpy().sum() == 178

    panel.tabs.setCurrentIndex(2)
    w.wait(panel.measured_view.button.isEnabled)
    w.click(panel.measured_view.side_check)
    w.wait(lambda: bool(canvases(w)))
    assert len(canvases(w)[0].pictures.items) == 3
    w.click(panel.measured_view.side_check)
    w.wait(lambda: not canvases(w))

    panel.tabs.setCurrentIndex(3)
    report = tmp_path / "c4.html"
    w.controller.comparing.write_report(report, ("FASN",), frozenset({"genes", "agreement"}))
    w.wait(report.is_file)
    w.settle()
    assert w.errors == []
    text = report.read_text(encoding="utf-8")
    for part in ("2: cancer 1", "FASN", f"{agreement.ari:.3f}", "data:image"):
        assert part in text


def test_a1_annotated_blind_against_its_pathologist(window, her2st, tmp_path):
    w = window
    (section,) = find_sections(f"{her2st}:A1")
    spots = section.read()
    scale = 2000 / 6954  # of the reduced picture
    spots.obsm["spatial"] = spots.obsm["spatial"] * scale
    for library in spots.uns["spatial"].values():
        library["scalefactors"]["spot_diameter_fullres"] *= scale
    write_spots(spots, tmp_path / "A1.h5ad")
    w.open_path(her2st / "app" / "A1_HE_image_dark.png")
    w.settle()
    row = w.annotations.blinding
    w.bring_forward(w.annotations)
    w.click(row.start_button)
    w.click(row.question.buttons["Begin"])
    w.open(tmp_path / "A1.h5ad")
    w.click(w.slide.pixel_size.from_spots_button)
    assert w.session.slide.mpp == pytest.approx(0.919 / scale, rel=0.01)
    assert w.session.hides_values
    assert w.session.values("ERBB2") is None

    labels = spots.obs["label"].astype(str).to_numpy()
    fat = spots.obsm["spatial"][labels == "adipose tissue"]
    w.session.regions.active_class = "Adipose"
    w.session.regions.add(MultiPoint(fat).buffer(30).convex_hull)
    w.bring_forward(w.annotations)
    w.click(row.lock_button)
    record = w.session.regions.blinding
    assert (record.state, record.seen_before, record.n_regions) == ("locked", False, 1)
    assert w.session.values("ERBB2") is not None

    panel = w.compare
    w.bring_forward(panel)
    w.choose_item(panel.genes_view.form.other_box, "everything else")
    w.click(panel.genes_view.button)
    w.settle()
    ranked = w.session.comparison.genes
    assert ranked.table.query("auroc > 0.5").index[0] == "FABP4", "the marker of fat cells"
    w.session.labelling.active = "column:label"
    w.wait(lambda: panel.genes_view.form.one_box.findText("invasive cancer") >= 0)
    w.choose_item(panel.genes_view.form.one_box, "invasive cancer")
    w.click(panel.genes_view.button)
    w.settle()
    assert "ERBB2" in w.session.comparison.genes.table.query("auroc > 0.5").index[:5]
    assert w.errors == []
