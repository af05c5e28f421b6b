"""OpenSlide as the second backend: chosen by itself or by name, also after damage."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide import open_slide, prepare_slide
from napari_stexp.slide.formats import openslide as backend
from napari_stexp.slide.identify import fingerprint
from tests.slide.builders.dicom import write_dicom


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> Path:
    return write_dicom(tmp_path_factory.mktemp("dicom") / "case 7", picture[:900, :1300])


def test_dicom_opens_by_folder_or_any_file(dicom: Path, picture: np.ndarray) -> None:
    assert list(prepare_slide(dicom)) == []
    seen = set()
    for path in (dicom, dicom / "0.dcm", dicom / "1.dcm"):
        with open_slide(path) as slide:
            assert slide.backend.startswith("OpenSlide 4")
            assert slide.format.startswith("DICOM")
            assert (slide.shape, slide.mpp, slide.objective) == ((900, 1300), 0.5, 20.0)
            assert [level.shape for level in slide.levels] == [(900, 1300), (450, 650)]
            np.testing.assert_array_equal(
                slide.read_region(200, 500, 700, 390), picture[500:890, 200:900]
            )
            small = np.asarray(Image.fromarray(picture[:900, :1300]).reduce(2))
            np.testing.assert_array_equal(slide.read_region(0, 0, 650, 450, 1), small)
            seen.add(slide.fingerprint())
            assert slide.describe()["fingerprint"] in seen
    assert len(seen) == 1


def test_folder_with_two_slides_is_refused(dicom: Path, tmp_path: Path, picture) -> None:
    both = write_dicom(tmp_path / "both", picture[:300, :300], levels=1)
    (both / "other.dcm").write_bytes((dicom / "1.dcm").read_bytes())
    with pytest.raises(SlideError, match=r"more than one slide.*0\.dcm"):
        open_slide(both)
    with open_slide(both / "0.dcm") as slide:
        assert slide.shape == (300, 300)


def test_own_readers_leave_dicom_alone(dicom: Path) -> None:
    with pytest.raises(SlideError, match="through OpenSlide"):
        open_slide(dicom, backend="own")
    with pytest.raises(SlideError, match="auto or own or openslide"):
        open_slide(dicom, backend="vips")  # type: ignore[arg-type]


def test_named_backend_reads_what_is_ours(jpeg_slide: Path, exact_slide: Path) -> None:
    with open_slide(exact_slide) as ours:
        region = ours.read_region(-20, 300, 600, 500)
    with open_slide(exact_slide, backend="openslide") as slide:
        assert slide.backend.startswith("OpenSlide")
        np.testing.assert_array_equal(slide.read_region(-20, 300, 600, 500), region)
        with pickle.loads(pickle.dumps(slide)) as copy:
            assert copy.backend == slide.backend
    with pytest.raises(SlideError, match="is a folder"):
        open_slide(exact_slide.parent, backend="openslide")


def test_what_nobody_reads_is_refused_in_our_words(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"nothing of the kind" * 99)
    with pytest.raises(SlideError, match="is no slide that is read here"):
        open_slide(path)
    with pytest.raises(SlideError, match="no slide that OpenSlide reads"):
        open_slide(path, backend="openslide")


def test_damaged_file_doesnt_open_through_the_other_backend(
    tmp_path: Path, jpeg_slide: Path
) -> None:
    path = tmp_path / "cut.tif"
    path.write_bytes(jpeg_slide.read_bytes()[:-5000])
    with pytest.raises(SlideError):
        open_slide(path)


def test_rest_of_the_slide_stays_readable_after_a_damaged_tile(
    tmp_path: Path, jpeg_slide: Path
) -> None:
    with open_slide(jpeg_slide) as slide:
        plan = slide._pyramid._stored[0]._stored  # type: ignore[union-attr]
        at, count = int(plan.offsets[11]), int(plan.counts[11])
        row, col = divmod(11, slide.levels[0].grid[1])
    data = bytearray(jpeg_slide.read_bytes())
    data[at : at + count] = bytes(count)
    path = tmp_path / "holed.tif"
    path.write_bytes(bytes(data))
    with open_slide(path, backend="openslide") as slide, openslide.OpenSlide(jpeg_slide) as oracle:
        side = slide.levels[0].tile[0]
        for _ in range(2):
            with pytest.raises(TileError, match="doesn't decode"):
                slide.read_tile(0, row, col)
            whole = np.asarray(oracle.read_region((0, 0), 0, (side, side)))[..., :3]
            np.testing.assert_array_equal(slide.read_region(0, 0, side, side), whole)


def test_closing_while_others_read_harms_nobody(dicom: Path) -> None:
    slide = open_slide(dicom)
    ends: list[str] = []

    def read() -> None:
        try:
            while True:
                slide._pyramid._stored[0].read(1, 2)  # type: ignore[union-attr]
        except TileError as error:
            ends.append(error.what)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    slide.close()
    for thread in threads:
        thread.join(20)
    assert ends == ["the slide is closed"] * 3


class _Canvas:
    """Stands in for OpenSlide's handle of a slide that was scanned in part."""

    level_count = 3
    level_dimensions = ((1000, 800), (500, 400), (500, 400))
    level_downsamples = (1.0, 2.0, 2.0)
    color_profile = None
    properties = {  # noqa: RUF012
        "openslide.vendor": "mirax", "openslide.bounds-x": "300", "openslide.bounds-y": "200",
        "openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25",
        "openslide.level[0].tile-width": "100", "openslide.level[0].tile-height": "4000",
    }  # fmt: skip

    def __init__(self, canvas: np.ndarray) -> None:
        self.canvas = canvas
        self.associated_images = {"label": Image.fromarray(canvas[:50, :60])}

    def read_region(self, corner, level, size) -> Image.Image:
        assert level == 0
        cut = np.zeros((size[1], size[0], 4), np.uint8)
        part = self.canvas[corner[1] :, corner[0] :][: size[1], : size[0]]
        cut[: part.shape[0], : part.shape[1]] = part
        return Image.fromarray(cut)


