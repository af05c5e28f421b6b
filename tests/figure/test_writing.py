"""The files that figures become."""

from __future__ import annotations

import re
import threading
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from napari_stexp.errors import OutputError
from napari_stexp.figure import check_figure_path, write_figures
from napari_stexp.figure.own_thread import StoppedError
from napari_stexp.figure.writing import _write_pictures
from napari_stexp.progress import exhaust
from tests.figure.figures import make_content, make_map

SVG = "{http://www.w3.org/2000/svg}"
NOTE = "napari-stexp; model M 0123456789ab; research use only"


def _page(name):
    return name, lambda: make_content(make_map(name))


def test_a_png_prints_at_the_resolution_that_was_asked_for(tmp_path) -> None:
    (path,) = exhaust(write_figures([_page("A")], tmp_path / "f.png", NOTE))
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
        assert image.width == pytest.approx(80 / 25.4 * 300, rel=0.06)
        assert image.info["Description"] == NOTE


def test_an_svg_holds_spots_one_by_one_and_the_note(tmp_path) -> None:
    (path,) = exhaust(write_figures([_page("A")], tmp_path / "f.svg", NOTE))
    text = path.read_text()
    root = ET.fromstring(text)
    assert NOTE in text
    assert len(root.findall(f".//{SVG}image")) == 2  # the slide, and the colour bar
    assert len(re.findall("<use ", text)) > 25


def test_a_pdf_has_a_page_for_each_with_fonts_that_can_be_edited(tmp_path) -> None:
    pages = [_page(name) for name in ("A", "B", "C")]
    (path,) = exhaust(write_figures(pages, tmp_path / "f.pdf", NOTE))
    content = path.read_bytes()
    assert len(re.findall(rb"/Type /Page\b", content)) == 3
    assert b"/Type0" in content
    assert b"/Type3" not in content
    assert b"/Subject" in content


def test_several_pictures_have_names_of_their_own(tmp_path) -> None:
    pages = [_page(name) for name in ("HLA-A", "hla-a", "T cells/B")]
    written = exhaust(write_figures(pages, tmp_path / "f.svg", NOTE))
    assert [path.name for path in written] == [
        "f-HLA-A.svg",
        "f-hla-a-2.svg",
        "f-T_cells_B.svg",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(written)


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_cancelling_leaves_whole_files_only(tmp_path, suffix) -> None:
    task = write_figures([_page("A"), _page("B")], tmp_path / f"f.{suffix}", NOTE, dpi=50)
    stages = []
    while not stages or "drawing B" not in stages[-1]:
        stages.append(next(task).stage)
    task.close()
    expected = ["f-A.png"] if suffix == "png" else []
    assert [path.name for path in tmp_path.iterdir()] == expected


def test_a_figure_that_is_being_drawn_can_be_cancelled(tmp_path) -> None:
    """Closing doesn't wait for what takes long; that leaves nothing, and the next one works."""
    begun, may_end = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert may_end.wait(20)
        return make_content(make_map("A"))

    task = write_figures([("A", slow)], tmp_path / "f.png", NOTE, dpi=50)
    while not begun.is_set():
        assert next(task).stage == "drawing A"
    next(task)  # it says so again and again, and can be closed each time
    task.close()
    assert not may_end.is_set()
    threading.Timer(0.2, may_end.set).start()
    other = exhaust(write_figures([_page("B")], tmp_path / "g.png", NOTE, dpi=50))
    assert list(tmp_path.iterdir()) == other


def test_a_rendering_stops_between_its_maps(tmp_path) -> None:
    asked = []

    def report(progress=None):
        asked.append(progress)
        if len(asked) > 3:
            raise StoppedError

    pages = [("A", lambda: make_content(make_map("A"), make_map("B")))]
    with pytest.raises(StoppedError):
        _write_pictures(pages, tmp_path / "f.png", NOTE, 50, report)
    assert list(tmp_path.iterdir()) == []


def test_errors_leave_nothing(tmp_path) -> None:
    def fail():
        raise OutputError("no")

    with pytest.raises(OutputError):
        exhaust(write_figures([_page("A"), ("B", fail)], tmp_path / "f.pdf", NOTE, dpi=50))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["f.bmp", "f", "f.jpeg"])
def test_other_kinds_are_refused_at_once(tmp_path, name) -> None:
    with pytest.raises(OutputError, match="PNG, SVG or PDF"):
        check_figure_path(tmp_path / name)


def test_a_folder_is_no_figure(tmp_path) -> None:
    (tmp_path / "f.png").mkdir()
    with pytest.raises(OutputError, match="folder"):
        check_figure_path(tmp_path / "f.png")
