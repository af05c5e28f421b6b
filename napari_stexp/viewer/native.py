"""Keeps two copies of LLVM apart: Mesa's, which draws the window, and Triton's, which torch loads.

Triton's library exports the LLVM that it was linked with. Where OpenGL is drawn by Mesa with
LLVM (software rendering, and AMD's driver), those names are taken already when torch comes to
import Triton, its constructors call into the wrong copy, and the process dies. Seen with
triton 3 on Debian's libLLVM-15; the same clash is reported of TensorFlow and Triton.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["keep_triton_to_itself"]

_LIBRARY = "triton._C.libtriton"


class _OwnSymbolsLoader(ExtensionFileLoader):
    """Loads an extension so that it prefers its own symbols to those that are loaded already."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Load the library."""
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
        try:
            return super().create_module(spec)
        finally:
            sys.setdlopenflags(flags)


class _TritonFinder(MetaPathFinder):
    """Finds Triton's library, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the library is, with the loader that keeps it to itself."""
        if fullname != _LIBRARY:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, ExtensionFileLoader):
            spec.loader = _OwnSymbolsLoader(spec.loader.name, spec.loader.path)
        return spec


def keep_triton_to_itself() -> None:
    """Make a later import of Triton safe in a process that draws with OpenGL.

    Costs nothing until Triton is imported; does nothing where it can't clash.
    """
    possible = hasattr(os, "RTLD_DEEPBIND") and _LIBRARY not in sys.modules
    if possible and not any(isinstance(finder, _TritonFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TritonFinder())
