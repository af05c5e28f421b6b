from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.dataset.layout import StoredSection, atomic_folder, folder_names
from napari_stexp.errors import BundleError, OutputError
from napari_stexp.model import SectionInfo


def fill(path: Path, text: str, before: str = "", *, fail: bool = False) -> None:
    with atomic_folder(path) as folder:
        assert not list(folder.iterdir())
        (folder / "file").write_text(text)
        assert not before or (path / "file").read_text() == before
        if fail:
            raise KeyError(text)


def test_a_folder_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "in" / "A1"
    fill(place, "one")
    fill(place, "two")
    with pytest.raises(KeyError, match="three"):
        fill(place, "three", before="two", fail=True)
    assert (place / "file").read_text() == "two"
    assert [path.name for path in place.parent.iterdir()] == ["A1"]


def test_what_a_killed_process_left_is_put_right(tmp_path: Path) -> None:
    place, old, partial = (tmp_path / name for name in ("A1", ".A1.old", ".A1.partial"))
    fill(place, "one")
    place.rename(old)  # killed between the two renames
    partial.mkdir()
    (partial / "half").write_text("")
    with pytest.raises(KeyError, match="two"):
        fill(place, "two", before="one", fail=True)
    assert (place / "file").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["A1"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file.A1: writing failed.*kept"):
        fill(tmp_path / "file" / "A1", "one")


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=8))
def test_every_name_gets_its_own_folder_inside(names: list[str]) -> None:
    folders = folder_names(names)
    assert len({folder.lower() for folder in folders}) == len(names)
    for folder in folders:  # a name that the reader accepts leads nowhere else
        StoredSection(SectionInfo("x"), folder, "", None, 1.0, 0, "", "")
        assert Path(folder).name == folder
        assert not folder.startswith(".")


def test_a_folder_that_leads_out_is_refused() -> None:
    for folder in ("../up", "/etc", "", ".", "..", "a/b", "a\\b"):
        with pytest.raises(BundleError):
            StoredSection(SectionInfo("x"), folder, "", None, 1.0, 0, "", "")
