"""Read spots from whatever a path holds, and reference sections from several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.errors import SpotsError
from napari_stexp.spots.columns_reading import read_spot_table
from napari_stexp.spots.columns_table import TABLE_ENDS
from napari_stexp.spots.columns_text import has_her2st_columns
from napari_stexp.spots.finding import find_sections, list_sections
from napari_stexp.spots.h5ad import read_h5ad
from napari_stexp.spots.her2st import read_her2st
from napari_stexp.spots.options import SpotOptions
from napari_stexp.spots.record import find_duplicates, spots_record
from napari_stexp.spots.source import SPOT_TABLE_ENDS, SectionSource
from napari_stexp.spots.spaceranger.layout import is_counts_file, is_visium_file
from napari_stexp.spots.spatialdata_reading import read_spatialdata
from napari_stexp.spots.spatialdata_store import is_spatialdata

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["is_free_table", "read_reference", "read_spots"]


def read_spots(
    path: str | Path,
    *,
    counts: str | Path | None = None,
    section: str | None = None,
    bins: str | int | None = None,
    options: SpotOptions | None = None,
    mpp: float | None = None,
) -> AnnData:
    """Read spots.

    Parameters
    ----------
    path : path-like
        An ``.h5ad`` file with ``obsm['spatial']``; a HER2ST spot file
        (``<section>_selection.tsv``) or Space Ranger's ``tissue_positions….csv``, joined
        with its counts; a table with any columns (text or Parquet, `read_spot_table`); a
        SpatialData store (`read_spatialdata`); or a folder in one of the layouts that
        `find_sections` knows.
    counts : path-like, optional
        The spot file's counts; by default where its layout has them.
    section : str, optional
        Which section of a folder, or which spots of a SpatialData store (not needed when
        it has only one); for a file, the section's name.
    bins : str or int, optional
        Which bins of a Visium HD folder, see `find_sections`.
    options : SpotOptions, optional
        Columns and units of a table, or the frame of a SpatialData store.
    mpp : float, optional
        The slide's µm per pixel, for tables with places in µm.

    Returns
    -------
    AnnData
        ``obsm['spatial']`` is (x, y) in level-0 pixels; see the package's docstring.

    Raises
    ------
    SpotsError
        Nothing there that can be read as spots.
    """
    path, options = Path(path), options or SpotOptions()
    if is_spatialdata(path):
        return read_spatialdata(path, section, frame=options.frame, section=path.stem)
    if path.is_dir():
        return _read_from_folder(path, counts, section, bins)
    if not path.exists():
        raise SpotsError("there is no such file", path=path)
    name = path.name.lower()
    if name.endswith(".h5ad"):
        if counts is not None:
            raise SpotsError(
                "an h5ad file holds its own counts", path=path, found=f"counts {counts}"
            )
        return read_h5ad(path, section=section)
    if is_free_table(path, options):
        return read_spot_table(
            path,
            options.columns,
            units=options.units,
            counts=counts,
            mpp=mpp,
            decimal=options.decimal,
            section=section,
        )
    if name.endswith(SPOT_TABLE_ENDS):
        return read_her2st(path, counts, section=section)
    if is_visium_file(path) or is_counts_file(path):
        (source,) = list_sections(path)
        return _read_one(source, counts, section)
    raise SpotsError(
        "not a kind of spot file that is read",
        path=path,
        expected=".h5ad, a table (.csv, .tsv, .parquet), or tissue_positions….csv",
        found=path.suffix or "no suffix",
    )


def is_free_table(path: Path, options: SpotOptions) -> bool:
    """Whether a file is a table whose columns the user picks: no layout knows it."""
    name = path.name.lower()
    if not name.endswith(TABLE_ENDS):
        return False
    if options.columns is not None:
        return True
    if is_visium_file(path) or is_counts_file(path):
        return False
    return not name.endswith(SPOT_TABLE_ENDS) or not has_her2st_columns(path)


def _read_from_folder(
    folder: Path,
    counts: str | Path | None,
    section: str | None,
    bins: str | int | None,
) -> AnnData:
    sources = {source.name: source for source in list_sections(folder, bins)}
    if section is None and len(sources) == 1:
        section = next(iter(sources))
    if section not in sources:
        raise SpotsError(
            "which section?" if section is None else f"no section {section!r} here",
            path=folder,
            expected=f"one of {', '.join(sources)}",
            found=section,
        )
    return _read_one(sources[section], counts, None)


def _read_one(source: SectionSource, counts: str | Path | None, name: str | None) -> AnnData:
    """Read a section's spots, with other counts or under another name, without labels."""
    return replace(
        source,
        name=name or source.name,
        counts=Path(counts) if counts else source.counts,
        labels=None,
    ).read()


def read_reference(paths: Sequence[str | Path]) -> list[AnnData]:
    """Read the sections that a reference bank or a training set is made of.

    Parameters
    ----------
    paths : sequence of path-like
        Each a folder of sections (all that have counts), ``FOLDER:C2,C3`` (these
        sections of it, in this order), one ``.h5ad`` file, or a list of sections
        (``.csv``, ``.tsv``): whatever `find_sections` finds.

    Returns
    -------
    list of AnnData
        In the given order. ``uns['stexp_spots']['section']`` is always set (an h5ad
        file's name where it records none), ``['patient']`` where known; ``obs['label']``
        where a pathologist's labels belong to the section.

    Raises
    ------
    SpotsError
        A path holds no sections, a section has no counts, or two have the same name.
    """
    sections = [source.read() for path in paths for source in find_sections(path)]
    if not sections:
        raise SpotsError("no reference sections were given", expected="at least one")
    for adata in sections:
        if adata.n_vars == 0:
            raise SpotsError(
                "a reference section needs measured counts",
                path=spots_record(adata).get("source"),
                found="spots only",
            )
    twice = find_duplicates([spots_record(adata)["section"] for adata in sections])
    if twice:
        raise SpotsError(
            "reference sections have the same name",
            expected="each name once",
            found=", ".join(twice[:5]),
            hint="A section given twice would count twice in every prediction.",
        )
    return sections
