"""Other names of genes: aliases, previous symbols and Ensembl ids, and the search in them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GeneNames", "common_meanings", "read_names"]

# How columns of `AnnData.var` are called by scanpy, Space Ranger, CELLxGENE and others.
_ID_COLUMNS = ("gene_ids", "gene_id", "ensembl", "ensembl_id", "ensembl_ids", "feature_id")
_SYMBOL_COLUMNS = (
    "symbol", "symbols", "gene_symbol", "gene_symbols", "gene_name", "gene_names",
    "feature_name", "hgnc_symbol",
)  # fmt: skip
_ALIAS_COLUMNS = ("alias", "aliases", "alias_symbol", "synonym", "synonyms")
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?", re.IGNORECASE)
_BETWEEN = re.compile(r"[;,|]")
_PUNCTUATION = str.maketrans("", "", " -/_.")

# Ranks of what is found, best first.
_SAME, _SAME_ALIAS, _BEGINS, _WITHIN = range(4)


def _fold(text: str) -> str:
    return text.strip().casefold()


def _squash(text: str) -> str:
    """Return a name as people type it: 'PD-L1' is 'pdl1'."""
    return _fold(text).translate(_PUNCTUATION)


class GeneNames:
    """Genes with their other names, ready to be searched as one types.

    Common names come from a table that is part of the package (HER2 for ERBB2, CD20 for
    MS4A1); a name may mean several genes, as CD3 does.

    Parameters
    ----------
    genes : sequence of str
        As the data call them.
    others : mapping of str to iterable of str, optional
        Other names of genes, by gene: symbols, Ensembl ids, aliases; see `read_names`.
    """

    def __init__(
        self, genes: Sequence[str], others: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self.genes = tuple(map(str, genes))
        self._names: dict[int, tuple[str, ...]] = {}
        self._rows_of: dict[str, list[int]] = {}  # by the folded other name
        row_of = {gene: row for row, gene in enumerate(self.genes)}
        folded = [gene.casefold() for gene in self.genes]
        self._folded = folded
        self._row_of_folded = {name: row for row, name in reversed(list(enumerate(folded)))}
        for gene, names in (others or {}).items():
            if (row := row_of.get(gene)) is not None:
                self._add(row, names)
        self._add_common()
        self._haystack = self._make_haystack()

    def _add(self, row: int, names: Iterable[str]) -> None:
        kept = dict.fromkeys(self._names.get(row, ()))
        own = self._folded[row]
        kept.update((name.strip(), None) for name in names if name.strip() and _fold(name) != own)
        self._names[row] = tuple(kept)
        for name in kept:
            rows = self._rows_of.setdefault(_squash(name), [])
            if row not in rows:
                rows.append(row)

    def _add_common(self) -> None:
        """Add the packaged names, to genes that go by their approved or a previous symbol."""
        for symbol, previous, aliases in _common_names():
            rows = self._rows_named(symbol) or [
                row for name in previous for row in self._rows_named(name)
            ]
            for row in rows:
                self._add(row, (symbol, *aliases, *previous))

    def _rows_named(self, symbol: str) -> list[int]:
        """Return the genes of a symbol, also where they are listed by Ensembl id."""
        row = self._row_of_folded.get(symbol.casefold())
        return list(self._rows_of.get(_squash(symbol), ())) if row is None else [row]

    def _make_haystack(self) -> list[str]:
        """Return one text per gene with all of its names, as they are looked for."""
        hay = [
            name if (squashed := name.translate(_PUNCTUATION)) == name else f"{name}\n{squashed}"
            for name in self._folded
        ]
        for row, names in self._names.items():
            hay[row] = "\n".join([hay[row], *map(_squash, names)])
        return hay

    # ---- searching -----------------------------------------------------------------------

    def search(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Find genes by a part of their name, of an alias or of an Ensembl id.

        Parameters
        ----------
        text : str
            Case doesn't matter; in other names spaces, dashes, dots and slashes don't either.

        Returns
        -------
        rows : (n,) int array
            Genes that match, in the order of `genes`; all of them for an empty text.
        ranks : (n,) int array
            0 where the text is the gene's name, 1 where it is another name of it, 2 where
            its name begins so, 3 elsewhere.
        """
        wanted = _fold(text)
        if not wanted:
            every = np.arange(len(self.genes), dtype=np.intp)
            return every, np.full(len(every), _WITHIN, dtype=np.intp)
        squashed = wanted.translate(_PUNCTUATION) or wanted
        hits = [row for row, hay in enumerate(self._haystack) if wanted in hay or squashed in hay]
        same = set(self._rows_of.get(squashed, ()))
        ranks = [self._rank(row, wanted, squashed, same) for row in hits]
        return np.array(hits, dtype=np.intp), np.array(ranks, dtype=np.intp)

    def _rank(self, row: int, wanted: str, squashed: str, same: set[int]) -> int:
        name = self._folded[row]
        if name == wanted:
            return _SAME
        if row in same:
            return _SAME_ALIAS
        return _BEGINS if name.startswith((wanted, squashed)) else _WITHIN

    def reason(self, row: int, text: str) -> str:
        """Return the other name by which a gene was found; '' where its own name matches."""
        wanted = _fold(text)
        squashed = wanted.translate(_PUNCTUATION) or wanted
        own = self._folded[row]
        if not wanted or wanted in own or squashed in own.translate(_PUNCTUATION):
            return ""
        names = self._names.get(row, ())
        found = [name for name in names if squashed in _squash(name)]
        return min(found, key=len, default="")

    # ---- asking --------------------------------------------------------------------------

    def others(self, row: int) -> tuple[str, ...]:
        """Return a gene's other names."""
        return self._names.get(row, ())

    def meanings(self, name: str) -> list[str]:
        """Return the genes that a name means: one of this very name, else all that go by it.

        Parameters
        ----------
        name : str
            A symbol, an alias or an Ensembl id, whatever its case.
        """
        row = self._row_of_folded.get(_fold(name))
        if row is not None:
            return [self.genes[row]]
        return [self.genes[row] for row in self._rows_of.get(_squash(name), ())]

    def find(self, name: str) -> str | None:
        """Return the gene that a name means, None where it means none or several."""
        found = self.meanings(name)
        return found[0] if len(found) == 1 else None


