"""Collections that are put off, and objects that are passed over."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from napari_stexp.viewer.garbage import (
    collect_all_again,
    spare_what_is_there,
    without_collecting,
)


def test_collections_are_put_off_until_the_last_import_is_through():
    assert gc.isenabled()
    with without_collecting():
        with pytest.raises(KeyError), without_collecting():
            raise KeyError
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_process_that_collects_nothing_stays_so():
    gc.disable()
    try:
        with without_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_spared_is_looked_at_again_in_the_end():
    spare_what_is_there()
    assert gc.get_freeze_count() > 0
    collect_all_again()
    assert gc.get_freeze_count() == 0


SCRIPT = """
import gc, sys, threading
from napari_stexp.viewer.torch_import import import_torch_gently
import_torch_gently(); import_torch_gently()
assert sum(type(one).__name__ == "_TorchFinder" for one in sys.meta_path) == 1
full = []
gc.callbacks.append(lambda phase, info: full.append(info["generation"]))
def work():
    import torch
    assert torch.ones(2).sum() == 2
if sys.argv[1] == "worker":
    thread = threading.Thread(target=work); thread.start(); thread.join()
    assert gc.get_freeze_count() > 100_000
else:
    work()
    assert gc.get_freeze_count() == 0
assert "torch" in sys.modules and sys.modules["torch"].__spec__ is not None and gc.isenabled()
assert (2 in full) == (sys.argv[1] != "worker"), full
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["worker", "main"])
def test_torch_is_imported_without_full_collections_in_a_worker_only(where):
    subprocess.run([sys.executable, "-c", SCRIPT, where], check=True, timeout=120)
