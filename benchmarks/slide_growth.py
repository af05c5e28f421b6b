"""First picture and memory as a slide grows from 10,000 to 200,000 px a side.

    xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/slide_growth.py [--slow 0.05]

The slides are JPEG pyramids in which many places share a few tiles, so that they are written at
once. Each is opened in the real window, in a fresh process, as in `window_big_slide.py`, whose
measures these are: time to the first picture, memory before, at most over random views, and the
longest time that one change of view kept the window busy. ``--slow`` lets each reading of a tile
sleep for so many seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slide_big import make_texture

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIDES = (10_000, 25_000, 50_000, 100_000, 200_000)


def measure_slowly(path: Path, views: int, seconds: float) -> dict[str, float]:
    """Measure in this process, with a slow disk."""
    from window_big_slide import measure

    from napari_stexp.slide.decoding import StoredLevel

    read = StoredLevel.read

    def slow(self, source, row, col):  # type: ignore[no-untyped-def]
        time.sleep(seconds)
        return read(self, source, row, col)

    if seconds:
        StoredLevel.read = slow  # type: ignore[method-assign]
    return measure(path, views)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=100)
    parser.add_argument("--slow", type=float, default=0.0, help="s per reading of a tile")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_slowly(options.measure, options.views, options.slow)))
        return
    from tests.slide.builders.shared_tiles import write_shared_slide

    texture = make_texture()
    print("| side, px | first picture, s | most memory, MB | before, MB | slowest view, s |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            path = write_shared_slide(Path(folder) / f"{side}.tif", side, texture, step=4)
            command = [sys.executable, __file__, "--measure", path]
            command += ["--views", str(options.views), "--slow", str(options.slow)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            print(
                f"| {side:,} | {found['first_picture_s']:.2f} | {found['peak_rss_mb']:.0f} "
                f"| {found['before_mb']:.0f} | {found['slowest_view_s']:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
