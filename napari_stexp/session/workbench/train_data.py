"""The workbench's data for a training: sections with their uses, and what is prepared of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import TrainingError
from napari_stexp.progress import Progress
from napari_stexp.session.training import finding, steps
from napari_stexp.session.workbench.base import WorkbenchBase

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.session.training.sections import SectionRow, Split, Use
    from napari_stexp.session.training.training import Training

__all__ = ["WorkbenchTrainData"]


class WorkbenchTrainData(WorkbenchBase):
    """Finds sections and prepares them; the upper part of the dock Train."""

    @property
    def training(self) -> Training:
        """Sections with their uses, data, settings, run, losses and outcome."""
        return self.session.training

    def find_sections(self, path: str | Path | None = None) -> tuple[SectionRow, ...]:
        """Look for measured sections, and propose what each is used for.

        Parameters
        ----------
        path : path-like, optional
            A folder or a list of sections (docs/dataset.md); default: the sample's
            synthetic sections, which are made the first time.

        Returns
        -------
        tuple of SectionRow
            Those with a ``problem`` can't be used.

        Raises
        ------
        SpotsError
            There are none.
        """
        training = self.training
        if path is None:
            from napari_stexp.dataset import PrepareSettings
            from napari_stexp.files import cache_folder
            from napari_stexp.study import preset

            training.prepare_settings = PrepareSettings(**finding.SAMPLE_SETTINGS)
            training.settings = preset("small")
            task = finding.sample_steps(cache_folder("sample") / "sections")
        else:
            task = finding.find_sections_steps(Path(path))

        def take(progress: Progress) -> None:
            if isinstance(progress.new, tuple):
                training.set_sources(*progress.new)
            elif progress.new is not None:
                training.set_row(progress.new)

        self._run("sections", "Looking for sections", task, take)
        spots = sum(row.n_spots or 0 for row in training.sections if row.usable)
        training.prepare_settings = finding.fit_to(training.prepare_settings, spots)
        return training.sections

    def use_sections(self, by: Split | None = None, **uses: Use) -> dict[str, Use]:
        """Say what sections are used for.

        Parameters
        ----------
        by : {'patient', 'section'}, optional
            Whether all sections of a patient have the same use (the default), or each its own.
        **uses : {'train', 'validate', 'hold out', 'leave out'}
            By the name of the section: ``use_sections(A1="hold out")``.

        Returns
        -------
        dict of str to str
            The use of every section.
        """
        if by is not None:
            self.training.set_split(by)
        known = {row.name for row in self.training.sections}
        if missing := sorted(set(uses) - known):
            raise TrainingError(
                "there are no such sections", expected=", ".join(sorted(known)),
                found=", ".join(missing),
            )  # fmt: skip
        for name, use in uses.items():
            self.training.set_use(name, use)
        return self.training.uses

    def prepare_data(
        self, folder: str | Path, genes_file: str | Path | None = None, **settings: Any
    ) -> Dataset:
        """Choose genes and cut the patches of the sections that are used for anything.

        Parameters
        ----------
        folder : path-like
            Where the data are kept.
        genes_file : path-like, optional
            A list of genes in place of those that the data would choose.
        **settings
            Fields of `napari_stexp.dataset.PrepareSettings`: ``patch_px``, ``mpp``, ``top`` …

        Raises
        ------
        TrainingError
            No sections are chosen.
        """
        training = self.training
        if settings:
            training.prepare_settings = replace(training.prepare_settings, **settings)
        training.genes_file = None if genes_file is None else Path(genes_file)
        self._check(training.missing_to_prepare(), "there is nothing to prepare")
        task = steps.prepare_steps(
            training.chosen_sources(), Path(folder), training.prepare_settings, training.genes_file
        )
        return self._take_data(self._run("prepare", "Preparing the sections", task))

    def open_data(self, folder: str | Path) -> Dataset:
        """Open data that were prepared before."""
        folder = Path(folder)
        task = steps.open_dataset_steps(folder)
        return self._take_data(self._run("sections", f"Opening {folder.name}", task))

    def _take_data(self, dataset: Dataset) -> Dataset:
        self.training.set_dataset(dataset)
        return dataset

    @staticmethod
    def _check(missing: list[str], what: str) -> None:
        if missing:
            raise TrainingError(what, hint=" ".join(missing))
