"""Gene lists: the names and the order of a model's outputs."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_stexp.errors import GeneListError
from napari_stexp.model.pickled_names import UnsafePickleError, read_pickled_names

__all__ = ["check_genes", "read_gene_list"]

#: No gene list of the field comes near it; keeps a wrong file from being read whole.
_LARGEST_FILE = 64 * 1024**2


def read_gene_list(path: str | Path) -> list[str]:
    """Read a gene list, in order.

    Parameters
    ----------
    path : path-like
        ``.npy`` (a one-dimensional array of text or of text objects), ``.txt``
        (one name a line), ``.csv`` or ``.tsv`` (the column ``gene``, else the
        first column; a header line is taken as one only where it names
        ``gene``), ``.json`` (a list of names), or ``.pkl`` (a list, tuple,
        object array or pandas Index of names). Object arrays and ``.pkl`` files
        are pickles: they are read opcode by opcode and never unpickled, see
        `napari_stexp.model.pickled_names`.

    Raises
    ------
    GeneListError
        The file is missing, of another kind, a pickle that holds anything
        besides names, empty, or holds a name twice.
    """
    path = Path(path)
    readers = {
        ".npy": _read_npy,
        ".txt": _read_lines,
        ".csv": _read_table,
        ".tsv": _read_table,
        ".json": _read_json,
        ".pkl": _read_pickle,
        ".pickle": _read_pickle,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise GeneListError(
            "not a kind of gene list that is read",
            path=path,
            expected=", ".join(readers),
            found=path.suffix or "no suffix",
        )
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise GeneListError(
                "too large for a gene list",
                path=path,
                expected=f"at most {_LARGEST_FILE:,} bytes",
                found=f"{path.stat().st_size:,} bytes",
            )
        genes = reader(path)
    except OSError as error:
        raise GeneListError("can't be read", path=path, found=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise GeneListError("is not UTF-8 text", path=path, found=str(error)) from error
    return check_genes(genes, path)


def check_genes(genes: Iterable[object], path: str | Path | None = None) -> list[str]:
    """Return ``genes`` as a list of names, or raise `GeneListError` saying what is wrong."""
    names = list(genes)
    if not names:
        raise GeneListError("the gene list is empty", path=path)
    bad = [name for name in names if not isinstance(name, str) or not name.strip()]
    if bad:
        raise GeneListError(
            "the gene list holds entries that are no names",
            path=path,
            expected="text that isn't empty",
            found=", ".join(repr(name) for name in bad[:5]),
        )
    clean = [str(name).strip() for name in names]
    twice = [name for name, times in Counter(clean).items() if times > 1]
    if twice:
        raise GeneListError(
            f"{len(twice)} gene(s) are listed more than once",
            path=path,
            found=", ".join(twice[:10]) + (" …" if len(twice) > 10 else ""),
            hint="Which output is meant would be unclear; make the names unique.",
        )
    return clean


def _read_npy(path: Path) -> list[str]:
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise GeneListError("is no NumPy file", path=path)
    try:
        # mmap: a header that promises more than the file holds fails without allocating.
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except ValueError as error:
        if "object" in str(error).lower() or "pickle" in str(error).lower():
            return _read_object_array(path)
        raise GeneListError("is a damaged NumPy file", path=path, found=error) from error
    except (EOFError, OverflowError, SyntaxError, TypeError, KeyError) as error:
        raise GeneListError("is a damaged NumPy file", path=path, found=error) from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "US":
        raise GeneListError(
            "is no list of names",
            path=path,
            expected="a one-dimensional array of text",
            found=f"shape {getattr(array, 'shape', '?')}, type {getattr(array, 'dtype', '?')}",
        )
    return [str(name) for name in np.asarray(array).astype(str)]


def _read_object_array(path: Path) -> list[str]:
    """Read an object array: NumPy's header, then a pickle."""
    content = path.read_bytes()
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(stream)
    except (ValueError, KeyError, SyntaxError, TypeError) as error:
        raise GeneListError("is a damaged NumPy file", path=path, found=error) from error
    if dtype != np.dtype(object) or len(shape) != 1:
        raise GeneListError(
            "is no list of names",
            path=path,
            expected="a one-dimensional array of text",
            found=f"shape {shape}, type {dtype}",
        )
    names = _names_in_pickle(content[stream.tell() :], path)
    if len(names) != shape[0]:
        raise GeneListError(
            "is a damaged NumPy file", path=path, expected=f"{shape[0]} names", found=len(names)
        )
    return names


def _read_pickle(path: Path) -> list[str]:
    return _names_in_pickle(path.read_bytes(), path)


def _names_in_pickle(data: bytes, path: Path) -> list[str]:
    try:
        return read_pickled_names(data)
    except UnsafePickleError as error:
        raise GeneListError(
            "is a pickle of more than names, which could run code when read, so it is refused",
            path=path,
            expected="a list, an object array or a pandas Index of text",
            found=error,
            hint="Where you trust its source, write the names to a text file, one a line.",
        ) from error


def _read_lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _read_table(path: Path) -> list[str]:
    import csv

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = [row for row in csv.reader(file, delimiter=delimiter) if any(row)]
        except csv.Error as error:
            raise GeneListError("is no table", path=path, found=error) from error
    if not rows:
        return []
    header = [cell.strip().lower() for cell in rows[0]]
    if "gene" not in header:
        return [row[0] for row in rows]
    column = header.index("gene")
    return [row[column] if column < len(row) else "" for row in rows[1:]]


def _read_json(path: Path) -> list[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise GeneListError("is no JSON", path=path, found=error) from error
    if not isinstance(content, list):
        raise GeneListError(
            "is no list of names",
            path=path,
            expected="a JSON list of text",
            found=type(content).__name__,
        )
    return content
