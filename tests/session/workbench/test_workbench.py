"""The workbench: what it does to its session, whoever runs its tasks."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from napari_stexp.errors import (
    AnnotationError,
    GeneListError,
    PredictionError,
    SlideError,
    SpotsError,
    StexpError,
)
from napari_stexp.progress import Progress
from napari_stexp.session import Session, Workbench
from napari_stexp.session.workbench.base import BarHost
from napari_stexp.slide import remote
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_region, make_spots
from tests.session.workspaces import write_slide
from tests.slide.range_server import serving

GENES = ("ERBB2", "CD74", "KRT19")


@pytest.fixture
def wb():
    """Six measured and predicted spots on a slide."""
    session = Session()
    session.set_slide(FakeSlide())
    counts = np.arange(18).reshape(6, 3)
    spots = make_spots(genes=GENES, counts=counts)
    session.set_spots(spots)
    prediction = make_prediction(spots, GENES)
    session.set_prediction(prediction, "first")
    values = np.arange(18, dtype=np.float32).reshape(6, 3) / 10
    session.add_batch(make_batch(np.arange(6), values))
    return Workbench(session, quiet=True)


def test_a_slide_is_opened_by_its_address(tmp_path) -> None:
    """It comes back with the workspace, and without its server the rest does."""
    bench = Workbench(quiet=True)
    with serving(write_slide(tmp_path / "server" / "S 1.ome.tif")) as address:
        slide = bench.open_slide(address)
        assert (str(slide.path), slide.name, slide.shape) == (address, "S 1", (600, 900))
        bench.session.set_spots(make_spots(genes=GENES, counts=np.ones((6, 3))))
        (tmp_path / "here").mkdir()
        bench.save_workspace(tmp_path / "here" / "a.stexp")
        bench.close()
        bench.open_workspace(tmp_path / "here" / "a.stexp")
        assert str(bench.session.slide.path) == address
        bench.close()
    remote._files.clear()
    again = Workbench(quiet=True)
    again.open_workspace(tmp_path / "here" / "a.stexp")
    assert again.session.slide is None
    assert again.session.spots.n_obs == 6


def test_a_gene_is_found_by_its_other_names(wb) -> None:
    values = wb.show("HER2")
    assert wb.gene == "ERBB2"
    np.testing.assert_allclose(values, np.arange(6) * 0.3, rtol=1e-6)
    assert wb.search_genes("krt") == ["KRT19"]
    with pytest.raises(GeneListError, match="'NOSUCH' is not among the 3 predicted genes"):
        wb.show("NOSUCH")


def test_measured_values_are_shown_when_asked_for(wb) -> None:
    measured = wb.show("CD74", "measured")
    assert wb.session.source == "measured"
    np.testing.assert_array_equal(measured, wb.session.measurement.values("CD74"))


def test_shown_values_are_on_the_shown_scale(wb) -> None:
    wb.show("ERBB2")
    wb.set_display(transform="z")
    values = wb.values(shown=True)
    assert values.mean() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(wb.values(), np.arange(6) * 0.3, rtol=1e-6)


def test_limits_by_hand_by_percentiles_and_shared(wb) -> None:
    wb.show("ERBB2")
    assert wb.set_limits(0.5, 1.0) == (0.5, 1.0)
    assert wb.set_limits(percentiles=(0, 100)) == pytest.approx((0, 1.5))
    together = np.concatenate([wb.values(), wb.session.measurement.values("ERBB2")])
    assert wb.set_limits(shared=True) == pytest.approx((together.min(), together.max()))
    with pytest.raises(ValueError, match="both ends"):
        wb.set_limits(low=1.0)


def test_signatures_are_scored_when_their_values_are_asked_for(wb) -> None:
    wb.add_signature("mine", "ERBB2, CD74; NOSUCH")
    assert wb.known_genes("mine") == ("ERBB2", "CD74")
    assert np.isfinite(wb.show("mine")).all()
    wb.composite("mine", "HER2", mixing="cmy")
    assert wb.session.composite == ("mine", "ERBB2")
    assert wb.session.composite_style.mixing == "cmy"
    wb.remove_signature("mine")
    assert wb.session.composite == ("ERBB2",)
    with pytest.raises(GeneListError, match="no such marker panel"):
        wb.add_signature("no such panel")


def test_a_signature_with_a_genes_name_is_called_otherwise(wb) -> None:
    assert wb.add_signature("ERBB2", ["CD74"]).name == "ERBB2 signature"


def test_gmt_files_become_signatures(wb, tmp_path) -> None:
    (tmp_path / "sets.gmt").write_text("A set\tsource\tERBB2\tCD74\nOther\t\tKRT19\n")
    assert wb.load_signatures(tmp_path / "sets.gmt") == ["A set", "Other"]
    assert wb.session.signatures["A set"].genes == ("ERBB2", "CD74")


def test_favourites_are_kept_for_others(wb) -> None:
    wb.star("CD74", "ERBB2")
    wb.star("CD74", on=False)
    assert Workbench(quiet=True).favourites == wb.favourites
    assert "CD74" not in wb.favourites
    assert "ERBB2" in wb.favourites
    wb.star("ERBB2", on=False)


def test_spots_are_chosen_by_mask_rows_and_barcodes(wb) -> None:
    expected = np.array([0, 1, 0, 0, 1, 0], bool)
    for chosen in (expected, [1, 4], ["spot1", "spot4"]):
        wb.select(None)
        assert wb.session.selection is None
        wb.select(chosen)
        np.testing.assert_array_equal(wb.session.selection, expected)
    assert wb.profile().n_chosen == 2
    with pytest.raises(SpotsError, match="no such spots"):
        wb.select(["spot1", "elsewhere"])


def test_the_profile_of_a_spot_is_that_of_its_barcode(wb) -> None:
    first = wb.profile("spot5")
    assert wb.session.focus == 5
    assert first.of_one
    assert first.table.equals(wb.profile(5).table)
    with pytest.raises(SpotsError, match="no such spot"):
        wb.profile("elsewhere")
    wb.session.focus_spot(None)
    with pytest.raises(SpotsError, match="no spots were chosen"):
        wb.profile()


def test_regions_are_added_from_corners_and_shapes(wb) -> None:
    ring = [(100, 200), (700, 200), (700, 400), (100, 400)]
    region = wb.add_region(ring, "Tumor")
    assert region.geometry.equals(shapely.box(100, 200, 700, 400))
    assert [one.class_name for one in wb.regions] == ["Tumor"]
    assert wb.session.labelling.source.count() == {"Tumor": 3}
    wb.undo()
    assert wb.regions == ()
    wb.redo()
    assert len(wb.regions) == 1
    with pytest.raises(AnnotationError, match="an area"):
        wb.add_region(shapely.Point(1, 2))


def test_hidden_values_stay_hidden(wb) -> None:
    wb.session.regions.extend([make_region()])
    wb.hide_expression()
    assert wb.genes == []
    assert wb.search_genes("E") == []
    for ask in (
        wb.values,
        wb.morans_i,
        wb.gene_table,
        wb.rank_genes,
        lambda: wb.profile(0),
        lambda: wb.show("ERBB2"),
        lambda: wb.export_figure("f.png", "list", ["ERBB2"]),
    ):
        with pytest.raises(StexpError):
            ask()
    assert wb.lock_annotation().n_regions == 1
    assert wb.genes == list(GENES)
    assert wb.unlock_annotation().n_unlocks == 1


def test_hidden_genes_cannot_be_guessed_by_name(wb) -> None:
    wb.session.regions.extend([make_region()])
    wb.hide_expression()
    with pytest.raises(StexpError):
        wb.values("HER2")


def test_views_are_the_sessions(wb) -> None:
    wb.multiples("HER2", "CD74")
    assert (wb.session.views.kind, wb.session.views.genes) == ("genes", ("ERBB2", "CD74"))
    wb.compare_predictions()
    assert wb.session.views.kind == "models"
    wb.side_by_side()
    assert wb.session.comparison.side_by_side
    wb.single_view()
    assert wb.session.views.kind == "single"


def test_predictions_have_names(wb) -> None:
    wb.session.set_prediction(make_prediction(wb.session.spots, GENES), "second")
    wb.rename_prediction("second", "other")
    assert wb.predictions == ["first", "other"]
    wb.show_prediction("first")
    wb.drop_prediction()
    assert wb.predictions == ["other"]
    assert wb.session.predictions.active == "other"


def test_what_is_missing_is_said(wb, tmp_path) -> None:
    empty = Workbench(quiet=True)
    with pytest.raises(PredictionError, match="Open a slide"):
        empty.predict()
    with pytest.raises(SlideError, match="needs a slide"):
        empty.make_grid()
    with pytest.raises(PredictionError, match="no prediction to save"):
        empty.save_prediction(tmp_path / "p.h5ad")
    with pytest.raises(PredictionError, match="no prediction to drop"):
        empty.drop_prediction()
    with pytest.raises(ValueError, match="one of geojson"):
        wb.export(tmp_path / "x", "docx")


def test_morans_i_is_found_once(wb) -> None:
    ran: list[str] = []

    class Host(BarHost):
        def run(self, area, title, task, on_report=None):
            ran.append(title)
            return super().run(area, title, task, on_report)

    bench = Workbench(wb.session, host=Host(quiet=True))
    table = bench.morans_i()
    assert list(table.index) == list(GENES)
    assert bench.rank_genes("morans_i")[0] == table.idxmax()
    assert ran == ["Finding genes with a pattern"]


def test_tasks_are_closed_when_their_listener_fails() -> None:
    closed = []

    def task():
        try:
            yield Progress(0, 2, "working")
            yield Progress(1, 2, "working")
        finally:
            closed.append(True)

    def listen(progress: Progress) -> None:
        raise SpotsError("no")

    with pytest.raises(SpotsError):
        BarHost(quiet=True).run("x", "X", task(), listen)
    assert closed == [True]


def test_it_says_what_is_open(wb) -> None:
    assert repr(wb) == "<Workbench: slide.ome.tif, 6 spots, no model, 1 predictions>"
    with wb:
        pass
    assert repr(wb) == "<Workbench: no slide, no spots, no model, 0 predictions>"
