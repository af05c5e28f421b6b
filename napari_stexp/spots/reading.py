"""Read spots from whatever a path holds, and reference sections from several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.errors import SpotsError
from napari_stexp.spots.h5ad import read_h5ad
from napari_stexp.spots.her2st import find_her2st_sections, read_her2st
from napari_stexp.spots.record import RECORD, find_duplicates, spots_record

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["read_reference", "read_spots"]

_TABLE_ENDS = (".tsv", ".tsv.gz", ".txt", ".txt.gz")


def read_spots(
    path: str | Path, *, counts: str | Path | None = None, section: str | None = None
) -> AnnData:
    """Read spots.

    Parameters
    ----------
    path : path-like
        An ``.h5ad`` file with ``obsm['spatial']``; a HER2ST spot file
        (``<section>_selection.tsv``), joined with its counts; or a folder in the HER2ST
        layout.
    counts : path-like, optional
        The spot file's table of counts; by default where the HER2ST layout has it.
    section : str, optional
        Which section of a folder (not needed when it has only one); for a file, the
        section's name.

    Returns
    -------
    AnnData
        ``obsm['spatial']`` is (x, y) in level-0 pixels; see the package's docstring.

    Raises
    ------
    SpotsError
        Nothing there that can be read as spots.
    """
    path = Path(path)
    if path.is_dir():
        return _read_from_folder(path, counts, section)
    if not path.exists():
        raise SpotsError("there is no such file", path=path)
    name = path.name.lower()
    if name.endswith(".h5ad"):
        if counts is not None:
            raise SpotsError(
                "an h5ad file holds its own counts", path=path, found=f"counts {counts}"
            )
        return read_h5ad(path, section=section)
    if name.endswith(_TABLE_ENDS):
        return read_her2st(path, counts, section=section)
    raise SpotsError(
        "not a kind of spot file that is read",
        path=path,
        expected=".h5ad, or a HER2ST spot file (.tsv)",
        found=path.suffix or "no suffix",
    )


def _read_from_folder(folder: Path, counts: str | Path | None, section: str | None) -> AnnData:
    sections = find_her2st_sections(folder)
    if section is None and len(sections) == 1:
        section = next(iter(sections))
    if section not in sections:
        raise SpotsError(
            "which section?" if section is None else f"no section {section!r} here",
            path=folder,
            expected=f"one of {', '.join(sections)}",
            found=section,
        )
    chosen = sections[section]
    return read_her2st(
        chosen.spot_file,
        counts or chosen.counts,
        section=chosen.name,
        patient=chosen.patient,
    )


def read_reference(paths: Sequence[str | Path]) -> list[AnnData]:
    """Read the sections that a reference bank or a training set is made of.

    Parameters
    ----------
    paths : sequence of path-like
        Each a HER2ST folder (all its sections that have counts), ``FOLDER:C2,C3`` (these
        sections of it, in this order), a folder of ``.h5ad`` files (sorted by name), or
        one ``.h5ad`` file.

    Returns
    -------
    list of AnnData
        In the given order. ``uns['stexp_spots']['section']`` is always set (an h5ad
        file's name where it records none), ``['patient']`` where known.

    Raises
    ------
    SpotsError
        A path holds no sections, a section has no counts, or two have the same name.
    """
    sections = [adata for path in paths for adata in _read_sections(path)]
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


def _read_sections(path: str | Path) -> list[AnnData]:
    folder, names = _split_selection(str(path))
    if folder.is_file():
        return [_read_named_h5ad(folder)] if not names else _refuse_selection(folder)
    if not folder.is_dir():
        raise SpotsError("there is no such file or folder", path=folder)
    files = sorted(folder.glob("*.h5ad"))
    if files and not _has_her2st_layout(folder):
        chosen = {file.stem: file for file in files}
        return [_read_named_h5ad(chosen[name]) for name in _choose(chosen, names, folder)]
    sections = find_her2st_sections(folder)
    usable = [name for name, section in sections.items() if section.counts is not None]
    chosen_names = _choose(sections, names or usable, folder)
    return [_read_from_folder(folder, None, name) for name in chosen_names]


def _split_selection(text: str) -> tuple[Path, list[str]]:
    """Split ``FOLDER:C2,C3``; a path that exists is taken as it is (Windows drives)."""
    if Path(text).exists() or ":" not in text:
        return Path(text), []
    folder, _, names = text.rpartition(":")
    if not Path(folder).exists():
        return Path(text), []
    return Path(folder), [name.strip() for name in names.split(",") if name.strip()]


def _choose(known: dict, names: list[str], folder: Path) -> list[str]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SpotsError(
            f"no section {', '.join(unknown)} here",
            path=folder,
            expected=f"some of {', '.join(known)}",
        )
    return names or list(known)


def _has_her2st_layout(folder: Path) -> bool:
    return any((root / "ST-spotfiles").is_dir() for root in (folder, folder / "data"))


def _read_named_h5ad(path: Path) -> AnnData:
    adata = read_spots(path)
    adata.uns[RECORD].setdefault("section", path.stem)
    return adata


def _refuse_selection(path: Path) -> list[AnnData]:
    raise SpotsError("sections can be chosen from a folder only", path=path)
