"""Find the sections of Space Ranger's folders, at whatever depth of a run one begins."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from napari_stexp.errors import SpotsError
from napari_stexp.spots.spaceranger.bins import CELLS, choose_bins, square_um
from napari_stexp.spots.spaceranger.files import (
    find_cell_counts,
    find_counts,
    is_cells_file,
    is_counts_file,
    is_positions_file,
    is_visium_file,
)
from napari_stexp.spots.spaceranger.images import find_image

__all__ = [
    "VisiumSection",
    "find_visium_section",
    "find_visium_sections",
    "is_cells_file",
    "is_counts_file",
    "is_positions_file",
    "is_visium_file",
    "list_bins",
    "run_folder",
    "section_of_file",
]

_POSITIONS = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
_POSITIONS_FILE = re.compile(r"(.*?)(tissue_positions(?:_list)?\.(?:csv|parquet))(?:\.gz)?")
#: The first has the clusters beside the same outlines.
_CELLS_FILES = ("graphclust_annotated_cell_segmentations.geojson", "cell_segmentations.geojson")
_BINNED, _SEGMENTED = "binned_outputs", "segmented_outputs"


@dataclass(frozen=True)
class VisiumSection:
    """Files of one section.

    Attributes
    ----------
    name : str
    positions : Path
        Where the spots are; of cells their outlines.
    counts, image : Path or None
    bins : str
        '2', '8', '16' … (µm) or 'cells' of Visium HD, empty for Visium.
    choices : tuple of str
        The bins that the run has.
    """

    name: str
    positions: Path
    counts: Path | None
    image: Path | None
    bins: str = ""
    choices: tuple[str, ...] = ()


def find_visium_section(folder: str | Path, bins: str | int | None = None) -> VisiumSection | None:
    """Find the files of one section; see `find_visium_sections`.

    Returns
    -------
    VisiumSection or None
        None where the folder is none of Space Ranger's. Of several, the first.
    """
    found = find_visium_sections(folder, bins)
    return found[0] if found else None


def find_visium_sections(folder: str | Path, bins: str | int | None = None) -> list[VisiumSection]:
    """Find the files of the sections that are in a folder (not below it).

    Parameters
    ----------
    folder : path-like
        Of a run, its ``outs``, or any folder or file inside those: ``spatial``,
        ``binned_outputs``, ``square_016um``, ``segmented_outputs`` …; or one that holds
        sections side by side whose files have different prefixes.
    bins : str or int, optional
        Of Visium HD, see `choose_bins`. Default: those that ``folder`` is of.

    Returns
    -------
    list of VisiumSection
        Named after the run's folder; several in one folder after their prefixes. Counts
        are None where they are missing; the image is None where none, or no certain
        one, is there.

    Raises
    ------
    SpotsError
        There is ``spatial/``, but no file of positions; the run hasn't got such bins.
    """
    place, inside = _climb(Path(folder))
    for root in (place, place / "outs"):
        if not root.is_dir():
            continue
        available = _find_bins(root)
        if available:
            chosen = choose_bins(available, bins or inside, place)
            return [_make_hd(root, available, chosen)]
        found = _find_plain(root)
        if found:
            return found
    return []


def section_of_file(path: Path) -> VisiumSection | None:
    """Return the section that a file of positions, cells or counts belongs to, with this file."""
    sections = find_visium_sections(path)
    for section in sections:
        if path.absolute() in (section.positions.absolute(), _absolute(section.counts)):
            return section
    if len(sections) != 1:
        return None
    if is_visium_file(path):
        return replace(sections[0], positions=path)
    return replace(sections[0], counts=path)


def run_folder(path: str | Path) -> Path:
    """Return the folder of the run to which a file or folder of Space Ranger's belongs."""
    return _outer(_climb(Path(path))[0])


def list_bins(path: str | Path) -> tuple[str, ...]:
    """Return the bins that the run has to which a file or folder belongs; () for no HD run."""
    place, _ = _climb(Path(path))
    for root in (place, place / "outs"):
        found = _find_bins(root) if root.is_dir() else {}
        if found:
            return tuple(found)
    return ()


