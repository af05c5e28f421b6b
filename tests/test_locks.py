"""Locks of folders: one at a time, and none that outlives its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_stexp.errors import OutputError
from napari_stexp.files import LOCK, is_locked, locked, write_lock

BUSY = OutputError("busy")


def leave_lock(folder: Path) -> None:
    """Leave the lock of a process that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from napari_stexp.files import write_lock\n"
        "write_lock(Path(sys.argv[1]))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert done.returncode == -9
    assert (folder / LOCK).exists()


def test_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with locked(folder, BUSY):
        assert is_locked(folder)
        assert [path.name for path in folder.iterdir()] == [LOCK]
        with pytest.raises(OutputError, match="busy"), locked(folder, BUSY):
            pytest.fail("two at once")
        assert is_locked(folder)
    assert list(tmp_path.iterdir()) == []
    with locked(folder, BUSY):
        (folder / "kept").touch()
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_an_error_gives_the_folder_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="within"), locked(tmp_path, BUSY):
        raise ValueError("within")
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    leave_lock(tmp_path)
    assert not is_locked(tmp_path)
    with locked(tmp_path, BUSY):
        assert is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "null", "[]", '{"pid": "x"}', "{", '{"pid": -1}'])
def test_a_damaged_lock_holds_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK).write_text(content)
    assert not is_locked(tmp_path)
    with locked(tmp_path, BUSY):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_number_used_again_is_another_process(tmp_path: Path) -> None:
    write_lock(tmp_path)
    assert is_locked(tmp_path)
    lock = json.loads((tmp_path / LOCK).read_text())
    (tmp_path / LOCK).write_text(json.dumps({**lock, "started": lock["started"] - 100}))
    assert not is_locked(tmp_path)


def test_a_lock_that_was_taken_over_is_left_alone(tmp_path: Path) -> None:
    with locked(tmp_path, BUSY):
        write_lock(tmp_path)
        other = (tmp_path / LOCK).read_text()
    assert (tmp_path / LOCK).read_text() == other


@pytest.mark.parametrize("left", [True, False])
def test_of_many_at_once_one_gets_in(tmp_path: Path, left: bool) -> None:
    if left:
        (tmp_path / LOCK).write_text('{"pid": 999999999, "started": 1.0}')
    gate, done = threading.Barrier(8), threading.Barrier(8)
    inside, refused = [], []

    def enter(number: int) -> None:
        gate.wait()
        try:
            with locked(tmp_path, BUSY):
                inside.append(number)
                done.wait()
        except OutputError:
            refused.append(number)
            done.wait()

    threads = [threading.Thread(target=enter, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(inside), len(refused)) == (1, 7)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="can't write here"), locked(tmp_path / "new", BUSY):
        pytest.fail("not there")


def test_a_file_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write here"), locked(tmp_path / "file", BUSY):
        pytest.fail("no folder")