def test_what_was_never_scanned_is_white(tmp_path: Path, monkeypatch, paint) -> None:
    """MIRAX can't be built here: its handle is stood in for."""
    canvas = np.zeros((800, 1000, 4), np.uint8)
    canvas[200:, 300:, :3] = paint(600, 700)
    canvas[200:, 300:, 3] = 255
    canvas[400, 400] = (100, 0, 200, 51)
    monkeypatch.setattr(backend, "_open", lambda _path: _Canvas(canvas))
    opened = backend.open_with_openslide(tmp_path / "a.mrxs")
    assert [one.level.shape for one in opened.levels] == [(800, 1000), (400, 500)]
    level = opened.levels[0]
    assert level.level.tile == (512, 300)
    assert (level.read(0, 0)[:200] == 255).all()
    tile = level.read(0, 1)
    assert tuple(tile[400, 100]) == (224, 204, 244)
    np.testing.assert_array_equal(tile[200:400], canvas[200:400, 300:600, :3])
    assert opened.facts.mpp_xy == (0.25, 0.25)
    assert "from (300, 200) px on" in opened.facts.notes[0]
    assert opened.associated["label"]().shape == (50, 60, 3)
    opened.close()
    with pytest.raises(TileError, match="closed"):
        level.read(0, 0)


def test_parts_of_mirax_stand_for_the_slide(tmp_path: Path) -> None:
    from napari_stexp.slide.identify import find_slide, is_slide_folder

    folder = tmp_path / "Case 1"
    folder.mkdir()
    (folder / "Slidedat.ini").write_text("[GENERAL]")
    (folder / "Data0000.dat").write_bytes(b"1" * 999)
    slide = tmp_path / "Case 1.mrxs"
    slide.write_bytes(b"\xff\xd8\xff index")
    for path in (folder, folder / "Slidedat.ini", folder / "Data0000.dat", slide):
        assert find_slide(path) == slide
    assert is_slide_folder(folder)
    before = fingerprint(slide)
    (folder / "Data0000.dat").write_bytes(b"2" * 999)
    assert fingerprint(folder) != before
