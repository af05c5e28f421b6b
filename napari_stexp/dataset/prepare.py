"""Preparing a data set: reading sections, choosing genes, cutting patches once."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp._version import __version__
from napari_stexp.dataset.cutting import cut_patches, patch_bytes, settle_scale, write_thumbnail
from napari_stexp.dataset.dataset import Dataset, open_dataset
from napari_stexp.dataset.jobs import SectionJob, read_jobs, settle_genes
from napari_stexp.dataset.layout import (
    DATASET,
    GENES,
    SECTION,
    SECTIONS,
    SPOTS,
    DatasetHeader,
    StoredSection,
    atomic_folder,
    write_json,
)
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import OutputError, SlideError, TrainingError
from napari_stexp.files import LOCK, atomic_path, locked
from napari_stexp.model import InputContract
from napari_stexp.progress import Progress
from napari_stexp.slide import open_slide, prepare_slide
from napari_stexp.slide.patches import SAME_SCALE
from napari_stexp.spots import write_spots

if TYPE_CHECKING:
    from napari_stexp.spots import SectionSource

__all__ = ["prepare_dataset"]


def prepare_dataset(
    sources: Sequence[SectionSource],
    folder: str | Path,
    settings: PrepareSettings | None = None,
    *,
    genes: Sequence[str] | None = None,
) -> Generator[Progress, None, Dataset]:
    """Make a data set of measured sections, or bring one up to date.

    Genes are chosen by the paper's rule (`choose_genes`) unless they are given; the
    patch of every spot is cut once. Sections that are there already, made from the same
    files with the same settings, are kept: a second run decodes nothing, another gene
    list cuts nothing, and a run that was cancelled or killed goes on with the section
    that it was at.

    Parameters
    ----------
    sources : sequence of SectionSource
        As `napari_stexp.spots.find_sections` gives them.
    folder : path-like
        Where the data set goes; made when missing.
    settings : PrepareSettings, optional
        The paper's when not given.
    genes : sequence of str, optional
        A gene list to use as it is.

    Yields
    ------
    Progress
        Units are sections while they are read, then spots over all sections. Where a
        slide must be converted first, the stage says so.

    Returns
    -------
    Dataset
        With all given sections but those that ``min_section_spots`` leaves out. Sections
        of earlier runs that are no longer given stay on disk, unused.

    Raises
    ------
    TrainingError
        No sections, or two of the same name.
    SpotsError, GeneListError
        See `choose_genes` and `prepare_reference`; the spots of all sections are checked
        before the first patch is cut.
    SlideError
        Sections have no slide, or one that can't be read.
    ScaleError
        Patches of a size in µm are wanted and a slide's scale is unknown, or a slide's
        scale contradicts its spots.
    OutputError
        The folder holds something else, is being prepared already or can't be written,
        or the disk is full. What was finished is kept.
    """
    settings = settings or PrepareSettings()
    folder = Path(folder)
    _check_sources(sources, folder)
    busy = OutputError(
        "this data set is being prepared already",
        path=folder,
        hint="Wait for its end, stop it, or choose another folder.",
    )
    with locked(folder, busy):
        return (yield from _prepare(sources, folder, settings, genes))


def _prepare(
    sources: Sequence[SectionSource],
    folder: Path,
    settings: PrepareSettings,
    genes: Sequence[str] | None,
) -> Generator[Progress, None, Dataset]:
    jobs, left_out = yield from read_jobs(sources, folder, settings)
    yield Progress(0, sum(job.info.n_spots for job in jobs), "choosing genes")
    choice = settle_genes(jobs, settings, genes)
    stored = yield from _store_sections(jobs, settings, folder)
    header = DatasetHeader(
        settings=settings,
        contract=_contract(settings, stored),
        gene_choice=choice,
        sections=tuple(stored),
        left_out=tuple(left_out),
        software=f"napari-stexp {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with atomic_path(folder / GENES) as temporary:
        temporary.write_text("\n".join(choice.genes) + "\n", encoding="utf-8")
    write_json(folder / DATASET, header)
    return open_dataset(folder)


def _check_sources(sources: Sequence[SectionSource], folder: Path) -> None:
    if not sources:
        raise TrainingError("no sections were given", expected="at least one measured section")
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(
            "sections have the same name",
            expected="each name once",
            found=", ".join(twice[:5]),
            hint="A section given twice would count twice in every prediction.",
        )
    _check_slides(sources)
    if folder.exists() and not folder.is_dir():
        raise OutputError("can't make a data set here", path=folder, found="a file of this name")
    ours = any((folder / name).exists() for name in (DATASET, SECTIONS))
    if folder.is_dir() and not ours and any(path.name != LOCK for path in folder.iterdir()):
        raise OutputError(
            "the folder holds something else",
            path=folder,
            expected="an empty folder, a new one, or a data set",
        )


def _check_slides(sources: Sequence[SectionSource]) -> None:
    without = [source.name for source in sources if source.slide is None]
    if without:
        raise SlideError(
            f"{len(without)} of {len(sources)} sections have no slide to cut patches from",
            path=next(source.spots for source in sources if source.slide is None),
            found=", ".join(without[:10]) + (" …" if len(without) > 10 else ""),
            hint="Choose the others (FOLDER:C2,C3), or name slides in a section manifest.",
        )
    for source in sources:
        if not Path(source.slide or "").exists():  # OME-Zarr and DICOM are folders
            raise SlideError(f"the slide of section {source.name} is missing", path=source.slide)


def _store_sections(
    jobs: Sequence[SectionJob], settings: PrepareSettings, folder: Path
) -> Generator[Progress, None, list[StoredSection]]:
    """Bring every section's files up to date; the units of progress are spots."""
    _check_space(jobs, settings, folder)
    total = sum(job.info.n_spots for job in jobs)
    stored, done = [], 0
    for job in jobs:
        if job.has_patches:
            stored.append(_update_spots(job))
            stage = f"{job.info.name}: patches are there already"
        else:
            with closing(_store_section(job, settings)) as task:
                stored.append((yield from _shifted(task, done, total)))
            stage = f"{job.info.name}: patches cut"
        done += job.info.n_spots
        yield Progress(done, total, stage)
    return stored


