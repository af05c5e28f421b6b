"""Threads that compute let the window's own go first."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from napari_stexp.panels.precedence import step_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no own priority")


def test_a_worker_and_what_it_starts_step_back_and_the_main_thread_does_not():
    def read():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, found = read(), []

    def work():
        step_back()
        step_back()
        found.append(read())
        child = threading.Thread(target=lambda: found.append(read()))
        child.start()
        child.join()

    step_back()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert read() == before
    assert found == [min(before + 10, 19)] * 2
