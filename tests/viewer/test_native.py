"""Triton and Mesa, each with its own LLVM, in one process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from napari_stexp.viewer.native import keep_triton_to_itself

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)


def test_only_triton_s_library_is_loaded_otherwise(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = list(sys.meta_path)
    keep_triton_to_itself()
    keep_triton_to_itself()
    added = [finder for finder in sys.meta_path if finder not in before]
    assert len(added) <= 1  # none where it was there already, or where it can't clash
    for finder in added:
        assert finder.find_spec("json", None) is None
        assert finder.find_spec("triton", None) is None


@needs_triton
def test_loading_leaves_the_flags_as_they_were():
    code = (
        "import sys; from napari_stexp.viewer.native import keep_triton_to_itself;"
        "flags = sys.getdlopenflags(); keep_triton_to_itself();"
        "import triton._C.libtriton as library;"
        "assert type(library.__loader__).__name__ == '_OwnSymbolsLoader', library.__loader__;"
        "assert sys.getdlopenflags() == flags"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@needs_triton
@pytest.mark.gui
@pytest.mark.slow
@pytest.mark.parametrize(
    "opening",
    [
        "from napari_stexp.panels import open_all; open_all(viewer)",
        "viewer.open_sample('napari-stexp', 'breast_synthetic')",
    ],
)
def test_torch_is_imported_after_opengl_has_drawn(opening):
    """Without the guard this process is killed by a segmentation fault under llvmpipe."""
    code = f"""
import napari
from napari.qt import get_qapp
viewer = napari.Viewer(show=True)
{opening}
for _ in range(50):
    get_qapp().processEvents()
import torchvision.ops
import triton._C.libtriton
viewer.close()
print("alive")
"""
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, timeout=240
    ).stdout
    assert "alive" in output
