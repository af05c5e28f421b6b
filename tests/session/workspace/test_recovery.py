"""The copy that is kept for a crash, and files that were open last."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from napari_stexp.progress import exhaust
from napari_stexp.session import Session, read_workspace, restore_workspace, take_workspace
from napari_stexp.session.recent import RecentFiles
from napari_stexp.session.workspace.recovery import RecoveryFolder, find_recoveries
from tests.session.fakes import make_batch, make_region
from tests.session.workspace.test_workspace import assert_same_results, assert_same_work
from tests.session.workspaces import compare, full_session, write_slide


@pytest.fixture(autouse=True)
def _own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path / "user-data"))


@pytest.fixture
def full(tmp_path):
    session = full_session(write_slide(tmp_path / "S1.ome.tif"))
    yield session
    session.close()


def crash(folder: RecoveryFolder) -> None:
    """Let the folder's process be one that has ended."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    lock = json.loads((folder.path / "lock.json").read_text())
    (folder.path / "lock.json").write_text(json.dumps({**lock, "pid": int(ended.stdout)}))


def written(folder: RecoveryFolder) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.path.iterdir()}


def test_work_of_a_process_that_is_gone_is_found(full):
    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(full)))
    assert find_recoveries() == []  # it is ours
    crash(folder)
    (found,) = find_recoveries()
    assert (found.name, found.n_predictions, found.saved_as) == ("S1.ome.tif", 2, None)
    new = Session()
    restore_workspace(new, exhaust(read_workspace(found.path)))
    assert_same_work(full, new)
    new.close()
    RecoveryFolder(found.path)  # going on with it
    assert find_recoveries() == []


_DIES = """
import os, signal, sys
from dataclasses import replace
from napari_stexp.progress import exhaust
from napari_stexp.session import take_workspace
from napari_stexp.session.workspace.recovery import RecoveryFolder
from tests.session.workspaces import compare, full_session

session = full_session(sys.argv[1])
compare(session)
kept = take_workspace(session)
first = replace(kept.predictions[0], saved=2)  # of its three spots
folder = RecoveryFolder()
exhaust(folder.write(replace(kept, predictions=(first, *kept.predictions[1:]))))
steps = folder.write(take_workspace(full_session(sys.argv[1])))
next(steps), next(steps)  # in the middle of the next copy
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_what_a_killed_process_has_left_is_whole(full, tmp_path):
    done = subprocess.run([sys.executable, "-c", _DIES, str(tmp_path / "S1.ome.tif")], check=False)
    assert done.returncode == -9
    (found,) = find_recoveries()
    workspace = exhaust(read_workspace(found.path))
    assert [one.saved for one in workspace.predictions] == [2, 0]
    new = Session()
    restore_workspace(new, workspace)
    np.testing.assert_array_equal(
        new.predictions["first"].adata.X, full.predictions["first"].adata.X
    )
    compare(full)
    assert_same_results(full.comparison, new.comparison)
    assert new.aligning.moved
    assert len(new.regions.items) == 2
    new.close()


def test_another_process_of_the_same_number_does_not_count(full):
    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(full)))
    lock = json.loads((folder.path / "lock.json").read_text())
    (folder.path / "lock.json").write_text(json.dumps({**lock, "started": lock["started"] - 1e6}))
    assert lock["pid"] == os.getpid()
    assert len(find_recoveries()) == 1


def test_only_what_has_changed_is_written_again(full):
    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(full)))
    first = written(folder)
    full.gene = "CD3D"
    full.regions.extend([make_region(x=10)])
    full.add_batch(make_batch([2], np.ones((1, 3))), full.predictions["second"])
    exhaust(folder.write(take_workspace(full)))
    second = written(folder)
    assert first.keys() == second.keys()
    changed = {name for name in first if first[name] != second[name]}
    (second_file,) = changed - {"workspace.json", "regions.geojson"}
    assert second_file.startswith("prediction-")


def test_what_is_gone_is_removed(full):
    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(full)))
    full.drop_prediction("second")
    full.regions.load([])
    exhaust(folder.write(take_workspace(full)))
    names = set(written(folder))
    assert "regions.geojson" not in names
    assert sum(name.startswith("prediction-") for name in names) == 1


def test_a_running_prediction_waits(full):
    folder = RecoveryFolder()
    kept = take_workspace(full)
    exhaust(folder.write(kept, later={kept.predictions[1].key}))
    crash(folder)
    (found,) = find_recoveries()
    assert found.n_predictions == 1
    workspace = exhaust(read_workspace(found.path))
    assert [one.name for one in workspace.predictions] == ["first"]
    new = Session()
    restore_workspace(new, workspace)
    assert list(new.predictions) == ["first"]
    new.close()


def test_ending_well_leaves_nothing(full):
    folder = RecoveryFolder()
    steps = folder.write(take_workspace(full))
    next(steps)
    next(steps)
    folder.close()
    exhaust(steps)  # was at it in another thread
    assert not folder.path.exists()


def test_damaged_leftovers_are_passed_over(full):
    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(full)))
    crash(folder)
    (folder.path / "workspace.json").write_text("{")
    assert find_recoveries() == []


# ---- recent files ------------------------------------------------------------------------


def test_recent_files_are_kept_newest_first(tmp_path):
    recent = RecentFiles()
    heard = []
    recent.changed.connect(lambda: heard.append(True))
    for number in range(10):
        recent.add("slide", tmp_path / f"f{number}" / "a.svs")
    recent.add("workspace", tmp_path / "w" / "a.stexp")
    recent.add("slide", tmp_path / "f4" / "a.svs")
    assert len(heard) == 12
    again = RecentFiles()
    assert [one.path.parent.name for one in again.of("slide")[:3]] == ["f4", "f9", "f8"]
    assert len(again.of("slide")) == 8
    assert again.items[0].kind == "workspace"
    assert [folder.name for folder in again.folders[:3]] == ["f4", "w", "f9"]
    again.clear()
    assert RecentFiles().items == ()


def test_two_windows_do_not_forget_each_others(tmp_path):
    one, two = RecentFiles(), RecentFiles()
    one.add("slide", tmp_path / "a.svs")
    two.add("slide", tmp_path / "b.svs")
    assert [item.path.name for item in two.of("slide")] == ["b.svs", "a.svs"]


def test_a_damaged_list_of_recent_files_harms_nothing(tmp_path):
    RecentFiles().add("slide", tmp_path / "a.svs")
    (tmp_path / "user-data" / "recent.json").write_text('[{"kind": 3}]')
    assert RecentFiles().items == ()
