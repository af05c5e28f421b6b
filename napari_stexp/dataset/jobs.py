"""Sections on their way into a data set: read, checked, compared with an earlier run's files."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.dataset.fingerprints import patches_key, spots_key
from napari_stexp.dataset.gene_choice import (
    GeneChoice,
    check_measured,
    choose_genes,
    take_genes,
)
from napari_stexp.dataset.layout import (
    PATCHES,
    SECTION,
    SECTIONS,
    SPOTS,
    THUMBNAIL,
    USABLE,
    StoredSection,
    folder_names,
)
from napari_stexp.dataset.references import describe_section, prepare_reference
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import BundleError, SpotsError, StexpError
from napari_stexp.model import SectionInfo, check_genes
from napari_stexp.progress import Progress
from napari_stexp.spots import read_spots

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.spots import SectionSource

__all__ = ["SectionJob", "read_jobs", "settle_genes"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SectionJob:
    """A section on its way into a data set.

    Attributes
    ----------
    source : SectionSource
    folder : Path
        Its folder in the data set.
    spots : AnnData
    info : SectionInfo
    spots_key, patches_key : str
        Hashes of what they are made from now.
    stored : StoredSection or None
        What an earlier run left in the folder.
    """

    source: SectionSource
    folder: Path
    spots: AnnData
    info: SectionInfo
    spots_key: str
    patches_key: str = ""
    stored: StoredSection | None = None

    @property
    def has_spots(self) -> bool:
        """Whether the stored spots are these."""
        return self.stored is not None and self.stored.spots_key == self.spots_key

    @property
    def has_patches(self) -> bool:
        """Whether the stored patches are what would be cut."""
        return self.stored is not None and self.stored.patches_key == self.patches_key


def read_jobs(
    sources: Sequence[SectionSource], folder: Path, settings: PrepareSettings
) -> Generator[Progress, None, tuple[list[SectionJob], list[str]]]:
    """Read the spots of all sections and check them.

    Returns
    -------
    jobs : list of SectionJob
        In the given order.
    left_out : list of str
        Sections of fewer spots than ``min_section_spots``.
    """
    jobs, left_out = [], []
    folders = folder_names([source.name for source in sources])
    for i, (source, name) in enumerate(zip(sources, folders, strict=True)):
        yield Progress(i, len(sources), f"reading the spots of {source.name}")
        job = _read_job(source, folder / SECTIONS / name)
        if job.spots.n_obs < settings.min_section_spots:
            left_out.append(source.name)
            logger.info("%s: left out, it has %d spots", source.name, job.spots.n_obs)
            continue
        check_measured(job.spots, job.info)
        jobs.append(replace(job, patches_key=patches_key(source, job.spots, settings)))
    if not jobs:
        raise SpotsError(
            "every section is left out",
            expected=f"at least {settings.min_section_spots} spots (min_section_spots)",
            found=f"{len(left_out)} smaller section(s)",
        )
    return jobs, left_out


def _read_job(source: SectionSource, place: Path) -> SectionJob:
    stored, key = _read_stored(place), spots_key(source)
    spots = None
    if stored is not None and stored.spots_key == key:
        try:
            spots = read_spots(place / SPOTS)
        except StexpError as error:
            logger.info("%s; it is read anew", error)
            stored = replace(stored, spots_key="")
    if spots is None:
        spots = source.read()
    _settle_record(spots, source)
    return SectionJob(source, place, spots, describe_section(spots, 0), key, stored=stored)


def _settle_record(spots: AnnData, source: SectionSource) -> None:
    """Put what the source says about the section into the spots' own record."""
    record = dict(spots.uns.get("stexp_spots", {}))
    said = {
        "section": source.name,
        "patient": source.patient,
        "organ": source.organ,
        "technology": source.technology,
    }
    spots.uns["stexp_spots"] = record | {key: value for key, value in said.items() if value}


def _read_stored(place: Path) -> StoredSection | None:
    """Return what an earlier run left in a section's folder; None where it isn't whole."""
    try:
        content = json.loads((place / SECTION).read_text(encoding="utf-8"))
        stored = StoredSection.from_json(content)
        patches = np.load(place / PATCHES, mmap_mode="r", allow_pickle=False)
        usable = np.load(place / USABLE, allow_pickle=False)
    except (OSError, ValueError, EOFError, RecursionError, BundleError) as error:
        if (place / SECTION).exists():
            logger.info("%s isn't whole and is made again: %s", place, error)
        return None
    whole = len(patches) == len(usable) == stored.info.n_spots and (place / THUMBNAIL).is_file()
    return stored if whole else None


def settle_genes(
    jobs: Sequence[SectionJob], settings: PrepareSettings, genes: Sequence[str] | None
) -> GeneChoice:
    """Choose genes, or check given ones, and all that a training needs of the sections."""
    sections = [job.spots for job in jobs]
    if genes is None:
        choice = choose_genes(sections, settings)
    else:
        choice = take_genes(sections, check_genes(genes))
    prepare_reference(sections, choice.genes, missing=settings.missing)
    return choice
