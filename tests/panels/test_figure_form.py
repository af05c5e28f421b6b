"""The dialog *Export figure*: what it asks, writes and tells."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_stexp.panels.figure_choices import split_names

pytestmark = pytest.mark.gui


@pytest.fixture
def dialog(window, slide_file, spots_file, regions_file, qtbot):
    window.open(slide_file, spots_file)
    window.controller.annotating.load(regions_file)
    window.settle()
    window.genes.figure.ask()
    return window.genes.figure.dialog


def test_what_is_shown_is_written_and_told(window, dialog, tmp_path) -> None:
    dialog.path.setText(str(tmp_path / "view"))
    dialog.dpi.setValue(60)
    assert not dialog.genes.isEnabled()
    window.click(dialog.button)
    assert dialog.button.text() == "Writing …"
    window.settle()
    assert (tmp_path / "view.pdf").read_bytes().startswith(b"%PDF")
    assert "Saved as" in dialog.notice.text()
    assert dialog.open_button.isEnabled()
    assert window.errors == []


def test_each_gene_becomes_a_file(window, dialog, tmp_path) -> None:
    window.choose_item(dialog.what, "One figure per gene")
    dialog.genes.setText("ERBB2; CD74")
    dialog.path.setText(str(tmp_path / "genes.png"))
    dialog.dpi.setValue(50)
    window.click(dialog.button)
    window.settle()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "genes-CD74.png",
        "genes-ERBB2.png",
    ]
    assert "and 1 more" in dialog.notice.text()


def test_what_cannot_be_drawn_is_said(window, dialog, tmp_path) -> None:
    window.choose_item(dialog.what, "Several genes in one figure")
    dialog.genes.setText("NOSUCH")
    dialog.path.setText(str(tmp_path / "grid.svg"))
    window.click(dialog.button)
    assert "NOSUCH" in dialog.notice.text()
    dialog.genes.setText("")
    assert not dialog.button.isEnabled()
    dialog.genes.setText("ERBB2")
    dialog.path.setText(str(tmp_path / "grid.bmp"))
    window.click(dialog.button)
    assert "PNG, SVG or PDF" in dialog.notice.text()
    assert list(tmp_path.glob("grid*")) == []


def test_only_what_is_in_view_is_asked_for(window, dialog) -> None:
    window.choose_item(dialog.bounds, "What is in view")
    x0, y0, x1, y1 = dialog.request().bounds
    assert x0 < x1
    assert y0 < y1


def test_blinded_figures_propose_no_genes(window, dialog) -> None:
    assert dialog.genes.text() != ""
    window.session.regions.start_blinded()
    dialog.refresh()
    assert dialog.genes.text() == ""


def test_everything_has_a_tooltip(dialog) -> None:
    for field in dialog.findChildren(QWidget):
        if field.metaObject().className() in ("QComboBox", "QSpinBox", "QPushButton", "QCheckBox"):
            assert field.toolTip(), field


def test_names_of_signatures_keep_their_blanks() -> None:
    text = "ERBB2 CD74, T cells; KRT19,ERBB2"
    assert split_names(text, ("T cells",)) == ("ERBB2", "CD74", "T cells", "KRT19")
