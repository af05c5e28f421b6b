"""Signatures and composites in the real window: with the mouse, as a pathologist would."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.gene import marker_panels, score_genes
from tests.panels.conftest import build_spots

pytestmark = pytest.mark.gui

GENES = (
    "ERBB2", "GRB7", "PNMT", "KRT8", "KRT18", "CD79A", "IGKC", "COL1A1", "COL3A1", "DCN", "LUM",
    *(f"G{i}" for i in range(30)),
)  # fmt: skip


@pytest.fixture
def measured(window):
    window.session.set_spots(build_spots(genes=GENES))
    window.settle()
    open_fold(window, "Signatures and markers")
    open_fold(window, "Three genes at once")
    window.settle()
    return window


@pytest.fixture
def seen(shown_window):
    """Return the same in a window that is seen."""
    shown_window.session.set_spots(build_spots(genes=GENES))
    shown_window.bring_forward(shown_window.genes)
    shown_window.settle()
    return shown_window


def open_fold(window, title):
    folds = {fold.button.text(): fold for fold in window.genes.folds}
    folds[title].set_opened(True)


def rows(view):
    model = view.table.model_
    texts = [[model.data(model.index(row, column)) for column in (0, 1)]
             for row in range(model.rowCount())]  # fmt: skip
    return dict(texts)


def row_of(view, name):
    return view.table.model_.find(name)


class TestList:
    def test_marker_panels_say_how_many_of_their_genes_are_known(self, measured):
        view = measured.genes.signatures

        assert list(rows(view)) == [panel.name for panel in marker_panels()]
        assert rows(view)["HER2 tumour"] == "3 of 7"
        assert rows(view)["Stroma (fibroblasts)"] == "4 of 18"
        assert rows(view)["Adipose"] == "0 of 15"

    def test_one_click_shows_the_score(self, seen):
        open_fold(seen, "Signatures and markers")
        seen.settle()
        view = seen.genes.signatures
        seen.click_cell(view.table, row_of(view, "HER2 tumour"))
        seen.settle()

        session = seen.session
        assert session.gene == "HER2 tumour"
        matrix = session.measurement.matrix()
        expected = score_genes(matrix, list(GENES), ["ERBB2", "GRB7", "PNMT"])
        np.testing.assert_allclose(session.values(), expected, rtol=1e-4, atol=1e-5)
        layer = seen.viewer.layers[0]
        assert layer.name.startswith("HER2 tumour measured")
        assert len(np.unique(np.asarray(layer.face_color), axis=0)) > 5
        assert not seen.errors

    def test_another_click_lists_its_genes_without_showing_it(self, seen):
        open_fold(seen, "Signatures and markers")
        seen.settle()
        view, gene = seen.genes.signatures, seen.session.gene
        seen.click_cell(view.table, row_of(view, "HER2 tumour"), 1)

        assert seen.session.gene == gene
        text = view.links.toPlainText()
        assert "ERBB2, GRB7, PNMT" in text
        assert "Not known here: MIEN1, PGAP3, TCAP, STARD3" in text
        assert "Staaf et al., Breast Cancer Research 2010" in text

    def test_a_gene_of_the_list_is_shown_by_a_click(self, measured):
        from qtpy.QtCore import QUrl

        view = measured.genes.signatures
        view.links.anchorClicked.emit(QUrl("gene:GRB7"))

        assert measured.session.gene == "GRB7"

    def test_a_source_is_opened_in_the_browser(self, measured, monkeypatch):
        from qtpy.QtCore import QUrl
        from qtpy.QtGui import QDesktopServices

        opened = []
        monkeypatch.setattr(
            QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True
        )
        view = measured.genes.signatures
        view._listed = "HER2 tumour"
        view.refresh()
        assert 'href="https://doi.org/10.1186/bcr2568"' in view.links.toHtml()
        view.links.anchorClicked.emit(QUrl("https://doi.org/10.1186/bcr2568"))

        assert opened == ["https://doi.org/10.1186/bcr2568"]

    def test_a_signature_without_known_genes_is_listed_but_not_shown(self, seen):
        open_fold(seen, "Signatures and markers")
        seen.settle()
        view, gene = seen.genes.signatures, seen.session.gene
        seen.click_cell(view.table, row_of(view, "Adipose"))
        seen.settle()

        assert seen.session.gene == gene
        assert "None of its genes is known here" in view.links.toPlainText()

    def test_a_score_of_few_genes_is_told_of(self, measured):
        measured.controller.signatures.show("B and plasma cells")
        measured.settle()

        text = measured.genes.signatures.trouble.text()
        assert text.startswith("Only CD79A and IGKC of its 16 genes are known here")

    def test_nothing_is_scored_while_values_are_hidden(self, measured):
        measured.controller.signatures.show("HER2 tumour")
        measured.settle()
        measured.session.regions.start_blinded()
        measured.settle()

        assert measured.session.values() is None
        assert all(fold.isHidden() for fold in measured.genes.folds)

    def test_a_task_that_fails_is_not_run_again_and_again(self, measured, monkeypatch):
        from napari_stexp.errors import StexpError

        starts = []

        def fail(*_):
            starts.append(1)
            yield from ()
            raise StexpError("no scores today")

        name = "napari_stexp.panels.genes.signature_control.start_signature_scores"
        monkeypatch.setattr(name, fail)
        measured.controller.signatures.show("HER2 tumour")
        measured.qtbot.wait(300)
        measured.settle()

        assert len(starts) == 1
        assert [area for area, _ in measured.errors] == ["scores of signatures"]


class TestOwn:
    def test_the_form_for_a_list_is_scrolled_into_view(self, seen):
        w, view = seen, seen.genes.signatures
        fold = next(fold for fold in w.genes.folds if fold.title == "Signatures and markers")
        w.click(fold.button)
        w.settle()
        w.click(view.paste_button)
        view.form.text.setPlainText("ERBB2, NOSUCH")
        w.settle()
        for part in (view.form.name, view.form.text, view.form.line, view.form.add_button):
            assert part.visibleRegion().boundingRect() == part.rect()

    def test_a_pasted_list_is_scored_and_unknown_genes_are_named(self, measured):
        w, view = measured, measured.genes.signatures
        w.click(view.paste_button)
        assert not view.form.isHidden()
        assert not view.form.add_button.isEnabled()
        view.form.name.setText("my genes")
        view.form.text.setPlainText("her2; KRT8\nNOSUCH, KRT18")
        assert view.form.line.text() == "3 of 4 genes known here. Not known: NOSUCH."
        w.click(view.form.add_button)
        w.settle()

        assert w.session.gene == "my genes"
        expected = score_genes(
            w.session.measurement.matrix(), list(GENES), ["ERBB2", "KRT8", "KRT18"]
        )
        np.testing.assert_allclose(w.session.values(), expected, rtol=1e-4, atol=1e-5)
        assert rows(view)["my genes"] == "3 of 4"
        assert view.form.isHidden()

    def test_a_list_without_a_name_gets_one_and_a_genes_name_is_told_apart(self, measured):
        control = measured.controller.signatures
        assert control.add_pasted("", "KRT8 KRT18")
        assert control.add_pasted(" ", "KRT8")
        assert control.add_pasted("ERBB2", "GRB7")

        assert list(measured.session.signatures) == ["My genes 1", "My genes 2", "ERBB2 signature"]

    def test_a_built_in_panel_cannot_be_replaced(self, measured):
        assert not measured.controller.signatures.add_pasted("Adipose", "KRT8")

        assert "built-in panel" in measured.errors[0][1].message

    def test_gene_sets_come_from_a_file(self, measured, tmp_path):
        w, view = measured, measured.genes.signatures
        path = tmp_path / "mine.gmt"
        lines = [f"SET_{i}\thttps://example.org/{i}\tKRT8\tNOSUCH{i}" for i in range(30)]
        path.write_text("\n".join(lines) + "\n")
        w.choose(path)
        w.click(view.load_button)
        w.settle()

        assert rows(view)["SET_29"] == "1 of 2"
        assert w.genes.notice("signatures").text() == "30 gene sets from mine.gmt."
        assert not view.search.isHidden()
        w.qtbot.keyClicks(view.search, "nosuch7")
        assert list(rows(view)) == ["SET_7"]

    def test_a_file_that_holds_none_is_told_of(self, measured, tmp_path):
        path = tmp_path / "bad.gmt"
        path.write_text("no tabs\n")
        measured.controller.signatures.load_gmt(path)
        measured.settle()

        assert "line 1 is no gene set" in measured.errors[0][1].message

    def test_own_signatures_are_removed_and_built_in_ones_stay(self, measured):
        w, view = measured, measured.genes.signatures
        w.controller.signatures.add_pasted("mine", "KRT8 KRT18")
        w.settle()
        assert view.remove_button.isEnabled()
        w.click(view.remove_button)
        w.settle()

        assert "mine" not in rows(view)
        assert w.session.gene in GENES
        w.controller.signatures.show("HER2 tumour")
        assert not view.remove_button.isEnabled()

    def test_its_menu_copies_the_genes(self, measured):
        from qtpy.QtGui import QGuiApplication

        view = measured.genes.signatures
        measured.controller.signatures.add_pasted("mine", "KRT8 NOSUCH")
        actions = {action.text(): action for action in view.menu().actions()}
        assert list(actions) == ["Show its score", "Copy its genes", "Remove"]
        actions["Copy its genes"].trigger()

        assert QGuiApplication.clipboard().text() == "KRT8, NOSUCH"


def fill(window, *texts):
    from qtpy.QtCore import Qt

    for row, text in zip(window.genes.composite.rows, texts, strict=False):
        row.name.clear()
        window.qtbot.keyClicks(row.name, text)
        window.qtbot.keyClick(row.name, Qt.Key.Key_Return)
    window.settle()


class TestComposite:
    def test_three_names_are_shown_at_once_with_a_legend(self, measured):
        fill(measured, "erbb2", "KRT8", "stroma (fibroblasts)")

        session = measured.session
        assert session.composite == ("ERBB2", "KRT8", "Stroma (fibroblasts)")
        assert np.isfinite(session.values("Stroma (fibroblasts)")).all()
        face = np.asarray(measured.viewer.layers[0].face_color)
        low, high = session.channel_limits("ERBB2")
        red = np.clip((session.values("ERBB2") - low) / (high - low), 0, 1)
        np.testing.assert_allclose(face[:, 0], red, atol=1e-5)
        texts = [overlay.text for key, overlay in measured.viewer.canvas.overlays.items()
                 if key.startswith("stexp_composite")]  # fmt: skip
        assert texts[0] == "measured"
        assert [text.split("  ")[0] for text in texts[1:4]] == [
            "● ERBB2", "● KRT8", "● Stroma (fibroblasts)"
        ]  # fmt: skip
        assert texts[4] == "black: none   white: all"

    def test_a_name_that_is_not_known_is_told_and_kept(self, measured):
        fill(measured, "ERBB2", "NOSUCH")

        view = measured.genes.composite
        assert measured.session.composite == ("ERBB2",)
        assert view.trouble.text() == "Not known here: NOSUCH."
        assert [row.text for row in view.rows] == ["ERBB2", "NOSUCH", ""]

    def test_clearing_a_box_takes_its_gene_out(self, measured):
        fill(measured, "ERBB2", "KRT8")
        measured.genes.composite.rows[0].name.clear()

        assert measured.session.composite == ("KRT8",)

    def test_a_click_on_a_gene_shows_it_alone_and_the_box_shows_both_again(self, measured):
        w, view = measured, measured.genes.composite
        fill(w, "ERBB2", "KRT8")
        w.controller.set_gene("DCN")

        assert w.session.composite == ()
        assert not view.shown_box.isChecked()
        assert [row.text for row in view.rows] == ["ERBB2", "KRT8", ""]
        assert not [key for key in w.viewer.canvas.overlays if key.startswith("stexp_composite")]
        w.click(view.shown_box)
        assert w.session.composite == ("ERBB2", "KRT8")
        w.click(view.shown_box)
        assert w.session.composite == ()

    def test_the_shown_gene_is_added_until_all_three_are_taken(self, measured):
        w, view = measured, measured.genes.composite
        for gene in ("ERBB2", "KRT8", "DCN", "LUM"):
            w.controller.set_gene(gene)
            w.click(view.add_button)

        assert [row.text for row in view.rows] == ["ERBB2", "KRT8", "DCN"]
        assert "All three colours are taken" in view.trouble.text()

    def test_limits_are_dragged_and_given_back(self, measured):
        w, view = measured, measured.genes.composite
        fill(w, "ERBB2", "KRT8")
        row, usual = view.rows[0], w.session.channel_limits("ERBB2")
        assert not row.auto_button.isEnabled()
        row.slider.setValue((usual[0], (usual[0] + usual[1]) / 2))

        assert w.session.channel_limits("ERBB2")[1] == pytest.approx(sum(usual) / 2, rel=1e-3)
        assert w.session.channel_limits("KRT8") == pytest.approx(
            np.percentile(w.session.values("KRT8"), [1, 99]), rel=1e-4
        )
        w.click(row.auto_button)
        assert w.session.channel_limits("ERBB2") == usual

    def test_other_colours_for_eyes_that_do_not_tell_red_from_green(self, measured):
        w, view = measured, measured.genes.composite
        fill(w, "ERBB2", "KRT8")
        w.choose_item(view.mixing_box, "cyan, magenta, yellow")

        assert w.session.composite_style.mixing == "cmy"
        assert view.rows[0].name.placeholderText() == "Gene or signature in cyan …"
        texts = [overlay.text for key, overlay in w.viewer.canvas.overlays.items()
                 if key.startswith("stexp_composite")]  # fmt: skip
        assert texts[-1] == "white: none   black: all"

    def test_one_gene_s_scale_is_hidden_meanwhile(self, measured):
        fill(measured, "ERBB2")
        assert measured.genes.color_bar.isHidden()

        measured.controller.set_gene("DCN")
        assert not measured.genes.color_bar.isHidden()


def test_scores_follow_a_prediction_to_its_end(measured, monkeypatch):
    """What was scored while a prediction was half done is scored again when it has ended."""
    from napari_stexp.predict import Prediction
    from tests.session.fakes import make_batch, make_prediction

    w, session = measured, measured.session
    prediction = make_prediction(session.spots, GENES)
    assert isinstance(prediction, Prediction)
    session.set_prediction(prediction)
    values = np.random.default_rng(3).gamma(1.0, 1.0, (30, len(GENES)))
    session.add_batch(make_batch(range(10), values[:10]))
    w.controller.signatures.show("HER2 tumour")
    w.settle()
    assert np.isfinite(session.values()).sum() == 10

    session.add_batch(make_batch(range(10, 30), values[10:]))
    w.controller.task_ended.emit("predict")
    w.settle()

    assert np.isfinite(session.values()).all()
    expected = score_genes(prediction.adata.X, list(GENES), ["ERBB2", "GRB7", "PNMT"])
    np.testing.assert_allclose(session.values(), expected, rtol=1e-4, atol=1e-5)
