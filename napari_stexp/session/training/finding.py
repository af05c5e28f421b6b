"""Finding sections to train on, or making the sample's, as generators of `Progress`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.progress import Progress
from napari_stexp.session.training.sections import SectionRow

if TYPE_CHECKING:
    from napari_stexp.dataset import PrepareSettings
    from napari_stexp.spots import SectionSource

__all__ = ["SAMPLE_SETTINGS", "find_sections_steps", "fit_to", "from_reports", "sample_steps"]

_MANIFEST, _SAMPLE_SECTIONS = "sections.csv", 6  # two of each of three patients

#: A patch of 112 µm, as in the shipped model; beyond the slide is white, as beside the tissue.
SAMPLE_SETTINGS: dict[str, Any] = {
    "patch_px": 112,
    "mpp": 1.0,
    "fill": (243, 242, 244),
    "min_spots": 0,
}

_PAPER_SPOTS = 10_000  # of about so many spots is the paper's rule of 1,000

Steps = Generator[Progress, None, Any]


def find_sections_steps(path: Path) -> Steps:
    """List the sections under a path, then read them one by one.

    Its first ``new`` is (sources, rows), each later one a `SectionRow` that is known better.
    """
    yield Progress(0, 0, "looking for sections")
    from napari_stexp.spots import find_sections

    sources = find_sections(path)
    rows = [_first_row(source) for source in sources]
    yield Progress(0, len(rows), "reading the sections", new=(sources, rows))
    for i, (source, row) in enumerate(zip(sources, rows, strict=True)):
        if row.usable:
            row = _read_row(source, row)  # noqa: PLW2901 - what is known of it grows
        yield Progress(i + 1, len(rows), "reading the sections", new=row)


def _first_row(source: SectionSource) -> SectionRow:
    row = SectionRow(source.name, source.patient, source.organ)
    if source.slide is None:
        return replace(row, problem="There is no picture of it.")
    if not source.has_counts:
        return replace(row, problem="There are no counts of it.")
    return row


def _read_row(source: SectionSource, row: SectionRow) -> SectionRow:
    try:
        spots = source.read()
    except StexpError as error:
        return replace(row, problem=error.message)
    if spots.n_vars == 0:
        return replace(row, n_spots=int(spots.n_obs), problem="There are no counts of it.")
    return replace(row, n_spots=int(spots.n_obs))


def sample_steps(folder: Path) -> Steps:
    """Make the sample's synthetic sections in a folder, unless they are there; find them."""
    yield Progress(0, 0, "making the synthetic sections, once")
    from napari_stexp.sample_data import write_training_sections  # type: ignore[import-not-found]

    manifest = folder / _MANIFEST  # written last
    if not manifest.is_file():
        yield from from_reports(
            lambda report: write_training_sections(folder, _SAMPLE_SECTIONS, report=report)
        )
    yield from find_sections_steps(manifest)


class _StoppedError(Exception):
    """Nobody listens any more."""


def from_reports(work: Callable[[Callable[[Progress], None]], Any]) -> Steps:
    """Run, in a thread, what reports its progress by a call; closed, it ends at the next one."""
    reports: Queue[Progress | None] = Queue()
    stopped = threading.Event()

    def report(progress: Progress) -> None:
        if stopped.is_set():
            raise _StoppedError
        reports.put(progress)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, report)
        future.add_done_callback(lambda _: reports.put(None))
        try:
            while (progress := reports.get()) is not None:
                yield progress
        finally:
            stopped.set()
    return future.result()


def fit_to(settings: PrepareSettings, spots: int) -> PrepareSettings:
    """Return settings whose least number of spots suits data smaller than the paper's.

    The paper drops genes found in fewer than 1,000 of its 10,000 spots; of 500
    spots, that rule would leave none.
    """
    usual = type(settings)().min_spots
    if settings.min_spots != usual or spots >= _PAPER_SPOTS:
        return settings
    return replace(settings, min_spots=settings.min_spots * spots // _PAPER_SPOTS)
