"""Lets a thread import torch while the window is in use.

The import loads some hundred megabytes of libraries. Python does so with its lock held, and
the window would stand still for a quarter of a second or more (several, from a slow disk);
loaded by the system's own ``dlopen`` beforehand, without the lock, they are there already.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from napari_stexp.viewer.garbage import spare_what_is_there, without_collecting

__all__ = ["import_torch_gently"]

_LIBRARIES = {"linux": ("libtorch.so", "libtorch_python.so"), "darwin": ("libtorch.dylib",)}


class _GentleLoader(SourceFileLoader):
    """Loads torch's libraries without Python's lock, and its modules without collections."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        if threading.current_thread() is threading.main_thread():
            super().exec_module(module)
            return
        if self.name == "torch":
            _load_libraries(Path(self.path).parent / "lib")
        with without_collecting():
            super().exec_module(module)
            spare_what_is_there()


class _TorchFinder(MetaPathFinder):
    """Finds torch and torchvision, which imports half of torch again, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where it is, with the loader that is gentle."""
        if fullname not in ("torch", "torchvision"):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _GentleLoader(spec.loader.name, spec.loader.path)
        return spec


def _load_libraries(folder: Path) -> None:
    """Load what there is; what fails here, torch's own import will tell of."""
    names = _LIBRARIES.get(sys.platform, ())
    if not names:
        return
    system = ctypes.CDLL(None)  # calls through it give up the lock
    system.dlopen.restype = ctypes.c_void_p
    system.dlopen.argtypes = [ctypes.c_char_p, ctypes.c_int]
    for name in names:
        if (folder / name).is_file():
            system.dlopen(os.fsencode(folder / name), os.RTLD_LAZY | os.RTLD_LOCAL)


def import_torch_gently() -> None:
    """Let a later ``import torch`` in a worker's thread leave the window alone.

    Costs nothing until then; an import in the main thread is as it always was.
    """
    if "torch" not in sys.modules and not any(
        isinstance(finder, _TorchFinder) for finder in sys.meta_path
    ):
        sys.meta_path.insert(0, _TorchFinder())
