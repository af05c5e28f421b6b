"""A small section in the HER2ST layout, made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

SPOT_FILE = """x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected
3\t2\t3.01\t2.02\t300.25\t200.5\t1
2\t2\t2.03\t1.98\t201.5\t199.75\t1
2\t3\t2.03\t2.98\t202.5\t301\t1
9\t9\t9\t9\t900\t900\t1
"""
# In another order than the spot file; 5x5 has no position, 9x9 above has no counts.
COUNTS = "\tERBB2\tCOL1A1\tIGKC\n2x3\t0\t7\t1\n5x5\t1\t1\t1\n3x2\t5\t0\t0\n2x2\t1\t2\t3.0\n"


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Root folder with one section, Q7, and an image that is none."""
    data = tmp_path / "root" / "data"
    for name in ("ST-spotfiles", "ST-cnts", "ST-imgs/Q/Q7"):
        (data / name).mkdir(parents=True)
    (data / "ST-spotfiles" / "Q7_selection.tsv").write_text(SPOT_FILE)
    (data / "ST-cnts" / "Q7.tsv.gz").write_bytes(gzip.compress(COUNTS.encode()))
    (data / "ST-imgs" / "Q" / "Q7" / "slide.jpg").write_bytes(b"")
    return tmp_path / "root"


@pytest.fixture
def spot_file(tmp_path: Path) -> Path:
    """Return a spot file outside the layout."""
    path = tmp_path / "Q7_selection.tsv"
    path.write_text(SPOT_FILE)
    return path


@pytest.fixture
def counts_file(tmp_path: Path) -> Path:
    """Return its counts, as plain text."""
    path = tmp_path / "counts.tsv"
    path.write_text(COUNTS)
    return path
