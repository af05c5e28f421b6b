"""Makes the sample data anew: ``python -m napari_stexp.sample_data.make_sample_data --out FOLDER``.

Takes some minutes for the section and the training's time for the bundle
(``--only section`` leaves the latter out). The same seeds give the same
section; the bundle is the same as far as the libraries' arithmetic is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.sample_data import ANNOTATION, BUNDLE, SLIDE, SPOTS, sample_folder

if TYPE_CHECKING:
    from napari_stexp.progress import Progress

__all__ = ["main", "make_bundle", "make_shipped_section"]

LARGEST_MB = 25.0
QUALITY = 62  # of the shipped slide's JPEG tiles: room for the bundle


def make_shipped_section(folder: Path) -> None:
    """Write the shipped section's slide, spots and annotation into a folder."""
    from napari_stexp.sample_data.outlines import draw_outlines
    from napari_stexp.sample_data.section import SHIPPED, make_section

    from napari_stexp.annotation import write_geojson
    from napari_stexp.spots import write_spots

    section = make_section(SHIPPED)
    section.write_slide(folder / SLIDE, quality=QUALITY)
    write_spots(section.spots, folder / SPOTS)
    write_geojson(draw_outlines(section.layout), folder / ANNOTATION)


def make_bundle(folder: Path, device: str = "cpu") -> None:
    """Train on the training sections, score on the validation section, write the bundle."""
    from napari_stexp.sample_data.section import TRAINING, VALIDATION
    from napari_stexp.sample_data.training import read_section, score_bundle, train_bundle

    from napari_stexp.model import save_bundle

    sections = [read_section(plan) for plan in TRAINING]
    bundle = train_bundle(sections, _Printer(), device=device)
    bundle = score_bundle(bundle, VALIDATION)
    assert bundle.scores is not None
    _say(f"held-out section: mean PCC {bundle.scores['pcc_spot'].mean():.3f} over all genes")
    save_bundle(bundle, folder / BUNDLE, weights_dtype="float16")


class _Printer:
    """Prints one line per epoch: mean loss and time."""

    def __init__(self) -> None:
        self.stage, self.losses, self.start = "", [0.0], time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self.stage and self.stage.startswith("epoch"):
            mean, seconds = sum(self.losses) / len(self.losses), time.monotonic() - self.start
            _say(f"{self.stage}: loss {mean:.3f}, {seconds:.0f} s")
            self.losses = []
        self.stage = progress.stage
        if progress.new is not None:
            self.losses.append(progress.new.loss)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=sample_folder(), help="folder for the files")
    parser.add_argument("--only", choices=("section", "bundle"), help="make only this part")
    parser.add_argument("--device", default="cpu", help="where to train, e.g. cuda")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.only != "bundle":
        make_shipped_section(options.out)
    if options.only != "section":
        make_bundle(options.out, options.device)
    total = 0.0
    for name in (SLIDE, SPOTS, ANNOTATION, BUNDLE):
        path = options.out / name
        if path.exists():
            total += path.stat().st_size / 1e6
            _say(f"{path.stat().st_size / 1e6:6.2f} MB  {path}")
    if total > LARGEST_MB:
        _say(f"together {total:.2f} MB: more than the {LARGEST_MB:g} MB that may be shipped")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
