"""Preparing data and training on them, as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import DeviceError, StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_stexp.dataset import Dataset, PrepareSettings
    from napari_stexp.spots import SectionSource
    from napari_stexp.study import TrainingRun

__all__ = [
    "Steps",
    "TrainPlan",
    "bunch",
    "import_plotting",
    "open_dataset_steps",
    "prepare_steps",
    "train_steps",
]

_EVERY = 0.1  # seconds between two bunches of reports

Steps = Generator[Progress, None, Any]


def open_dataset_steps(folder: Path) -> Generator[Progress, None, Dataset]:
    """Open prepared data."""
    yield Progress(0, 0, "opening the prepared data")
    from napari_stexp.dataset import open_dataset

    return open_dataset(folder)


def prepare_steps(
    sources: Sequence[SectionSource],
    folder: Path,
    settings: PrepareSettings,
    genes_file: Path | None,
) -> Generator[Progress, None, Dataset]:
    """Choose genes and cut patches, or take a given gene list."""
    yield Progress(0, 0, "reading the sections")
    from napari_stexp.dataset import prepare_dataset
    from napari_stexp.model import read_gene_list

    genes = None if genes_file is None else read_gene_list(genes_file)
    with _enough_memory("Choose fewer sections or smaller patches."):
        return (yield from prepare_dataset(sources, folder, settings, genes=genes))


@dataclass(frozen=True)
class TrainPlan:
    """A training as it shall run.

    Attributes
    ----------
    dataset : Dataset
        Prepared data.
    folder : Path
        The run's folder.
    run : TrainingRun
        Sections and settings.
    device : str
        Where to compute.
    resume : bool
        Whether to go on from the folder's checkpoint.
    """

    dataset: Dataset
    folder: Path
    run: TrainingRun
    device: str = "auto"
    resume: bool = False


def train_steps(plan: TrainPlan) -> Steps:
    """Train; the reports come in bunches, as tuples in ``new``."""
    yield Progress(0, 0, "loading the libraries")
    import_plotting()
    yield Progress(0, 0, "loading the libraries")
    from napari_stexp.study import train_run
    from napari_stexp.train import train_model  # noqa: F401 - brings torch: takes seconds

    yield Progress(0, 0, "opening the data")
    task = train_run(
        plan.dataset,
        plan.run,
        plan.folder,
        resume=plan.resume,
        device=plan.device,
    )
    with _enough_memory("Choose a smaller batch or a smaller image network."):
        return (yield from bunch(task))


def import_plotting() -> None:
    """Import here what draws the curve, and let it find its fonts: that takes a second or more."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([0, 1], label="x")
    figure.legend()
    FigureCanvasAgg(figure).draw()


def bunch(task: Steps, every: float = _EVERY) -> Steps:
    """Pass reports on in bunches: a quick step would else drown the main thread."""
    waiting: list[Any] = []
    last = time.monotonic()
    try:
        while True:
            try:
                progress = next(task)
            except StopIteration as stop:
                if waiting:
                    yield replace(progress, new=tuple(waiting))
                return stop.value
            if progress.new is not None:
                waiting.append(progress.new)
            now = time.monotonic()
            if not waiting or now - last >= every:
                yield replace(progress, new=tuple(waiting) or None)
                waiting, last = [], now
    finally:
        task.close()


@contextmanager
def _enough_memory(hint: str) -> Iterator[None]:
    """Say what to do about it when the memory was not enough."""
    try:
        yield
    except StexpError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
            raise
        raise DeviceError(
            "the memory was not enough", found=str(error).splitlines()[0][:200] or None, hint=hint
        ) from error
