"""Training by methods: sections, data, a run, its test, and the run taken up again."""

from __future__ import annotations

import pytest

from napari_stexp import Workbench
from napari_stexp.errors import TrainingError
from tests.study.conftest import GENES, PATCH, data_folder, manifest

__all__ = ["data_folder", "manifest"]


@pytest.fixture
def wb() -> Workbench:
    return Workbench(quiet=True)


def test_sections_are_found_used_and_prepared(wb, manifest, tmp_path) -> None:
    with pytest.raises(TrainingError, match="not ready to train"):
        wb.train()
    rows = wb.find_sections(manifest)
    names = [row.name for row in rows]
    assert all(row.usable and row.n_spots for row in rows)
    uses = wb.use_sections(by="section", **{names[0]: "train", names[1]: "hold out"})
    uses = wb.use_sections(**dict.fromkeys(names[2:], "leave out"))
    assert (uses[names[0]], uses[names[1]]) == ("train", "hold out")
    with pytest.raises(TrainingError, match="no such sections"):
        wb.use_sections(nobody="train")
    genes = tmp_path / "genes.txt"
    genes.write_text("\n".join(GENES) + "\n")
    data = wb.prepare_data(tmp_path / "data", genes, patch_px=PATCH, mpp=1.0, min_spots=0)
    assert [info.name for info in data.sections] == names[:2]
    wb.find_sections(manifest)
    wb.use_sections(by="section", **dict.fromkeys(names, "leave out"))
    with pytest.raises(TrainingError, match="prepare"):
        wb.prepare_data(tmp_path / "none")


def test_what_there_is_not_is_said(wb, data_folder) -> None:
    wb.open_data(data_folder)
    assert wb.set_training("small", epochs=2).epochs == 2
    for ask in (wb.test_model, wb.load_trained, wb.resume_training):
        with pytest.raises(TrainingError, match="there is no"):
            ask()
