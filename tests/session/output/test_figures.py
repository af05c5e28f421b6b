"""Figures of what a session shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import AnnotationError, GeneListError, OutputError, SpotsError
from napari_stexp.figure import ClassMap, MixMap, TissueMap, ValueMap
from napari_stexp.progress import exhaust
from napari_stexp.session import FigureRequest, Session, Signature, start_figure
from napari_stexp.session.output.figure_bounds import find_bounds
from napari_stexp.session.shown import ShownValues
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_region, make_spots

GENES = ("ERBB2", "CD74", "KRT19")
VALUES = np.arange(18, dtype=np.float32).reshape(6, 3) / 10
UNS = {"stexp": {"scale": "spot", "created": "2026-01-02T03:04:05+00:00",
                 "model": {"name": "M", "sha256": "ab" * 32}, "parameters": {"k": 7}}}  # fmt: skip


class Slide(FakeSlide):
    def picture(self, bounds, max_px=2000):
        return np.full((20, 40, 3), 220, np.uint8), (0.0, 0.0, 2000.0, 1000.0)


@pytest.fixture
def session():
    session = Session()
    session.set_slide(Slide())
    spots = make_spots(genes=GENES, counts=np.arange(18).reshape(6, 3))
    session.set_spots(spots)
    session.set_prediction(make_prediction(spots, GENES, uns=UNS), "first")
    session.add_batch(make_batch(np.arange(6), VALUES))
    session.gene = "ERBB2"
    return session


@pytest.fixture
def drawn(session, tmp_path, monkeypatch):
    """Return what draws, and gives the pages and the note that would be written."""

    def draw(**request):
        found = {}

        def write(pages, path, note, *, dpi):
            found.update(pages={name: compose() for name, compose in pages}, note=note, dpi=dpi)
            yield from ()
            return [path]

        monkeypatch.setattr("napari_stexp.figure.write_figures", write)
        exhaust(start_figure(session, tmp_path / "f.png", FigureRequest(**request)))
        return found

    return draw


def _only(found):
    (content,) = found["pages"].values()
    return content


def test_the_active_gene_is_drawn_as_it_is_shown(session, drawn) -> None:
    session.display = replace(session.display, colormap="magma", threshold=0.2, size_factor=0.5)
    content = _only(drawn())
    (one,) = content.maps
    assert isinstance(one, ValueMap)
    assert (one.title, one.is_gene, one.colormap, one.threshold) == ("ERBB2", True, "magma", 0.2)
    np.testing.assert_array_equal(one.values, VALUES[:, 0])
    assert one.limits == session.limits()
    assert one.label == "predicted, log10(1+CP10K)"
    assert content.diameter == 55.0


def test_what_is_drawn_was_taken_when_it_was_asked_for(session, tmp_path, monkeypatch) -> None:
    pages = []
    monkeypatch.setattr(
        "napari_stexp.figure.write_figures",
        lambda found, *_, **__: pages.extend(found) or iter(()),
    )
    task = start_figure(session, tmp_path / "f.png", FigureRequest("list", ("CD74", "KRT19")))
    session.gene = "KRT19"
    session.display = replace(session.display, transform="linear")
    exhaust(task)
    first = pages[0][1]().maps[0]
    np.testing.assert_array_equal(first.values, VALUES[:, 1])
    assert "CP10K" in first.label


@pytest.mark.parametrize("mode", ["percentile", "manual", "shared"])
@pytest.mark.parametrize("transform", ["log", "linear", "z"])
def test_values_and_limits_are_the_sessions(session, mode, transform) -> None:
    session.signatures.add(Signature("mine", ("ERBB2", "CD74")))
    session.signatures.put_scores("mine", session.expression, np.arange(6, dtype=np.float32))
    session.display = replace(session.display, limits_mode=mode, transform=transform)
    session.views.show("genes", ("ERBB2", "CD74"))
    shown = ShownValues.of(session)
    for name in (*GENES, "mine"):
        np.testing.assert_array_equal(shown.values(name), session.shown_values(name))
        assert shown.limits(name) == session.limits(gene=name)
    with pytest.raises(GeneListError):
        shown.values("NOSUCH")


def test_views_side_by_side_are_drawn_so(session, drawn) -> None:
    session.views.show("sides")
    content = _only(drawn())
    assert [one.title for one in content.maps] == [
        "measured", "predicted", "predicted \N{MINUS SIGN} measured"
    ]  # fmt: skip
    measured, predicted, difference = content.maps
    assert measured.limits == predicted.limits
    np.testing.assert_allclose(difference.values, predicted.values - measured.values, atol=1e-6)
    assert difference.limits[0] == -difference.limits[1]
    assert (content.title, content.is_gene) == ("ERBB2", True)


def test_small_multiples_and_models(session, drawn) -> None:
    session.views.show("genes", ("CD74", "ERBB2"))
    assert [one.title for one in _only(drawn()).maps] == ["CD74", "ERBB2"]
    other = make_prediction(session.spots, ("ERBB2",), uns=UNS)
    session.set_prediction(other, "second")
    session.add_batch(make_batch(np.arange(6), VALUES[:, :1] + 1), other)
    session.views.show("models")
    found = drawn()
    first, second = _only(found).maps
    assert (first.title, second.title) == ("first", "second")
    np.testing.assert_allclose(second.values, first.values + 1, rtol=1e-6)
    assert first.limits == second.limits == session.limits_in("first", "ERBB2")
    assert found["note"].count("model M") == 2


def test_a_grid_and_a_list_are_of_the_named_genes(drawn) -> None:
    assert [one.title for one in _only(drawn(what="grid", genes=("CD74", "KRT19"))).maps] == [
        "CD74", "KRT19"
    ]  # fmt: skip
    pages = drawn(what="list", genes=("CD74", "KRT19"))["pages"]
    assert list(pages) == ["CD74", "KRT19"]


def test_classes_and_composites_are_drawn(session, drawn) -> None:
    session.regions.extend([make_region(color=(200, 0, 0))])
    session.labelling.shown = True
    (one,) = _only(drawn()).maps
    assert isinstance(one, ClassMap)
    assert one.colours["Tumor"] == "#c80000"
    session.labelling.shown = False
    session.composite = ("ERBB2", "CD74")
    (one,) = _only(drawn()).maps
    assert isinstance(one, MixMap)
    assert [name.split()[0] for _, name in one.entries] == ["ERBB2", "CD74"]
    assert one.entries[0][0] == "#ff0000"


def test_classes_and_composites_are_drawn_side_by_side(session, drawn) -> None:
    session.regions.extend([make_region(color=(200, 0, 0))])
    session.labelling.shown = True
    session.composite = ("ERBB2", "CD74")
    session.views.show("sides")
    classes, *sides = _only(drawn()).maps
    assert isinstance(classes, ClassMap)
    assert [one.title for one in sides] == ["measured", "predicted"]
    assert all(isinstance(one, MixMap) for one in sides)
    assert sides[0].entries == sides[1].entries, "the same limits"
    assert not np.array_equal(sides[0].colours, sides[1].colours)
    session.labelling.shown = False
    session.views.show("models")
    assert [one.title for one in _only(drawn()).maps] == list(session.predictions)
    session.views.show("genes", ["ERBB2", "CD74"])
    mixed, *genes = _only(drawn()).maps
    assert isinstance(mixed, MixMap)
    assert [one.title for one in genes] == ["ERBB2", "CD74"]


def test_heat_maps_are_averages_between_spots(session, drawn) -> None:
    session.display = replace(session.display, mode="heat map")
    (one,) = _only(drawn()).maps
    assert one.surface.values.shape == one.surface.cover.shape
    inside = one.surface.values[one.surface.cover > 0.9]
    assert VALUES[:, 0].min() <= inside.min() < inside.max() <= VALUES[:, 0].max() + 1e-5


def test_the_note_says_where_it_comes_from(session, drawn) -> None:
    note = drawn()["note"]
    for words in ("slide.ome.tif 000000000000", "model M abababababab", "k 7",
                  "predicted 2026-01-02", "research use only"):  # fmt: skip
        assert words in note
    session.source = "measured"
    note = drawn()["note"]
    assert "measured" in note
    assert "model M" not in note
    session.signatures.add(Signature("mine", ("ERBB2", "CD74")))
    assert "mine: ERBB2, CD74" in drawn(what="grid", genes=("mine",))["note"]


def test_hidden_expression_is_not_drawn(session, drawn) -> None:
    session.regions.extend([make_region()])
    session.composite = ("ERBB2", "CD74")
    session.regions.start_blinded()
    found = drawn()
    (one,) = _only(found).maps
    assert type(one) is TissueMap
    assert "model" not in found["note"]
    for what in ("grid", "list"):
        with pytest.raises(AnnotationError, match="hidden"):
            drawn(what=what, genes=("ERBB2",))


def test_unknown_genes_and_files_are_refused_at_once(session, tmp_path) -> None:
    with pytest.raises(GeneListError, match="1 of 2 are not among"):
        start_figure(session, tmp_path / "f.png", FigureRequest("grid", ("ERBB2", "NOSUCH")))
    with pytest.raises(GeneListError, match="no genes"):
        start_figure(session, tmp_path / "f.png", FigureRequest("list"))
    with pytest.raises(OutputError):
        start_figure(session, tmp_path / "f.tiff")
    with pytest.raises(SpotsError, match="nothing to draw"):
        start_figure(Session(), tmp_path / "f.png")


@pytest.mark.parametrize(
    "wrong", [{"what": "x"}, {"slide": "x"}, {"width_mm": 3}, {"dpi": 10}, {"columns": 17}]
)
def test_impossible_requests_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"no such|wide|within"):
        FigureRequest(**wrong)


def test_the_rectangle_is_cut_to_what_there_is(session) -> None:
    assert find_bounds(session, "slide") == (0.0, 0.0, 2000.0, 1000.0)
    assert find_bounds(session) == (35.0, 135.0, 1365.0, 465.0)  # 1.5 diameters around
    assert find_bounds(session, (-500.0, 100.0, 300.0, 5000.0)) == (0.0, 100.0, 300.0, 1000.0)
    session.regions.extend([make_region(0, 0, 3000, 3000)])
    assert find_bounds(session) == (0.0, 0.0, 2000.0, 1000.0)
    with pytest.raises(SpotsError, match="shows nothing"):
        find_bounds(session, (5000.0, 0.0, 6000.0, 10.0))


def test_a_picture_is_written(session, tmp_path) -> None:
    request = FigureRequest(dpi=50, width_mm=60)
    (path,) = exhaust(start_figure(session, tmp_path / "f.png", request))
    assert path.stat().st_size > 1000
