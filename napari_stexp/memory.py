"""How the C library deals with memory that is given back.

Tiles, patches and the arrays of an encoder are a few MB each, made anew all the time. glibc
gives each of them back to the system and asks for it again, which then clears it page by page:
on a virtual machine that took longer than decoding the tiles (docs/benchmarks.md).
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_freed_memory"]

# Parameters of mallopt(3), and the environment variables that set them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
_KEPT_BYTES = 256 * 2**20  # at the end of the heap, before it is given back
_LARGEST_BYTES = 32 * 2**20  # of a block that comes from the heap; glibc allows no more


def keep_freed_memory() -> bool:
    """Let this process use freed memory again, up to 256 MB, before it is given back.

    For programs, not for libraries: it holds for all of the process. Nothing happens without
    glibc, or where the user has set glibc's own variables.

    Returns
    -------
    bool
        Whether it holds now.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _VARIABLES):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl has neither of them
        return False
    return bool(
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES) and libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    )
