"""Which column of a table holds what: chosen by the user, or guessed from the names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple

from napari_stexp.errors import SpotsError

__all__ = ["ALL_OTHERS", "ROLES", "UNITS", "ColumnsGuess", "SpotColumns", "Units", "guess_columns"]

Units = Literal["px", "um"]
#: Level-0 pixels of the slide, or µm from its top left corner.
UNITS: tuple[Units, ...] = ("px", "um")
#: Stands for all columns of numbers that are nothing else.
ALL_OTHERS: Literal["*"] = "*"
#: What a column may be, besides a gene.
ROLES = ("x", "y", "id", "array_col", "array_row", "in_tissue", "label")


def _place_names(axis: str, line: str, numbers: str) -> tuple[str, ...]:
    """Return what a column of x or y may be called; ``line``: of a picture's pixels."""
    pixels = (
        f"pxl{line}infullres pixel{axis} {axis}pixel {axis}pixels px{axis} {axis}px image{line} "
        f"image{axis} {axis}fullres fullres{axis} {axis}infullres"
    )
    um = f"{axis}um um{axis} {axis}micron {axis}microns {axis}micrometer micron{axis}"
    either = (
        f"{axis}centroid centroid{axis} center{axis} {axis}center centre{axis} global{axis} "
        f"spatial{axis} {axis}spatial spatial{numbers[0]} spatial{numbers[1]} coord{axis} "
        f"{axis}coord {axis}coordinate pos{axis} {axis}pos {axis}position {axis}location loc{axis}"
    )
    return (*pixels.split(), *um.split(), *either.split(), axis)


# Names as `_plain` makes them, likeliest first.
_NAMES: dict[str, tuple[str, ...]] = {
    "x": _place_names("x", "col", "10"),
    "y": _place_names("y", "row", "21"),
    "id": (
        "barcode", "barcodes", "spotid", "spotname", "spotbarcode", "spot", "cellid", "cellname",
        "binid", "id", "name", "rownames", "unnamed0", "indexlevel0", "index", "noname",
    ),
    "array_col": ("arraycol", "arraycolumn", "arrayx", "col", "column", "spotcol"),
    "array_row": ("arrayrow", "arrayy", "row", "spotrow"),
    "in_tissue": ("intissue", "undertissue", "tissue", "selected", "covered"),
    "label": ("label", "labels", "annotation", "pathology", "class"),
}  # fmt: skip
#: Columns of numbers that are no genes, as scanpy, Seurat and others write them.
_NO_GENES = re.compile(
    r"^(n(count|feature)s?\w*|n?genes(bycounts)?|(log1p)?(n)?(total)?counts?\w*|n?umis?|nreads"
    r"|pct\w+|percent\w*|area|radius|diameter|size|width|height|quality|score|cluster|leiden|louvain"
    r"|(new|old|label|pixel|array|global|local|fov)[xy]|[xyz]|z\w*|fov|umap\w*|tsne\w*|pca?\d+"
    r"|noname|rownames|unnamed\d*|indexlevel\d+|confidence|row|col|index|id|tissue|selected|intissue)$"
)
_LEAST_GENES = 3  # columns of numbers, below which none is taken for genes


class ColumnsGuess(NamedTuple):
    """What the names of a table's columns suggest.

    Attributes
    ----------
    columns : SpotColumns
        '' for x or y where no name fits.
    units : 'px', 'um' or ''
        '' where the names don't say it.
    """

    columns: SpotColumns
    units: Units | Literal[""]

    @property
    def complete(self) -> bool:
        """Whether nothing needs to be asked."""
        return bool(self.columns.x and self.columns.y and self.units)


