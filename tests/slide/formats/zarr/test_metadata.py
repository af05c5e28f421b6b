"""OME-Zarr's metadata: units of length, sizes that no file has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_stexp.errors import SlideError
from napari_stexp.slide import open_slide
from tests.slide.builders.ngff import write_ngff


@pytest.mark.parametrize(
    ("unit", "mpp", "expected"),
    [("nanometer", 250.0, 0.25), ("millimeter", 0.00025, 0.25), ("parsec", 0.5, None),
     ("micrometer", 0.001, None)],
)  # fmt: skip
def test_units(tmp_path: Path, paint, unit, mpp, expected) -> None:
    path = write_ngff(tmp_path / "a.zarr", paint(64, 64), unit=unit, mpp=mpp, levels=1)
    with open_slide(path) as slide:
        assert slide.mpp == (None if expected is None else pytest.approx(expected))


def test_absurd_metadata_is_refused(tmp_path: Path, paint) -> None:
    big = {"chunk_shape": [3, 2**20, 2**20]}
    for name, key, value in (
        ("huge", "shape", [3, 2**40, 2**40]),
        ("chunk", "chunk_grid", {"name": "regular", "configuration": big}),
        ("type", "data_type", "complex128"),
        ("node", "node_type", "nothing"),
    ):  # fmt: skip
        path = write_ngff(tmp_path / name, paint(64, 64), levels=1)
        meta = path / "0" / "zarr.json"
        meta.write_text(json.dumps(json.loads(meta.read_text()) | {key: value}))
        with pytest.raises(SlideError):
            open_slide(path)
