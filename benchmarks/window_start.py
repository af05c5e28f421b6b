"""What the plugin adds to napari's start, and how long its panels take to open.

    xvfb-run -a python benchmarks/window_start.py [--repeats 7]

Starts napari in fresh processes, by turns with the plugin and with its distribution hidden
from plugin discovery, and reports the median seconds from the interpreter's start to a drawn
window (``with_s``, ``without_s``), the difference, and the time of ``open_all`` (``panels_s``).
Exits with 1 where the plugin is imported at start, or adds more than 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

BUDGET_S = 0.1

CHILD = """
import time
start = time.perf_counter()
import importlib.metadata, json, sys
if {hidden}:
    everything = importlib.metadata.distributions
    importlib.metadata.distributions = lambda **k: (
        d for d in everything(**k) if (d.metadata["Name"] or "") != "napari-stexp")
import napari
from napari.qt import get_qapp
viewer = napari.Viewer(title="benchmark")
get_qapp().processEvents()
result = dict(start_s=time.perf_counter() - start)
result["imported"] = [m for m in sys.modules if m.startswith("napari_stexp.")]
result["found"] = "napari-stexp" in __import__("npe2").PluginManager.instance()
if not {hidden}:
    from napari_stexp.panels import open_all
    start = time.perf_counter()
    open_all(viewer)
    get_qapp().processEvents()
    result["panels_s"] = time.perf_counter() - start
print(json.dumps(result))
viewer.close()
"""


def start_napari(hidden: bool) -> dict[str, object]:
    command = [sys.executable, "-c", CHILD.format(hidden=hidden)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    runs: dict[bool, list[dict]] = {False: [], True: []}
    start_napari(hidden=False)  # the first start reads everything from disk
    for _ in range(repeats):
        for hidden, results in runs.items():
            results.append(start_napari(hidden))
    if not all(r["found"] for r in runs[False]) or any(r["found"] for r in runs[True]):
        raise SystemExit("the plugin was not found when it should be, or the other way round")
    with_s = statistics.median(r["start_s"] for r in runs[False])
    without_s = statistics.median(r["start_s"] for r in runs[True])
    result = {
        "with_s": with_s,
        "without_s": without_s,
        "added_s": with_s - without_s,
        "panels_s": statistics.median(r["panels_s"] for r in runs[False]),
        "imported_at_start": runs[False][0]["imported"],
    }
    print(json.dumps(result, indent=2))
    return 0 if result["added_s"] < BUDGET_S and not result["imported_at_start"] else 1


if __name__ == "__main__":
    sys.exit(main())