def read_names(*tables: pd.DataFrame | None) -> dict[str, list[str]]:
    """Collect other names of genes from tables indexed by gene, as `AnnData.var` is.

    Parameters
    ----------
    *tables : DataFrame or None
        Columns of Ensembl ids (``gene_ids``, ``ensembl`` …), symbols (``symbol``,
        ``feature_name`` …) and aliases (``aliases``, ``synonyms`` …, several in one cell
        between ';', ',' or '|') are read, the others are not.
    """
    found: dict[str, list[str]] = {}
    for table in tables:
        if table is None:
            continue
        for column in table.columns:
            kind = str(column).strip().casefold()
            if kind not in (*_ID_COLUMNS, *_SYMBOL_COLUMNS, *_ALIAS_COLUMNS):
                continue
            for gene, cell in zip(table.index, table[column], strict=True):
                if isinstance(cell, str) and (names := _split(cell, kind)):
                    found.setdefault(str(gene), []).extend(names)
    return found


def _split(cell: str, kind: str) -> list[str]:
    if kind in _ALIAS_COLUMNS:
        return [name for part in _BETWEEN.split(cell) if (name := part.strip())]
    if kind in _ID_COLUMNS and not _ENSEMBL.fullmatch(cell.strip()):
        return []
    return [cell.strip()] if cell.strip() else []


def common_meanings(name: str) -> list[str]:
    """Return the approved symbols that a common name means, whether or not any data have them.

    Parameters
    ----------
    name : str
        A symbol or another name of the packaged table, whatever its case and punctuation.
    """
    wanted = _squash(name)
    return [
        symbol
        for symbol, previous, aliases in _common_names()
        if wanted and wanted in map(_squash, (symbol, *previous, *aliases))
    ]


@cache
def _common_names() -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Return (approved symbol, previous symbols, aliases) of the packaged table."""
    text = resources.files("napari_stexp.gene").joinpath("aliases.tsv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t")
    return tuple((row["symbol"], _list(row["previous"]), _list(row["aliases"])) for row in rows)


def _list(cell: str) -> tuple[str, ...]:
    return tuple(name for part in cell.split(";") if (name := part.strip()))
