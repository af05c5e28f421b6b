"""A Space Ranger run in the window: its folder is dropped, its bins are chosen."""

from __future__ import annotations

import shutil

import pytest

from napari_stexp.session.opening.dropped import sort_dropped
from tests.spots.hd_layouts import write_hd
from tests.spots.layouts import write_visium


def test_the_slide_comes_with_a_run(tmp_path):
    run = write_hd(tmp_path / "run")
    slide, spots = sort_dropped([run])
    assert (slide.kind, slide.path.name, slide.found_in) == ("slide", "run_tissue_image.btf", run)
    assert (spots.kind, spots.path) == ("spots", run)
    (tmp_path / "mine.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    kinds = [(one.kind, one.path.name) for one in sort_dropped([run, tmp_path / "mine.png"])]
    assert kinds == [("slide", "mine.png"), ("spots", "run")]  # the user's own choice
    write_visium(tmp_path / "another" / "outs")
    assert [one.kind for one in sort_dropped([tmp_path])] == ["spots"]  # two sections
    shutil.rmtree(run / "outs" / "binned_outputs" / "square_008um" / "spatial")
    assert [one.kind for one in sort_dropped([run])] == ["spots"]  # reading them says why
    parquet = run / "outs/binned_outputs/square_016um/spatial/tissue_positions.parquet"
    assert [one.kind for one in sort_dropped([parquet])] == ["spots"]


@pytest.mark.gui
def test_a_run_is_dropped_and_other_bins_are_chosen(window, tmp_path, picture_file):
    w = window
    run = write_hd(tmp_path / "run", image=False)
    shutil.copy(picture_file, run / "run_image.png")
    row = w.slide.spots.bins_row
    assert row.isHidden()
    w.controller.workspace.drops.open([run])
    w.wait(lambda: w.session.spots is not None or bool(w.errors))
    w.settle()
    assert not w.errors
    assert w.session.slide.name.startswith("run_image")
    assert w.session.spots.uns["stexp_spots"]["bins"] == "8"
    assert not row.isHidden()
    items = [row.box.itemText(i) for i in range(row.box.count())]
    assert items == ["2 µm bins", "8 µm bins", "16 µm bins", "cells"]
    assert row.box.currentText() == "8 µm bins"
    assert row.box.toolTip()
    assert w.session.suggested_mpp == pytest.approx(0.25, rel=1e-3)
    before, slide = w.session.spots, w.session.slide
    w.choose_item(row.box, "cells")
    w.wait(lambda: w.session.spots is not before or bool(w.errors))
    w.settle()
    assert w.session.spots.uns["stexp_spots"]["bins"] == "cells"
    assert w.session.suggested_mpp == 0.25
    assert (row.box.currentText(), row.box.count()) == ("cells", 4)
    w.controller.workspace.drops.open([run])  # again: the slide that is open stays
    w.wait(lambda: w.session.spots.uns["stexp_spots"]["bins"] == "8" or bool(w.errors))
    w.settle()
    assert w.session.slide is slide
    assert not w.errors
    w.click(w.slide.spots.clear_button)
    assert row.isHidden()
