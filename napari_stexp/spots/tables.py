"""Parse a wide table of counts (spots by genes, tab-separated, plain or gzipped).

pandas builds a column object per gene, which is slow for tables that are 184 rows
tall and 15,000 columns wide. The body is parsed here as one long column by pyarrow,
which takes a quarter of the time.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import refuse_duplicates

__all__ = ["CountTable", "read_count_table", "read_text"]

_GZIP_MAGIC = b"\x1f\x8b"
_CELLS_PER_BLOCK = 8_000_000  # keeps the dense intermediate under about 100 MB


@dataclass(frozen=True)
class CountTable:
    """Counts as they are in a file.

    Attributes
    ----------
    rows : list of str, N
        Row names, in the file's order.
    genes : list of str, G
        Column names, in the file's order, unique.
    counts : csr_matrix, float32, (N, G)
        Finite, not negative.
    gene_ids : list of str
        Ids of the columns, of Ensembl mostly; empty where the file has none.
    """

    rows: list[str]
    genes: list[str]
    counts: Any
    gene_ids: list[str] = field(default_factory=list)


def read_text(path: Path) -> bytes:
    """Return a file's content, gunzipped if it is gzipped (whatever its name says).

    Raises
    ------
    SpotsError
        The file is missing, can't be read, or is a damaged gzip file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpotsError("the table can't be read", path=path, found=error.strerror) from error
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise SpotsError(
            "the gzip file is damaged or cut off",
            path=path,
            found=str(error),
            hint="Download or copy it again.",
        ) from error


def read_count_table(path: str | Path) -> CountTable:
    """Read counts: first column the spots' names, first line the genes' names.

    Parameters
    ----------
    path : path-like
        Tab-separated text, plain or gzipped. The header may or may not have a cell
        above the row names; names may be quoted.

    Raises
    ------
    SpotsError
        No spots or genes; a line with another number of cells; a cell that isn't a
        number, is negative or not finite; a gene or spot named twice.
    """
    from scipy.sparse import csr_matrix, vstack

    path = Path(path)
    lines = _split_lines(read_text(path), path)
    genes, body = _read_header(lines, path)
    rows, texts = _split_names(body, len(genes), path)
    refuse_duplicates(rows, "spots (row names)", path)
    refuse_duplicates(genes, "genes (column names)", path)
    step = max(1, _CELLS_PER_BLOCK // len(genes))
    blocks = []
    for start in range(0, len(rows), step):
        block = _parse_block(texts[start : start + step], path, rows[start:], genes)
        blocks.append(csr_matrix(block))
    return CountTable(rows, genes, vstack(blocks, format="csr", dtype=np.float32))


def _split_lines(data: bytes, path: Path) -> list[bytes]:
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    if not lines:
        raise SpotsError("the table is empty", path=path, expected="a header and rows of counts")
    return lines


def _read_header(lines: list[bytes], path: Path) -> tuple[list[str], list[bytes]]:
    """Return the genes and the lines below the header."""
    header = [_decode(cell, path) for cell in lines[0].split(b"\t")]
    if len(lines) == 1:
        raise SpotsError("the table has no spots", path=path, expected="a row of counts per spot")
    # R writes no cell above the row names, Python an empty or a named one.
    n_cells = lines[1].count(b"\t") + 1
    genes = header if len(header) == n_cells - 1 else header[1:]
    if not genes or n_cells == 1:
        raise SpotsError(
            "the table has no genes",
            path=path,
            expected="tab-separated columns, one per gene",
            found=f"{n_cells} column",
        )
    return genes, lines[1:]


def _split_names(body: list[bytes], n_genes: int, path: Path) -> tuple[list[str], list[bytes]]:
    """Return the rows' names and the rest of each line, which must hold ``n_genes`` cells."""
    rows, texts = [], []
    for number, line in enumerate(body, start=2):
        name, _, text = line.partition(b"\t")
        n_cells = text.count(b"\t") + 1
        if n_cells != n_genes:
            raise SpotsError(
                f"line {number} of the table has another length than its header",
                path=path,
                expected=f"{n_genes} counts",
                found=n_cells,
                hint="The file may be cut off.",
            )
        rows.append(_decode(name, path))
        texts.append(text)
    return rows, texts


def _decode(cell: bytes, path: Path) -> str:
    try:
        return cell.decode("utf-8").strip().strip('"')
    except UnicodeDecodeError as error:
        raise SpotsError(
            "the file is not a text table", path=path, expected="UTF-8 text", found=cell[:20]
        ) from error


def _parse_block(
    texts: list[bytes], path: Path, rows: list[str], genes: list[str]
) -> NDArray[np.float32]:
    """Parse lines of numbers to (n, G); a bad cell is named by its row and column."""
    import pyarrow as pa
    from pyarrow import csv

    column = b"\n".join(texts).replace(b"\t", b"\n")
    try:
        table = csv.read_csv(
            pa.BufferReader(column),
            read_options=csv.ReadOptions(column_names=["count"], block_size=1 << 24),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={"count": pa.float32()}, null_values=[]
            ),
        )
        values = table["count"].to_numpy().reshape(len(texts), len(genes))
    except (pa.ArrowInvalid, ValueError) as error:
        raise _bad_cell(_find_bad_text(column), column, path, rows, genes) from error
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise _bad_cell(int(np.argmax(bad)), column, path, rows, genes)
    return values


_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def _find_bad_text(column: bytes) -> int:
    """Return the index of the first cell that isn't a number."""
    cells: Iterator[bytes] = iter(column.split(b"\n"))
    return next((i for i, cell in enumerate(cells) if not _NUMBER.fullmatch(cell)), 0)


def _bad_cell(
    index: int, column: bytes, path: Path, rows: list[str], genes: list[str]
) -> SpotsError:
    row, col = divmod(index, len(genes))
    text = column.split(b"\n")[index].decode(errors="replace")
    return SpotsError(
        f"a cell is not a count: spot {rows[row]!r}, gene {genes[col]!r}",
        path=path,
        expected="a number, 0 or more",
        found=repr(text),
    )
