"""Gives the window's own thread precedence over those that compute."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

__all__ = ["step_back"]

_NICE = 10


def step_back() -> None:
    """Let the main thread have a processor before the calling one, and before those it starts.

    Threads have a priority of their own on Linux only; elsewhere, and in the main thread,
    nothing happens. It can't be taken back: the system wants a privilege for that.
    """
    if sys.platform != "linux" or threading.current_thread() is threading.main_thread():
        return
    thread = threading.get_native_id()
    wanted = min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + _NICE, 19)
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, thread) < wanted:
            os.setpriority(os.PRIO_PROCESS, thread, wanted)
