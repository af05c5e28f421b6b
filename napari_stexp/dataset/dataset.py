"""A prepared data set, read from its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.dataset.gene_choice import GeneChoice
from napari_stexp.dataset.layout import (
    DATASET,
    PATCHES,
    SECTIONS,
    SPOTS,
    THUMBNAIL,
    USABLE,
    DatasetHeader,
    StoredSection,
)
from napari_stexp.dataset.references import prepare_reference
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.dataset.training_set import TrainingSet, patch_shape
from napari_stexp.errors import BundleError, TrainingError
from napari_stexp.model import InputContract, SectionInfo, check_genes

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Dataset", "open_dataset"]

_AGAIN = "Prepare the data set again: sections that are whole are kept."


@dataclass(frozen=True, eq=False)
class Dataset:
    """Measured sections with patches cut once; made by `prepare_dataset`.

    Attributes
    ----------
    folder : Path
        Where it lies.
    header : DatasetHeader
        What ``dataset.json`` says.
    """

    folder: Path
    header: DatasetHeader

    @property
    def genes(self) -> tuple[str, ...]:
        """The gene list, in order."""
        return self.header.gene_choice.genes

    @property
    def gene_choice(self) -> GeneChoice:
        """How the genes were chosen."""
        return self.header.gene_choice

    @property
    def settings(self) -> PrepareSettings:
        """What it was prepared with."""
        return self.header.settings

    @property
    def contract(self) -> InputContract:
        """How the patches were cut, for a model that is trained on them."""
        return self.header.contract

    @property
    def sections(self) -> tuple[SectionInfo, ...]:
        """The sections, in order."""
        return tuple(section.info for section in self.header.sections)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sections, in order."""
        return tuple(info.name for info in self.sections)

    def spots(self, name: str) -> AnnData:
        """Read a section's spots: raw counts of all genes that it measured.

        Returns
        -------
        AnnData
            ``obs['label']`` is the pathologist's label where one is known;
            ``obsm['spatial']`` is (x, y) in level-0 px of the slide.
        """
        from napari_stexp.spots import read_spots

        stored = self.stored(name)
        adata = read_spots(self.path(name, SPOTS))
        if adata.n_obs != stored.info.n_spots:
            raise self._damaged(name, SPOTS, f"{stored.info.n_spots} spots", adata.n_obs)
        return adata

    def patches(self, name: str) -> NDArray[np.uint8]:
        """Return a section's patches, left on disk.

        Returns
        -------
        memmap, (N, S, p, p, 3) uint8, read-only
            RGB, in the order of its spots.
        """
        stored = self.stored(name)
        shape = (stored.info.n_spots, *patch_shape(self.contract))
        return self._array(name, PATCHES, shape, "uint8")

    def usable(self, name: str) -> NDArray[np.bool_]:
        """Tell which patches show the slide, (N,): the others are fill colour."""
        shape = (self.stored(name).info.n_spots,)
        return np.array(self._array(name, USABLE, shape, "bool"))

    def thumbnail(self, name: str) -> tuple[NDArray[np.uint8], float]:
        """Return a small picture of the section's slide.

        Returns
        -------
        image : (h, w, 3) uint8
            RGB.
        scale : float
            Level-0 px per px of the picture.
        """
        from PIL import Image

        path = self.path(name, THUMBNAIL)
        try:
            with Image.open(path) as image:
                pixels = np.array(image.convert("RGB"))
        except OSError as error:
            raise TrainingError(
                "the data set lacks a picture", path=path, found=error, hint=_AGAIN
            ) from error
        return pixels, self.stored(name).thumbnail_scale

    def select(self, names: Sequence[str], genes: Sequence[str] | None = None) -> TrainingSet:
        """Put sections together for a training.

        Parameters
        ----------
        names : sequence of str
            Sections, in any order; the training set keeps it.
        genes : sequence of str, optional
            Another gene list than the data set's. Genes that a section didn't
            measure are an error, or zero where ``settings.missing`` says so.

        Returns
        -------
        TrainingSet
            Its patches stay on disk.

        Raises
        ------
        TrainingError
            A section isn't there, is named twice, or its files are damaged.
        GeneListError
            Genes are missing.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        gene_list = check_genes(self.genes if genes is None else genes)
        spots = [self.spots(name) for name in wanted]
        return TrainingSet(
            reference=prepare_reference(spots, gene_list, missing=self.settings.missing),
            contract=self.contract,
            genes=tuple(gene_list),
            patches=tuple(self.patches(name) for name in wanted),
            usable=np.concatenate([self.usable(name) for name in wanted]),
        )

    def stored(self, name: str) -> StoredSection:
        """Return what is recorded about a section.

        Raises
        ------
        TrainingError
            There is no such section.
        """
        for section in self.header.sections:
            if section.info.name == name:
                return section
        raise TrainingError(
            f"the data set has no section {name!r}",
            path=self.folder,
            expected=f"one of {', '.join(self.names)}",
        )

    def path(self, name: str, file: str) -> Path:
        """Return where a file of a section lies."""
        return self.folder / SECTIONS / self.stored(name).folder / file

    def _array(self, name: str, file: str, shape: tuple[int, ...], dtype: str) -> NDArray:
        path = self.path(name, file)
        try:
            array: NDArray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise TrainingError(
                "a file of the data set can't be read", path=path, found=error, hint=_AGAIN
            ) from error
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise self._damaged(name, file, f"{dtype} {shape}", f"{array.dtype} {array.shape}")
        return array

    def _damaged(self, name: str, file: str, expected: object, found: object) -> TrainingError:
        return TrainingError(
            "a file of the data set doesn't fit the others",
            path=self.path(name, file),
            expected=expected,
            found=found,
            hint=_AGAIN,
        )


def open_dataset(folder: str | Path) -> Dataset:
    """Open a prepared data set.

    Raises
    ------
    TrainingError
        There is none in the folder, its preparation wasn't finished, or it is damaged.
    """
    folder = Path(folder)
    path = folder / DATASET
    if not path.is_file():
        begun = (folder / SECTIONS).is_dir()
        raise TrainingError(
            "the preparation of this data set wasn't finished" if begun else "no data set here",
            path=folder,
            expected=DATASET,
            found=("no such folder" if not folder.is_dir() else None),
            hint=_AGAIN if begun else "Make one with 'napari-stexp prepare'.",
        )
    try:
        header = DatasetHeader.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, BundleError) as error:
        found = error.what if isinstance(error, BundleError) else error
        raise TrainingError(
            "the data set can't be read", path=path, found=found, hint=_AGAIN
        ) from error
    dataset = Dataset(folder, header)
    for name in dataset.names:
        dataset.patches(name)
        dataset.usable(name)
    return dataset
