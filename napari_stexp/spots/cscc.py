"""Sections of cutaneous squamous cell carcinoma, GEO series GSE144240.

Ji et al., "Multimodal analysis of composition and spatial architecture in human squamous
cell carcinoma", Cell 2020: patients P2, P5, P9 and P10, three sections each. All files
lie in one folder::

    GSM4284316_P2_ST_rep1_stdata.tsv.gz                counts, spots by genes, rows 'XxY'
    GSM4284316_spot_data-selection-P2_ST_rep1.tsv.gz   x y new_x new_y pixel_x pixel_y ...
    GSM4284316_P2_ST_rep1.jpg.gz                       the image

They are often unpacked and renamed, so a file is told by the section's name and its
kind, as the loaders of HisToGene, Hist2ST and mclSTExp do it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from napari_stexp.errors import SpotsError

__all__ = ["CsccSection", "find_cscc_sections"]

_SECTION = re.compile(r"(?<![A-Za-z0-9])(P\d+)_ST_rep\d+(?!\d)")
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
_TABLE_SUFFIXES = (".tsv", ".txt")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CsccSection:
    """Files of one section."""

    name: str
    patient: str
    spot_file: Path
    counts: Path | None
    image: Path | None


def find_cscc_sections(folder: str | Path) -> dict[str, CsccSection]:
    """List the sections of a folder in the layout of GSE144240.

    Parameters
    ----------
    folder : path-like
        Holds the files, or holds the folders that hold them.

    Returns
    -------
    dict of str to CsccSection
        By name (``P2_ST_rep1``), in the order of patients; empty where the folder has
        another layout. Counts and image are None where they are missing. An image that
        is only there gzipped is given as it is: it has to be unpacked to be opened.

    Raises
    ------
    SpotsError
        A section has counts, but no spot file.
    """
    folder = Path(folder)
    folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    parts: dict[str, dict[str, Path]] = {}
    for path in (path for place in folders for path in sorted(place.iterdir())):
        match, kind = _SECTION.search(path.name), _kind(path)
        if match and kind:
            found = parts.setdefault(match[0], {})
            # Unpacked files before packed ones, names as published before longer ones.
            found[kind] = min(found.get(kind, path), path, key=_preference)
    sections = [_assemble(name, found) for name, found in parts.items() if _is_section(found)]
    sections.sort(key=lambda section: (int(section.patient[1:]), section.name))
    return {section.name: section for section in sections}


def _kind(path: Path) -> str | None:
    """Tell counts, spots and image apart by name; None for anything else."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(_TABLE_SUFFIXES):
        return "counts" if "stdata" in name else "spots" if "spot" in name else None
    return "image" if name.endswith(_IMAGE_SUFFIXES) else None


def _preference(path: Path) -> tuple[bool, int, str]:
    return path.suffix.lower() == ".gz", len(path.name), str(path)


def _is_section(found: dict[str, Path]) -> bool:
    return "counts" in found or "spots" in found


def _assemble(name: str, found: dict[str, Path]) -> CsccSection:
    if "spots" not in found:
        raise SpotsError(
            f"section {name} has no spot file",
            path=found["counts"].parent,
            expected=f"…spot_data-selection-{name}.tsv[.gz]",
            found=found["counts"].name,
        )
    image = found.get("image")
    if image is not None and image.suffix.lower() == ".gz":
        logger.warning("%s: unpack the image (gunzip) to use it", image)
    return CsccSection(
        name=name,
        patient=name.partition("_")[0],
        spot_file=found["spots"],
        counts=found.get("counts"),
        image=image,
    )