def _shifted(
    task: Generator[tuple[int, str], None, StoredSection], start: int, total: int
) -> Generator[Progress, None, StoredSection]:
    while True:
        try:
            done, stage = next(task)
        except StopIteration as stop:
            result: StoredSection = stop.value
            return result
        yield Progress(start + done, total, stage)


def _check_space(jobs: Sequence[SectionJob], settings: PrepareSettings, folder: Path) -> None:
    """Raise before hours of work if the patches can't fit on the disk."""
    needed = sum(patch_bytes(job.info.n_spots, settings) for job in jobs if not job.has_patches)
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OutputError(
            "the patches don't fit on the disk",
            path=folder,
            expected=f"{needed / 1e9:.2f} GB",
            found=f"{free / 1e9:.2f} GB free",
            hint="Make room, choose another folder, or smaller or fewer fields of view.",
        )


def _update_spots(job: SectionJob) -> StoredSection:
    """Keep a section's patches; write its spots again where their tables changed."""
    assert job.stored is not None  # has_patches
    if job.has_spots and job.stored.info == job.info:
        return job.stored
    stored = replace(job.stored, info=job.info, spots_key=job.spots_key)
    # In this order: a kill in between leaves a key that asks for the spots again.
    write_json(job.folder / SECTION, replace(stored, spots_key=""))
    write_spots(job.spots, job.folder / SPOTS)
    write_json(job.folder / SECTION, stored)
    return stored


def _store_section(
    job: SectionJob, settings: PrepareSettings
) -> Generator[tuple[int, str], None, StoredSection]:
    """Make a section's folder; yields (spots done, stage)."""
    name, path = job.info.name, job.source.slide
    assert path is not None  # patches_key has checked it
    with closing(prepare_slide(path)) as conversion:
        for progress in conversion:
            yield 0, f"{name}: {progress.stage or 'converting the slide'}"
    with (
        open_slide(path, mpp=job.source.mpp) as opened,
        settle_scale(opened, job.spots, settings.mpp, name) as slide,
        atomic_folder(job.folder) as folder,
    ):
        centers = np.asarray(job.spots.obsm["spatial"], dtype=np.float64)
        with closing(cut_patches(slide, centers, settings, folder)) as cutting:
            usable = yield from _staged(cutting, f"cutting patches: {name}")
        write_spots(job.spots, folder / SPOTS)
        stored = StoredSection(
            info=job.info,
            folder=job.folder.name,
            slide=str(path),
            mpp=slide.mpp,
            thumbnail_scale=write_thumbnail(slide, folder),
            n_usable=int(usable.sum()),
            spots_key=job.spots_key,
            patches_key=job.patches_key,
        )
        write_json(folder / SECTION, stored)
    return stored


def _staged(
    task: Generator[int, None, np.ndarray], stage: str
) -> Generator[tuple[int, str], None, np.ndarray]:
    while True:
        try:
            done = next(task)
        except StopIteration as stop:
            result: np.ndarray = stop.value
            return result
        yield done, stage


def _contract(settings: PrepareSettings, sections: Sequence[StoredSection]) -> InputContract:
    """Say how the patches were cut.

    Patches of level-0 pixels get the sections' common µm/px, where all are known and
    differ too little to be resampled: a model that is trained on them then knows the
    size of what it sees.
    """
    mpp = settings.mpp
    known = [section.mpp for section in sections if section.mpp is not None]
    if mpp is None and len(known) == len(sections):
        median = float(np.median(known))
        if all(abs(median / one - 1) <= SAME_SCALE for one in known):
            mpp = median
    return InputContract(
        patch_px=settings.patch_px, mpp=mpp, fill=settings.fill, context=settings.context
    )
