"""The workbench's alignment and scale: tried out first, refused spots settled or moved."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.errors import AlignmentError, GeneListError, ScaleError, SpotsError, StexpError
from napari_stexp.session import Session, Workbench
from tests.session.fakes import make_batch, make_prediction, make_spots
from tests.session.workspaces import write_slide

GENES = ("A", "B", "C")


@pytest.fixture(scope="module")
def slide_file(tmp_path_factory):
    return write_slide(tmp_path_factory.mktemp("align") / "S1.ome.tif")


@pytest.fixture
def wb(slide_file):
    bench = Workbench(Session(), quiet=True)
    bench.open_slide(slide_file)
    spots = make_spots(5, GENES, np.arange(15).reshape(5, 3), first=(100, 200), step=150)
    bench.session.set_spots(spots)
    yield bench
    bench.close()


def places(wb):
    return np.array(wb.session.spots.obsm["spatial"])


def test_spots_are_moved_when_it_is_applied(wb, tmp_path) -> None:
    before = places(wb)
    wb.move_spots(30, -20, factor=0.5)
    np.testing.assert_array_equal(places(wb), before)
    wb.apply_alignment()
    middle = (before.min(0) + before.max(0)) / 2
    np.testing.assert_allclose(places(wb), (before - middle) / 2 + middle + (30, -20))
    wb.undo_alignment()
    np.testing.assert_allclose(places(wb), before)
    wb.orient_spots("turn by 180°")
    wb.reset_alignment()
    assert not wb.session.aligning.moved
    with pytest.raises(AlignmentError, match="no such orientation"):
        wb.orient_spots("upside down")
    with pytest.raises(AlignmentError, match="no factor"):
        wb.scale_spots("hires")
    assert wb.save_spots(tmp_path / "s.h5ad").is_file()


def test_pairs_place_the_spots(wb) -> None:
    own = np.array([(0.0, 0.0), (400.0, 0.0), (0.0, 300.0)])
    before, shift = places(wb), np.array([7.0, -5.0])
    fit = wb.fit_pairs(own, own + shift)
    assert np.abs(fit.residuals).max() < 1e-6
    wb.apply_alignment()
    np.testing.assert_allclose(places(wb), before + shift, atol=1e-6)
    with pytest.raises(AlignmentError):
        wb.fit_pairs(own[:1], own[:1])


def test_refused_spots_are_laid_in_the_middle(wb, tmp_path) -> None:
    far = make_spots(4, GENES, np.ones((4, 3)), first=(9000, 9000), step=50)
    far.write_h5ad(tmp_path / "far.h5ad")
    with pytest.raises(SpotsError):
        wb.load_spots(tmp_path / "far.h5ad")
    assert wb.session.spots.n_obs == 5
    wb.lay_in_the_middle()
    assert wb.session.spots.n_obs == 4
    xy = places(wb)
    np.testing.assert_allclose((xy.min(0) + xy.max(0)) / 2, (450, 300))


def test_a_scale_is_reviewed_and_settled(wb) -> None:
    wb.session.set_spots(None)
    assert wb.review_scale().mpp == pytest.approx(0.5)
    slide = wb.settle_scale(0.25)
    assert (slide.mpp, slide.mpp_source) == (0.25, "user")
    with pytest.raises(ScaleError):
        wb.settle_scale(source="spots")
    assert wb.glass_pictures() == {}
    with pytest.raises(StexpError):
        wb.set_colour("sRGB")  # there is no profile


def test_what_only_a_window_has_says_so(wb) -> None:
    for ask in (wb.fit, lambda: wb.fly_to(0), lambda: wb.show_tab("Genes")):
        with pytest.raises(StexpError, match="no window"):
            ask()
    with pytest.raises(SpotsError, match="no such spot"):
        wb.fly_to("elsewhere")


def test_genes_are_stepped_through_and_told_by_class(wb) -> None:
    prediction = make_prediction(wb.session.spots, GENES)
    wb.session.set_prediction(prediction, "P")
    wb.session.add_batch(make_batch(range(5), np.arange(15).reshape(5, 3) / 10))
    wb.show("A")
    assert [wb.step(), wb.step(5), wb.step(-1)] == ["B", "C", "B"]
    wb.show_source("measured")
    assert (wb.gene, wb.session.source) == ("B", "measured")
    wb.composite("A", "B", limits={"A": (0, 2)})
    assert wb.session.channel_limits("A") == (0, 2)
    wb.composite("A", "B", limits={"A": None})
    assert wb.session.channel_limits("A") != (0, 2)
    wb.reset_display()
    wb.composite()
    with pytest.raises(StexpError, match="no labels"):
        wb.class_table()
    wb.add_region([(50, 100), (300, 100), (300, 300), (50, 300)], "Tumor")
    assert wb.class_table("B").loc["Tumor", "n"] == 2
    region = wb.regions[0]
    wb.classify_regions("Stroma", region)
    assert wb.regions[0].class_name == "Stroma"
    wb.remove_regions(wb.regions[0])
    assert wb.regions == ()
    assert "A" in wb.read_out(0) or "spot" in wb.read_out(0)
    with pytest.raises(GeneListError):
        wb.composite("Z")


def test_anything_is_opened_in_order(slide_file, tmp_path) -> None:
    (tmp_path / "sets.gmt").write_text("A set\tsource\tA\tB\n")
    make_spots(4, GENES, np.ones((4, 3)), first=(100, 100)).write_h5ad(tmp_path / "s.h5ad")
    with Workbench(quiet=True) as wb:
        found = wb.open(tmp_path / "sets.gmt", tmp_path / "s.h5ad", slide_file)
        assert [kind for _, kind in found] == ["slide", "spots", "gene sets"]
        assert wb.session.spots.n_obs == 4
        assert "A set" in wb.session.signatures
        with pytest.raises(StexpError, match="no such file"):
            wb.open(tmp_path / "none.svs")