def _climb(path: Path) -> tuple[Path, str | None]:
    """Return the folder that holds a section's folders, and the bins that were come from."""
    here, bins = path, None
    if is_visium_file(here) or is_counts_file(here):
        here = here.absolute().parent
    while True:
        full = here.absolute()
        um = square_um(full.name)
        if um is not None:
            bins = bins or str(um)
        elif full.name.endswith(_SEGMENTED):
            bins = bins or CELLS
        elif not (full.name.endswith(_BINNED) or _is_spatial(full) or is_counts_file(full)):
            return here, bins
        if full.parent == full:
            return here, bins
        here = full.parent


def _is_spatial(folder: Path) -> bool:
    """Whether this is ``spatial`` or ``A_spatial`` of a section, not a section's own folder."""
    if folder.name == "spatial":
        return True
    return folder.name.endswith("_spatial") and find_counts(folder, "", alone=True) is None


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


# ---- Visium HD ---------------------------------------------------------------------------


def _find_bins(root: Path) -> dict[str, Path]:
    """Return the folder of each choice of bins, narrow ones first, cells last."""
    found: dict[int, Path] = {}
    for place in (root / _BINNED, *sorted(root.glob(f"*_{_BINNED}")), root):
        for folder in sorted(place.glob("*square_*um")) if place.is_dir() else ():
            um = square_um(folder.name)
            if um is not None and folder.is_dir():
                found.setdefault(um, folder)
    named = {str(um): found[um] for um in sorted(found)}
    for place in (root / _SEGMENTED, *sorted(root.glob(f"*_{_SEGMENTED}"))):
        if place.is_dir() and _find_cells(place) is not None:
            named.setdefault(CELLS, place)
    return named


def _find_cells(folder: Path) -> Path | None:
    for name in _CELLS_FILES:
        found = _first(folder, name)
        if found is not None:
            return found
    return None


def _make_hd(root: Path, available: dict[str, Path], bins: str) -> VisiumSection:
    folder = available[bins]
    if bins == CELLS:
        positions = _find_cells(folder)
        counts = find_cell_counts(folder)
    else:
        positions = next(iter(_group_positions(folder).values()), None)
        counts = find_counts(folder, "", alone=True)
    if positions is None:
        raise _no_positions(folder / "spatial" if (folder / "spatial").is_dir() else folder)
    outer = _outer(root)
    image = find_image(root, outer)
    return VisiumSection(outer.absolute().name, positions, counts, image, bins, tuple(available))


# ---- Visium ------------------------------------------------------------------------------


def _find_plain(root: Path) -> list[VisiumSection]:
    groups, outer = _group_positions(root), _outer(root)
    alone = len(groups) == 1
    return [
        VisiumSection(
            name=outer.absolute().name if alone else stem or outer.absolute().name,
            positions=positions,
            counts=find_counts(root, stem, alone=alone),
            image=find_image(root, outer, "" if alone else stem, tuple(groups)),
        )
        for stem, positions in groups.items()
    ]


def _group_positions(root: Path) -> dict[str, Path]:
    """Return the best file of positions of each section, by its files' prefix."""
    spatial = [root / "spatial"] if (root / "spatial").is_dir() else []
    beside = [place for place in sorted(root.glob("*_spatial")) if place.is_dir()]
    for places in (spatial, beside, [root]):
        found: dict[str, tuple[int, Path]] = {}
        for place in places:
            for path in sorted(place.iterdir()):
                match = _POSITIONS_FILE.fullmatch(path.name)
                if match is None:
                    continue
                stem = match[1] if place in (root, *spatial) else place.name[: -len("spatial")]
                rank = _POSITIONS.index(match[2])
                key = stem.rstrip("_-. ")
                if key not in found or rank < found[key][0]:
                    found[key] = (rank, path)
        if found:
            return {stem: path for stem, (_, path) in sorted(found.items())}
    for place in (*spatial, *beside):
        raise _no_positions(place)
    return {}


def _no_positions(folder: Path) -> SpotsError:
    return SpotsError(
        "the folder holds no positions of spots",
        path=folder,
        expected=" or ".join(_POSITIONS),
        found=", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "nothing",
    )


def _first(folder: Path, name: str) -> Path | None:
    found = [folder / name, *sorted(folder.glob(f"*{name}"))]
    return next((path for path in found if path.is_file()), None)


def _outer(root: Path) -> Path:
    """Return the run's folder."""
    return root.absolute().parent if root.absolute().name == "outs" else root
