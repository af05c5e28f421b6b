"""Dropping files on the window, on a dock, and what each file is taken for."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from napari_stexp.session.opening.dropped import may_be_ours, recognise_dropped, sort_dropped

FILES = {
    "C4_selection.tsv": ("x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n1\t2\t1\t2\t9\t9\t1\n",
                         "spots"),
    "spots.tsv": ("x\ty\tpixel_x\tpixel_y\n1\t2\t9\t9\n", "spots"),
    "tissue_positions.csv": ("barcode,in_tissue,array_row\na,1,2\n", "spots"),
    "A1_labeled_coordinates.tsv": ("Row.names\tx\ty\tpixel_x\tpixel_y\tlabel\n", "labels"),
    "mine.csv": ("barcode,my annotation\na,b\n", "labels"),
    "C4.tsv": ("\t" + "\t".join(f"G{i}" for i in range(200)) + "\n", "counts"),
    "hallmark.gmt": ("A\tsource\tERBB2\n", "gene sets"),
    "work.stexp": ("", "workspace"),
    "notes.docx": ("what I saw", ""),
    "checkpoint.pt": ("\x80\x02", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_text_files_are_told_apart_by_what_is_in_them(tmp_path, name):
    content, kind = FILES[name]
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    assert recognise_dropped(tmp_path / name).kind == kind


def test_compressed_tables_are_looked_into(tmp_path):
    path = tmp_path / "C4.tsv.gz"
    path.write_bytes(gzip.compress(FILES["C4.tsv"][0].encode()))
    assert recognise_dropped(path).kind == "counts"
    path.write_bytes(gzip.compress(FILES["C4.tsv"][0].encode())[:10])
    assert recognise_dropped(path).problem is not None


def test_what_cannot_be_opened_says_why(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"\x80\x02")
    assert "tab Model" in recognise_dropped(tmp_path / "checkpoint.pt").problem.message
    (tmp_path / "x.docx").write_bytes(b"what")
    assert "not a kind of file" in recognise_dropped(tmp_path / "x.docx").problem.message
    assert "no such file" in recognise_dropped(tmp_path / "none").problem.message
    (tmp_path / "image.zarr").mkdir()
    assert recognise_dropped(tmp_path / "image.zarr").problem is not None
    assert not may_be_ours(tmp_path / "image.zarr")
    assert not may_be_ours(Path("cells.npy"))


def test_files_are_opened_in_an_order_that_works(tmp_path, slide_file, spots_file, regions_file):
    (tmp_path / "s.gmt").write_text("A\tb\tERBB2\n")
    bundle_file = tmp_path / "model.safetensors"
    bundle_file.write_bytes((2).to_bytes(8, "little") + b"{}")
    paths = [tmp_path / "s.gmt", regions_file, bundle_file, spots_file, slide_file]
    found = sort_dropped([*paths, tmp_path / "none"])
    kinds = ["slide", "spots", "bundle", "annotation", "gene sets", ""]
    assert [one.kind for one in found] == kinds


# ---- in the window -----------------------------------------------------------------------


def drop(widget, *paths, modifiers=None):
    """Drop files on a widget: enter, then let go; True if it was taken."""
    from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from qtpy.QtGui import QDragEnterEvent, QDropEvent
    from qtpy.QtWidgets import QApplication

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    held = Qt.KeyboardModifier.NoModifier if modifiers is None else modifiers
    rest = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, held)
    enter = QDragEnterEvent(QPoint(5, 5), *rest)
    QApplication.sendEvent(widget, enter)
    event = QDropEvent(QPointF(5, 5), *rest)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def canvas_of(window):
    from qtpy.QtWidgets import QWidget

    main = window.slide.window()
    return next(w for w in main.findChildren(QWidget) if type(w).__name__ == "QtViewer")


@pytest.mark.gui
@pytest.mark.parametrize("place", ["canvas", "window", "panel"])
def test_files_are_dropped_all_at_once(window, slide_file, spots_file, regions_file, place):
    w = window
    target = {"canvas": canvas_of(w), "window": w.slide.window(), "panel": w.slide}[place]
    assert drop(target, regions_file, spots_file, slide_file)
    w.settle()
    assert w.errors == []
    session = w.session
    assert session.slide.path == slide_file
    assert session.spots.n_obs == 30
    assert len(session.annotations) == 1


@pytest.mark.gui
def test_a_picture_on_the_canvas_becomes_the_slide(window, picture_file):
    w = window
    drop(canvas_of(w), picture_file)
    w.settle()
    assert w.session.slide.path == picture_file
    assert len(w.viewer.layers) == 1


@pytest.mark.gui
def test_one_bad_file_does_not_keep_the_others(window, slide_file, spots_file, tmp_path):
    w = window
    (tmp_path / "x.docx").write_bytes(b"what")
    (tmp_path / "bad.svs").write_bytes(b"II*\0 no slide")
    drop(w.slide, tmp_path / "x.docx", spots_file, tmp_path / "bad.svs")
    w.settle()
    assert w.session.spots.n_obs == 30
    assert len(w.errors) == 2
    assert "x.docx" in w.errors[1][1].message


@pytest.mark.gui
def test_a_prediction_and_gene_sets_are_dropped(window, slide_file, spots_file, tmp_path):
    from napari_stexp.spots import read_spots
    from tests.panels.conftest import GENES
    from tests.session.fakes import make_batch, make_prediction

    w = window
    prediction = make_prediction(read_spots(spots_file), GENES, uns={"stexp": {"scale": "spot"}})
    prediction.add(make_batch([0], [[1.0] * len(GENES)]))
    prediction.adata.write_h5ad(tmp_path / "p.h5ad")
    (tmp_path / "sets.gmt").write_text("Mine\tpaper\tERBB2\tKRT19\n")
    drop(canvas_of(w), tmp_path / "p.h5ad", tmp_path / "sets.gmt", slide_file)
    w.settle()
    assert w.errors == []
    assert w.session.prediction.status[0] == "ok"
    assert "Mine" in w.session.signatures
    assert w.controller.workspace.unsaved.predictions == []  # it is in a file


@pytest.mark.gui
def test_counts_go_with_the_spot_file_that_is_dropped_beside_them(window, slide_file, tmp_path):
    w = window
    rows = [(x, y, 200 + 200 * x, 200 + 200 * y) for x in range(4) for y in range(3)]
    spots = tmp_path / "Z9_selection.tsv"
    spots.write_text(
        "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n"
        + "".join(f"{x}\t{y}\t{x}\t{y}\t{px}\t{py}\t1\n" for x, y, px, py in rows)
    )
    genes = [f"G{i}" for i in range(50)]
    counts = tmp_path / "elsewhere" / "counts.tsv"
    counts.parent.mkdir()
    counts.write_text(
        "\t" + "\t".join(genes) + "\n"
        + "".join(f"{x}x{y}\t" + "\t".join(["3"] * 50) + "\n" for x, y, _, _ in rows)
    )  # fmt: skip
    drop(canvas_of(w), counts, spots, slide_file)
    w.settle()
    assert w.errors == []
    assert w.session.spots.n_vars == 50
    drop(canvas_of(w), counts)
    w.settle()
    assert "spot file" in w.errors[0][1].message


@pytest.mark.gui
def test_a_workspace_is_dropped(window, slide_file, spots_file, tmp_path):
    w = window
    w.open(slide_file, spots_file)
    w.controller.workspace.save(tmp_path / "a.stexp")
    w.settle()
    w.controller.close_slide()
    shutil.copy(tmp_path / "a.stexp", tmp_path / "b.stexp")
    drop(canvas_of(w), tmp_path / "b.stexp")
    w.settle()
    assert w.session.spots.n_obs == 30
    assert w.controller.workspace.path == tmp_path / "b.stexp"