@dataclass(frozen=True)
class SpotColumns:
    """Names of a table's columns.

    Attributes
    ----------
    x, y : str
        Centres of the spots.
    id : str
        Barcodes; without it spots are called by their array position, else by their row.
    array_col, array_row : str
        Position on the array, whole numbers.
    in_tissue : str
        Spots with 0 (or false, no) are left out.
    label : str
        A pathologist's label.
    genes : tuple of str or '*'
        Columns of counts; '*': all columns of numbers that are nothing else.
    """

    x: str = ""
    y: str = ""
    id: str = ""
    array_col: str = ""
    array_row: str = ""
    in_tissue: str = ""
    label: str = ""
    genes: tuple[str, ...] | Literal["*"] = ()

    @classmethod
    def parse(cls, text: str) -> SpotColumns:
        """Read ``x=NAME,y=NAME,id=NAME,genes=*`` (or ``genes=ERBB2+KRT5``).

        Names may hold commas and equals signs, as long as no role follows the comma.

        Raises
        ------
        SpotsError
            No such form, an unknown role, or one given twice.
        """
        roles = [one.name for one in fields(cls)]
        parts = re.split(rf"(?:^|,)\s*({'|'.join(roles)})\s*=", text)
        names, values = parts[1::2], [value.strip() for value in parts[2::2]]
        if parts[0].strip() or not names or len(set(names)) < len(names):
            raise SpotsError(
                "the columns can't be read from this",
                expected=f"x=NAME,y=NAME and any of {', '.join(roles[2:])}, each once",
                found=repr(text),
            )
        return cls.of(dict(zip(names, values, strict=True)))

    @classmethod
    def of(cls, columns: SpotColumns | Mapping[str, Any] | str) -> SpotColumns:
        """Take columns in any form in which they can be given.

        Raises
        ------
        SpotsError
            Text that `parse` can't read, or a role that there isn't.
        """
        if isinstance(columns, SpotColumns):
            return columns
        if isinstance(columns, str):
            return cls.parse(columns)
        roles = [one.name for one in fields(cls)]
        unknown = [role for role in columns if role not in roles]
        if unknown:
            raise SpotsError(
                "a column can't be this",
                expected=f"some of {', '.join(roles)}",
                found=", ".join(map(str, unknown)),
            )
        values = {role: name or "" for role, name in columns.items()}
        genes = values.pop("genes", ())
        if genes == ALL_OTHERS:
            return cls(**values, genes=ALL_OTHERS)
        names = genes.split("+") if isinstance(genes, str) else genes
        return cls(**values, genes=tuple(name for name in names if name))

    @property
    def chosen(self) -> dict[str, str]:
        """Role and name of each column that is no gene."""
        return {role: name for role in ROLES if (name := getattr(self, role))}

    def gene_names(self, names: Sequence[str], numeric: Sequence[bool]) -> list[str]:
        """Return the columns of counts among a table's columns.

        Parameters
        ----------
        names, numeric
            As of `guess_columns`.
        """
        if self.genes != ALL_OTHERS:
            return list(self.genes)
        taken = set(self.chosen.values())
        return [
            name
            for name, number in zip(names, numeric, strict=True)
            if number and name not in taken and not _NO_GENES.match(_plain(name))
        ]


def guess_columns(names: Sequence[str], numeric: Sequence[bool]) -> ColumnsGuess:
    """Guess from the names which column is what.

    Where there are several pairs of places, pixels of the full image go first: of ``x y
    pixel_x pixel_y`` the latter are places, the former positions on the array.

    Parameters
    ----------
    names : sequence of str
        The table's columns.
    numeric : sequence of bool
        Which of them hold numbers.

    Returns
    -------
    ColumnsGuess
        Empty texts for what no name suggests. Genes are '*' where at least three columns
        of numbers are left that have no usual other meaning.
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    numbers = {name for name, number in zip(names, numeric, strict=True) if number}
    found: dict[str, str] = {}
    for role in ("in_tissue", "array_col", "array_row", "id", "label"):
        _take(role, plain, found, None if role in ("id", "label") else numbers | _booleans(names))
    _take_places(plain, found, numbers)
    if "array_col" not in found and {"x", "y"} <= plain.keys():
        both = plain["x"], plain["y"]
        if not set(both) & set(found.values()) and set(both) <= numbers:
            found["array_col"], found["array_row"] = both
    for one, other in (("array_col", "array_row"), ("array_row", "array_col")):
        if one not in found:
            found.pop(other, None)
    columns = SpotColumns.of(found)
    genes = replace(columns, genes=ALL_OTHERS).gene_names(names, numeric)
    if columns.x and len(genes) >= _LEAST_GENES:
        columns = replace(columns, genes=ALL_OTHERS)
    return ColumnsGuess(columns, _guess_units(columns))


def _booleans(names: Sequence[str]) -> set[str]:
    """Return columns that may hold TRUE and FALSE instead of numbers."""
    return {name for name in names if _plain(name) in _NAMES["in_tissue"]}


def _take(role: str, plain: dict[str, str], found: dict[str, str], among: set[str] | None) -> None:
    for candidate in _NAMES[role]:
        name = plain.get(candidate)
        if name is not None and name not in found.values() and (among is None or name in among):
            found[role] = name
            return


def _take_places(plain: dict[str, str], found: dict[str, str], numbers: set[str]) -> None:
    """Take the likeliest pair of names for x and y."""
    for x, y in zip(_NAMES["x"], _NAMES["y"], strict=True):
        both = plain.get(x), plain.get(y)
        if None not in both and set(both) <= numbers and not set(both) & set(found.values()):
            found["x"], found["y"] = both  # type: ignore[assignment]  # neither is None
            return


def _guess_units(columns: SpotColumns) -> Units | Literal[""]:
    text = _plain(columns.x) + _plain(columns.y)
    words = re.split(r"[^a-zµμ]+", f"{columns.x} {columns.y}".lower())
    if "micron" in text or "micromet" in text or {"um", "µm", "μm"} & set(words):
        return "um"
    if "pixel" in text or "fullres" in text or "imagecol" in text or {"px", "pxl"} & set(words):
        return "px"
    return ""


def _plain(name: str) -> str:
    """Return a name without signs and case: 'pxl_col_in_fullres' as 'pxlcolinfullres'."""
    return re.sub(r"[^a-z0-9]+", "", name.lower().replace("µ", "u").replace("μ", "u"))
