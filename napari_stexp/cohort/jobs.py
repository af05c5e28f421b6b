"""What is to be predicted, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_stexp.errors import StexpError
from napari_stexp.slide.location import Location

__all__ = ["CohortJob", "CohortResult", "GridSettings", "JobProgress"]


@dataclass(frozen=True)
class GridSettings:
    """Virtual spots for a slide without measurement (``napari_stexp.spots.make_grid``).

    Attributes
    ----------
    pitch_um, diameter_um : float
        µm.
    layout : str
        ``hex`` or ``square``.
    tissue_only : bool
        Keep only spots whose centre is tissue.
    """

    pitch_um: float = 100.0
    diameter_um: float = 55.0
    layout: str = "hex"
    tissue_only: bool = True


@dataclass(frozen=True)
class CohortJob:
    """One slide.

    Attributes
    ----------
    slide : Path or RemotePath
        The image, as the workers see it: a path, or an address that is read by range. Workers
        that are other processes don't know credentials that an address brings.
    output : Path
        The ``.h5ad`` file to write.
    spots : Path, optional
        Spots (``napari_stexp.spots.read_spots``); a grid is laid when left out.
    grid : GridSettings
        Used when ``spots`` is left out.
    mpp : float, optional
        µm per level-0 pixel, where the slide doesn't say or is wrong.
    """

    slide: Location
    output: Path
    spots: Path | None = None
    grid: GridSettings = field(default_factory=GridSettings)
    mpp: float | None = None


@dataclass(frozen=True)
class JobProgress:
    """How far one slide is; ``done`` and ``total`` are spots."""

    index: int
    job: CohortJob
    done: int
    total: int
    stage: str = ""


@dataclass(frozen=True)
class CohortResult:
    """What became of one slide.

    Attributes
    ----------
    job : CohortJob
        The job.
    status : str
        ``done``; ``skipped``: the output was there, made of the same slide, spots,
        model and settings; ``failed``; ``cancelled``.
    error : StexpError, optional
        Why it failed.
    n_spots : int
        Spots in the output.
    n_unpredicted : int
        Spots in the output that couldn't be predicted (outside, unreadable).
    seconds : float
        Time on the worker.
    """

    job: CohortJob
    status: Literal["done", "skipped", "failed", "cancelled"]
    error: StexpError | None = None
    n_spots: int = 0
    n_unpredicted: int = 0
    seconds: float = 0.0
