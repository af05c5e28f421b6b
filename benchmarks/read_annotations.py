"""Seconds to read many cell outlines from QuPath's GeoJSON, and to find which spot lies in which.

    python benchmarks/read_annotations.py [--polygons 100000] [--points 25] [--repeats 3]

The file is made in a temporary folder: outlines of cells as QuPath exports them, closed,
with an id, a class and ten measurements each. The plain way, for comparison: ``json.load``,
then ``shapely.geometry.shape`` and ``is_valid`` for each. Every measurement is a process of
its own; the file is in the system's cache. Where orjson is installed, it is used (and said).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SIDE = 40_000  # px, of the slide
WAYS = ("napari-stexp", "plain")


def write_cells(path: Path, count: int, points: int) -> None:
    """Write outlines of cells as QuPath exports detections."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, points - 1, endpoint=False)
    classes = [
        {"name": "Tumor", "color": [200, 0, 0]},
        {"name": "Stroma", "color": [150, 200, 150]},
    ]
    with path.open("w") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number in range(count):
            radius = rng.uniform(10, 14, points - 1)
            ring = rng.uniform(0, SIDE, 2) + np.column_stack(
                [radius * np.cos(angle), radius * np.sin(angle)]
            )
            outline = ring.round(2).tolist()
            measured = {f"Cell: {i}": round(float(v), 4) for i, v in enumerate(rng.random(10))}
            feature = {
                "type": "Feature",
                "id": str(uuid.UUID(int=number + (1 << 120))),
                "geometry": {"type": "Polygon", "coordinates": [[*outline, outline[0]]]},
                "properties": {
                    "objectType": "detection",
                    "classification": classes[number % 2],
                    "measurements": measured,
                },
            }
            file.write(("," if number else "") + json.dumps(feature))
        file.write("]}")


def read_ours(path: Path) -> dict[str, float]:
    import shapely  # noqa: F401 - loading it is not reading
    from anndata import AnnData

    from napari_stexp.annotation import label_spots, read_regions

    start = time.perf_counter()
    regions = read_regions(path)
    seconds = {"read": time.perf_counter() - start}
    for count in (5_000, 200_000):
        xy = np.random.default_rng(1).uniform(0, SIDE, (count, 2))
        spots = AnnData(shape=(count, 0), obsm={"spatial": xy})
        start = time.perf_counter()
        label_spots(spots, regions)
        seconds[f"label {count:,} spots"] = time.perf_counter() - start
    return seconds


def read_plainly(path: Path) -> dict[str, float]:
    from shapely.geometry import shape

    start = time.perf_counter()
    with path.open() as file:
        features = json.load(file)["features"]
    shapes = [shape(feature["geometry"]) for feature in features]
    if not all(polygon.is_valid for polygon in shapes):
        raise SystemExit("the outlines are not valid")
    return {"read": time.perf_counter() - start}


def measure(path: Path, way: str, repeats: int) -> dict[str, float]:
    """Return the median of each measurement over processes of their own."""
    command = [sys.executable, __file__, "--file", str(path), "--way", way]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(repeats)
    ]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polygons", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file is not None:
        read = read_ours if options.way == WAYS[0] else read_plainly
        print(json.dumps(read(options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.geojson"
        write_cells(path, options.polygons, options.points)
        size = path.stat().st_size / 1e6
        parsed = "orjson" if find_spec("orjson") else "json"
        print(f"{options.polygons:,} polygons of {options.points} points, {size:.0f} MB, {parsed}")
        for way in WAYS:
            for name, seconds in measure(path, way, options.repeats).items():
                print(f"{way:14} {name:22} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
