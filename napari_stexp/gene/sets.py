"""Sets of genes: pasted, read from GMT files, and matched with the genes that are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_stexp.errors import GeneListError

__all__ = ["GeneMatch", "GeneSet", "match_genes", "parse_genes", "read_gmt"]

#: The whole of MSigDB is below 20 MB; keeps a wrong file from being read whole.
_LARGEST_FILE = 64 * 1024**2

_BETWEEN = re.compile(r"[\s,;|]+")
_AROUND = "\"'`()[]{}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


@dataclass(frozen=True)
class GeneSet:
    """A named set of genes.

    Attributes
    ----------
    name : str
        As it is shown; no gene has the same.
    genes : tuple of str
        Symbols, without repeats.
    source : str
        Where the list comes from: a publication, a file, 'pasted'.
    """

    name: str
    genes: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True)
class GeneMatch:
    """Which genes of a list are known, under their known names.

    Attributes
    ----------
    known : tuple of str
        Names as the known genes are written, in the list's order, without repeats.
    unknown : tuple of str
        Names as they were given.
    families : dict of str to tuple of str
        Names that stand for several genes (CD3), and the known ones that were taken for them.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]
    families: dict[str, tuple[str, ...]] = field(default_factory=dict)


def parse_genes(text: str) -> tuple[str, ...]:
    """Return the names in a pasted text, in order, without repeats.

    Parameters
    ----------
    text : str
        Names between spaces, lines, commas, semicolons or bars; quotes and brackets around
        them are dropped, Python's and R's.
    """
    text = text.strip().removeprefix("c(")
    names = (part.strip(_AROUND) for part in _BETWEEN.split(text))
    return tuple(dict.fromkeys(name for name in names if name))


def match_genes(
    genes: Iterable[str],
    known: Collection[str],
    find: Callable[[str], str | Sequence[str] | None] | None = None,
) -> GeneMatch:
    """Find the genes of a list among the known ones.

    Parameters
    ----------
    genes : iterable of str
        What is looked for: by the very name, else whatever its case.
    known : collection of str
        What there is.
    find : callable, optional
        Returns the known gene that another name means, all of them where it means several
        (they are taken, and listed as a family), or nothing.
    """
    exact = set(known)
    folded = {name.casefold(): name for name in reversed(list(known))}
    found: dict[str, None] = {}
    unknown: list[str] = []
    families: dict[str, tuple[str, ...]] = {}
    for gene in dict.fromkeys(genes):
        name: Any = gene if gene in exact else folded.get(gene.casefold())
        if name is None and find is not None:
            name = find(gene)
        names = (name,) if isinstance(name, str) else tuple(name or ())
        if not names:
            unknown.append(gene)
        if len(names) > 1:
            families[gene] = names
        found.update(dict.fromkeys(names))
    return GeneMatch(tuple(found), tuple(unknown), families)


def read_gmt(path: str | Path) -> list[GeneSet]:
    """Read gene sets from a GMT file, as MSigDB and Enrichr offer them.

    Parameters
    ----------
    path : path-like
        One set a line, fields separated by tabs: name, description, genes. What follows a
        comma after a gene is its weight and is dropped.

    Raises
    ------
    GeneListError
        The file is missing, too large, no text, or a line of it is no gene set.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise GeneListError(
                "too large for a file of gene sets",
                path=path,
                expected=f"at most {_LARGEST_FILE:,} bytes",
                found=f"{size:,} bytes",
            )
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise GeneListError("can't be read", path=path, found=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise GeneListError("is not UTF-8 text", path=path, found=str(error)) from error
    sets: dict[str, GeneSet] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found = _read_line(line, number, path)
            if found.name in sets:
                raise GeneListError(
                    f"{found.name!r} comes twice", path=path, found=f"line {number}"
                )
            sets[found.name] = found
    if not sets:
        raise GeneListError("holds no gene sets", path=path)
    return list(sets.values())


def _read_line(line: str, number: int, path: Path) -> GeneSet:
    name, *rest = (field.strip() for field in line.split("\t"))
    genes = dict.fromkeys(field.split(",")[0].strip() for field in rest[1:])
    genes.pop("", None)
    if not name or not genes:
        raise GeneListError(
            f"line {number} is no gene set",
            path=path,
            expected="name, description and genes, separated by tabs",
            found=repr(line[:60]),
        )
    about = rest[0] if rest[0].lower() not in ("", "na", "n/a") else ""
    return GeneSet(name, tuple(genes), f"{path.name}: {about}" if about else path.name)
