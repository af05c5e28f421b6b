"""Find the sections that a path holds, whatever their layout."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from napari_stexp.errors import SpotsError
from napari_stexp.spots.cscc import find_cscc_sections
from napari_stexp.spots.h5ad import peek_record
from napari_stexp.spots.her2st import Her2stSection, find_her2st_sections, section_of
from napari_stexp.spots.hest import find_hest_sample, find_hest_samples, read_hest_record
from napari_stexp.spots.record import refuse_duplicates
from napari_stexp.spots.section_manifest import read_section_manifest
from napari_stexp.spots.source import SectionSource
from napari_stexp.spots.spaceranger.layout import (
    VisiumSection,
    find_visium_sections,
    is_counts_file,
    is_visium_file,
    section_of_file,
)
from napari_stexp.spots.spatialdata_store import is_spatialdata, look_at_store
from napari_stexp.spots.technology import (
    SPATIAL_TRANSCRIPTOMICS,
    UNSTATED_ARRAY,
    VISIUM,
    VISIUM_HD,
)

__all__ = ["find_sections", "list_sections"]

_IMAGE_SUFFIXES = (".ome.tif", ".tif", ".tiff", ".svs", ".jpg", ".jpeg", ".png")
_SPOT_FILE_ENDS = ("_selection.tsv", "_selection.tsv.gz")

logger = logging.getLogger(__name__)


def find_sections(path: str | Path, bins: str | int | None = None) -> list[SectionSource]:
    """Find the measured sections that a path holds.

    Parameters
    ----------
    path : path-like
        One of

        - a HER2ST folder (``[data/]ST-spotfiles``, ``ST-cnts``, ``ST-imgs``, ``ST-pat``);
        - a folder with the files of GSE144240 (cSCC);
        - Space Ranger's output folder, any folder in it, or a folder of them, one or two
          levels deep; also files of several sections side by side, told by their prefixes;
        - a folder of ``.h5ad`` files, or one such file; an image beside it with the
          same name is its slide;
        - HEST's folder (``st/``, ``wsis/``, ``metadata/``);
        - a SpatialData store, or a folder of them (``.zarr``);
        - a list of sections (``.csv``, ``.tsv``), see `read_section_manifest`;
        - one HER2ST spot file, one ``tissue_positions….csv`` or ``.parquet``, one
          ``…cell_segmentations.geojson``, or one of Space Ranger's ``….h5``.

        ``FOLDER:C2,C3`` (or ``LIST.csv:C2,C3``) chooses sections, in this order.
    bins : str or int, optional
        Which bins of Visium HD: their width in µm (2, 8, 16), or 'cells'. Default: those
        whose folder ``path`` is; of a whole run 8 µm.

    Returns
    -------
    list of SectionSource
        In the order given; else sorted by name (cSCC: by patient), or as in the list.
        Sections without counts are left out unless they are chosen by name. The patient
        is HER2ST's letter, cSCC's ``P2`` and so on, Visium's folder name, what an h5ad
        file records, or what the list says; empty where unknown.

    Raises
    ------
    SpotsError
        Nothing there; a layout that isn't read; a section that isn't there; two of the
        same name; no section that has counts.
    """
    place, names = _split_selection(str(path))
    if names and place.suffix.lower() == ".h5ad" and place.is_file():
        raise SpotsError("sections can be chosen from a folder only", path=place)
    sources = list_sections(place, bins)
    if names:
        return _choose(sources, names, place)
    measured = [source for source in sources if source.has_counts]
    if not measured:
        raise SpotsError(
            "no section here has counts",
            path=place,
            expected="measured sections",
            found=f"{len(sources)} with spots only, such as {sources[0].spots}",
        )
    if len(measured) < len(sources):
        without = [source.name for source in sources if not source.has_counts]
        logger.info("%s: sections without counts are left out: %s", place, ", ".join(without))
    return measured


def list_sections(path: Path, bins: str | int | None = None) -> list[SectionSource]:
    """List all sections of a path, also those without counts.

    Raises
    ------
    SpotsError
        See `find_sections`.
    """
    if is_spatialdata(path):
        sources = _from_store(path)
    elif path.is_dir():
        sources = _in_folder(path, bins)
    elif path.is_file():
        sources = _in_file(path)
    else:
        raise SpotsError("there is no such file or folder", path=path)
    refuse_duplicates([source.name for source in sources], "sections", path)
    return sources


def _in_file(path: Path) -> list[SectionSource]:
    name = path.name.lower()
    if name.endswith(".h5ad"):
        return [_from_h5ad(path)]
    if name.endswith(_SPOT_FILE_ENDS):
        return [_from_her2st(section_of(path))]
    if is_visium_file(path) or is_counts_file(path):
        section = section_of_file(path)
        if section is not None:
            return [_from_visium(section)]
    if name.endswith((".csv", ".tsv")):
        return read_section_manifest(path)
    raise SpotsError(
        "not a kind of file that sections are read from",
        path=path,
        expected=".h5ad, a list of sections (.csv, .tsv), or a spot file",
        found=path.suffix or "no suffix",
    )


def _in_folder(folder: Path, bins: str | int | None) -> list[SectionSource]:
    if any((root / "ST-spotfiles").is_dir() for root in (folder, folder / "data")):
        return [_from_her2st(section) for section in find_her2st_sections(folder).values()]
    visium = find_visium_sections(folder, bins)
    if visium:
        return [_from_visium(section) for section in visium]
    tables = _tables_in(folder)
    if tables:
        return tables
    cscc = find_cscc_sections(folder)
    if cscc:
        return [
            SectionSource(
                section.name,
                section.patient,
                organ="skin",
                technology=UNSTATED_ARRAY,
                slide=section.image,
                spots=section.spot_file,
                counts=section.counts,
            )
            for section in cscc.values()
        ]
    found = list(_visium_below(folder, bins, levels=2))
    if found:
        return [_from_visium(section) for section in sorted(found, key=lambda s: s.name)]
    entries = sorted(entry.name for entry in folder.iterdir())
    raise SpotsError(
        "no sections here",
        path=folder,
        expected="a HER2ST folder ([data/]ST-spotfiles), Space Ranger folders (spatial/), the "
        "files of GSE144240 (…_stdata.tsv), .h5ad files, or SpatialData stores (.zarr)",
        found=", ".join(entries[:5]) + (" …" if len(entries) > 5 else "") or "an empty folder",
        hint="Other layouts can be given as a list of sections (.csv).",
    )


def _visium_below(folder: Path, bins: str | int | None, levels: int) -> Iterable[VisiumSection]:
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        sections = find_visium_sections(inner, bins)
        yield from sections
        if not sections and levels > 1:
            yield from _visium_below(inner, bins, levels - 1)


def _from_her2st(section: Her2stSection) -> SectionSource:
    return SectionSource(
        section.name,
        section.patient,
        organ="breast",
        technology=SPATIAL_TRANSCRIPTOMICS,
        slide=section.image,
        spots=section.spot_file,
        counts=section.counts,
        labels=section.labels,
    )


def _from_visium(section: VisiumSection) -> SectionSource:
    return SectionSource(
        section.name,
        section.name,
        technology=VISIUM_HD if section.bins else VISIUM,
        slide=section.image,
        spots=section.positions,
        counts=section.counts,
    )


def _from_h5ad(path: Path) -> SectionSource:
    record = peek_record(path)
    sample = find_hest_sample(path)
    if sample is not None:
        record = read_hest_record(sample) | record
    images = (path.with_name(path.stem + suffix) for suffix in _IMAGE_SUFFIXES)
    beside = next((image for image in images if image.is_file()), None)
    return SectionSource(
        record.get("section") or path.stem,
        record.get("patient", ""),
        organ=record.get("organ", ""),
        technology=record.get("technology", ""),
        slide=sample.slide if sample is not None and sample.slide is not None else beside,
        spots=path,
    )


def _tables_in(folder: Path) -> list[SectionSource]:
    """Return the sections of h5ad files (HEST's, or any) or of SpatialData stores."""
    samples = find_hest_samples(folder)
    files = [sample.spots for sample in samples] or sorted(folder.glob("*.h5ad"))
    if files:
        return [_from_h5ad(file) for file in files]
    stores = [store for store in sorted(folder.glob("*.zarr")) if is_spatialdata(store)]
    return [source for store in stores for source in _from_store(store)]


def _from_store(path: Path) -> list[SectionSource]:
    """Return the spots of a SpatialData store; a single one is called by the store's name."""
    content = look_at_store(path)
    slide = content.slide.path if content.slide is not None else None
    names = content.names
    return [
        SectionSource(
            path.stem if len(names) == 1 else name, "", slide=slide, spots=path, element=name
        )
        for name in names
    ]


def _split_selection(text: str) -> tuple[Path, list[str]]:
    """Split ``FOLDER:C2,C3``; a path that exists is taken as it is (Windows drives)."""
    if Path(text).exists() or ":" not in text:
        return Path(text), []
    folder, _, names = text.rpartition(":")
    if not Path(folder).exists():
        return Path(text), []
    return Path(folder), [name.strip() for name in names.split(",") if name.strip()]


def _choose(sources: list[SectionSource], names: list[str], place: Path) -> list[SectionSource]:
    """Return the sections of these names; an h5ad file may also be called by its own."""
    known = {s.spots.stem: s for s in sources if s.spots.suffix.lower() == ".h5ad"}
    known |= {source.name: source for source in sources}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SpotsError(
            f"no section {', '.join(unknown)} here",
            path=place,
            expected=f"some of {', '.join(known)}",
        )
    refuse_duplicates(names, "sections", place)
    return [known[name] for name in names]
