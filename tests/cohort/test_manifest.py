from __future__ import annotations

import pytest

from napari_stexp.cohort import GridSettings, read_manifest
from napari_stexp.errors import PredictionError


@pytest.fixture
def write(tmp_path):
    def write_text(text, encoding="utf-8"):
        path = tmp_path / "slides.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_text


def test_all_columns_relative_to_the_file(write, tmp_path):
    path = write("slide,spots,output,mpp\na.svs,sub/a.h5ad,out/a.h5ad,0.25\n/data/b.ndpi,,,\n")
    first, second = read_manifest(path)
    assert first.slide == tmp_path / "a.svs"
    assert first.spots == tmp_path / "sub" / "a.h5ad"
    assert first.output == tmp_path / "out" / "a.h5ad"
    assert first.mpp == 0.25
    assert second.slide.as_posix() == "/data/b.ndpi"
    assert (second.spots, second.mpp) == (None, None)
    assert second.output == tmp_path / "predictions" / "b.h5ad"


def test_only_slides_and_a_folder_for_outputs(write, tmp_path):
    grid = GridSettings(pitch_um=50, diameter_um=50, layout="square")
    path = write("\ufeffSlide\r\na.ome.tif\r\n\r\nb.svs\r\n")
    jobs = read_manifest(path, output_folder=tmp_path / "x", grid=grid)
    assert [job.output.name for job in jobs] == ["a.h5ad", "b.h5ad"]
    assert {job.output.parent for job in jobs} == {tmp_path / "x"}
    assert all(job.grid is grid for job in jobs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "other columns.*no header"),
        ("slide\n", "empty"),
        ("image,spots\na,b\n", r"expected slide.*found image, spots"),
        ("slide,outputs\na,b\n", "other columns.*outputs"),
        ("slide,mpp\na.svs,fine\n", "line 2: mpp.*'fine'"),
        ("slide,mpp\na.svs,-1\n", "line 2: mpp"),
        ("slide,mpp\na.svs,nan\n", "line 2: mpp"),
        ("slide,spots\n,b.h5ad\n", "line 2.*no slide"),
        ("slide\na.svs,b.h5ad\n", "line 2.*no more cells"),
        ("slide\nx/a.svs\ny/a.svs\n", "same output.*column 'output'"),
        ("slide,output\na.svs,a.csv\n", r"no h5ad file.*a\.csv"),
    ],
)
def test_bad_lists(write, text, message):
    path = write(text)
    with pytest.raises(PredictionError, match=message) as caught:
        read_manifest(path)
    assert caught.value.path == path


def test_missing_and_binary_lists(write, tmp_path):
    with pytest.raises(PredictionError, match="can't be read"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(PredictionError, match="no CSV"):
        read_manifest(write("slide\nmü.svs\n", "latin-1"))
