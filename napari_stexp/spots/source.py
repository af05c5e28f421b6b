"""Where a section's files lie, and whose it is."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.errors import SpotsError
from napari_stexp.spots.columns_reading import read_spot_table
from napari_stexp.spots.columns_table import TABLE_ENDS
from napari_stexp.spots.columns_text import has_her2st_columns
from napari_stexp.spots.h5ad import read_h5ad
from napari_stexp.spots.her2st import read_her2st
from napari_stexp.spots.labels import add_labels
from napari_stexp.spots.record import RECORD
from napari_stexp.spots.spaceranger.layout import is_visium_file
from napari_stexp.spots.spatialdata_reading import read_spatialdata
from napari_stexp.spots.spatialdata_store import is_spatialdata
from napari_stexp.spots.technology import SPATIAL_TRANSCRIPTOMICS
from napari_stexp.spots.visium import read_visium

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["SPOT_TABLE_ENDS", "SectionSource"]

#: Spot files of Spatial Transcriptomics.
SPOT_TABLE_ENDS = (".tsv", ".tsv.gz", ".txt", ".txt.gz")


@dataclass(frozen=True)
class SectionSource:
    """One section: its name, its patient and its files.

    Attributes
    ----------
    name : str
        Of the section, unique in a data set.
    patient : str
        Empty where unknown.
    organ, technology : str
        Empty where unknown.
    slide : Path or None
        The full-resolution image.
    spots : Path
        An ``.h5ad`` file, a spot file of Spatial Transcriptomics (``.tsv``), or Space
        Ranger's positions (``tissue_positions….csv`` or ``.parquet``) or cells
        (``…cell_segmentations.geojson``).
    counts : Path or None
        The counts, where ``spots`` doesn't hold them.
    mpp : float or None
        µm per level-0 pixel of the slide; None: what the slide says.
    labels : Path or None
        A table of the pathologist's labels, see `napari_stexp.spots.labels.add_labels`.
    element : str
        Which spots of a SpatialData store.
    """

    name: str
    patient: str
    _: KW_ONLY
    organ: str = ""
    technology: str = ""
    slide: Path | None = None
    spots: Path
    counts: Path | None = None
    mpp: float | None = None
    labels: Path | None = None
    element: str = ""

    @property
    def has_counts(self) -> bool:
        """Whether a file of counts is named (an h5ad file may still be without)."""
        return self.counts is not None or self._holds_all

    @property
    def _holds_all(self) -> bool:
        """Whether positions, counts and the record lie in one AnnData."""
        return self.spots.suffix.lower() == ".h5ad" or self.spots.is_dir()

    def read(self) -> AnnData:
        """Read spots, counts and labels.

        Returns
        -------
        AnnData
            (N, G), raw counts as csr float32; (N, 0) without counts.
            ``obsm['spatial']`` is (x, y) in level-0 pixels; ``obs['label']`` is there
            where ``labels`` is given, missing (NaN) for spots without one;
            ``uns['stexp_spots']`` records section, patient, organ and technology, each
            absent where unknown. For the spots' order see `read_her2st` and
            `read_visium`.

        Raises
        ------
        SpotsError
            A file is missing, damaged or of another form, or files don't belong together.
        """
        adata = self._read_spots()
        record = adata.uns[RECORD]
        given = {
            "section": self.name,
            "patient": self.patient,
            "organ": self.organ,
            "technology": self.technology,
        }
        record.update({key: value for key, value in given.items() if value})
        if not self.patient and not self._holds_all:
            record.pop("patient", None)  # what the file's name seems to say is a guess
        if self.labels is not None:
            add_labels(adata, self.labels)
        return adata

    def _read_spots(self) -> AnnData:
        name = self.spots.name.lower()
        if name.endswith(".h5ad"):
            if self.counts is not None:
                raise SpotsError(
                    "an h5ad file holds its own counts",
                    path=self.spots,
                    found=f"counts {self.counts}",
                )
            return read_h5ad(self.spots, section=self.name)
        if is_spatialdata(self.spots):
            return read_spatialdata(self.spots, self.element or None, section=self.name)
        if is_visium_file(self.spots):
            return read_visium(
                self.spots,
                self.counts,
                section=self.name,
                patient=self.patient,
                technology=self.technology or None,
            )
        if name.endswith(SPOT_TABLE_ENDS) and has_her2st_columns(self.spots):
            return read_her2st(
                self.spots,
                self.counts,
                section=self.name,
                patient=self.patient,
                technology=self.technology or SPATIAL_TRANSCRIPTOMICS,
            )
        if name.endswith(TABLE_ENDS):
            return read_spot_table(
                self.spots,
                counts=self.counts,
                mpp=self.mpp,
                section=self.name,
                technology=self.technology,
            )
        raise SpotsError(
            "not a kind of spot file that is read",
            path=self.spots,
            expected=".h5ad, a table (.csv, .tsv, .parquet), or tissue_positions….csv",
            found=self.spots.suffix or "no suffix",
        )
