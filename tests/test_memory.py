"""Memory that is given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from napari_stexp.memory import keep_freed_memory

SCRIPT = """
import resource, sys
import numpy as np
from napari_stexp.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def use():
    blocks = [np.empty(3_000_000, np.uint8) for _ in range(10)]
    for block in blocks:
        block[:] = 1
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(how):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, how],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return int(found.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_what_was_freed_is_used_again():
    assert count_faults("keep") < count_faults("leave") / 20


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_freed_memory()
