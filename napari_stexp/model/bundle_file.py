"""Bundle files: one ``.safetensors``, strictly read, nothing executable.

The format is described in ``docs/bundle.md``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import BundleError, OutputError, StexpError
from napari_stexp.files import atomic_path
from napari_stexp.model.bundle_content import (
    assemble,
    canonical,
    content_digest,
    content_problems,
    stored,
)
from napari_stexp.model.header import FORMAT_VERSION, BundleHeader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_stexp.model.bundle import ModelBundle

__all__ = ["load_bundle", "read_bundle_header", "save_bundle"]

SUFFIX = ".safetensors"
FORMAT = "napari-stexp-bundle"
#: A header of 100,000 genes and 10,000 sections stays far below.
LARGEST_HEADER = 32 * 1024**2


def save_bundle(bundle: ModelBundle, path: str | Path, *, weights_dtype: str = "float32") -> Path:
    """Write a bundle; the file has its final name only when it is whole.

    Parameters
    ----------
    bundle : ModelBundle
        What to write.
    path : path-like
        Ends in ``.safetensors``.
    weights_dtype : {'float32', 'float16'}
        How weight matrices are stored. float16 halves the file; biases, norms
        and the bank stay float32, and everything is float32 again once loaded.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        The name has another suffix, or can't be written.
    BundleError
        A weight isn't finite, or too large for float16.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    from napari_stexp.model.bank_arrays import bank_to_arrays

    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise OutputError("a model bundle's name ends in " + SUFFIX, path=path, found=path.suffix)
    arrays = {
        f"weights/{name}": stored(name, tensor, weights_dtype)
        for name, tensor in bundle.state.items()
    }
    arrays |= {f"bank/{name}": array for name, array in bank_to_arrays(bundle.bank).items()}
    if bundle.scores is not None:
        arrays |= {
            f"scores/{name}": bundle.scores[name].to_numpy(np.float32) for name in bundle.scores
        }
    arrays = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    header = bundle.header.to_json() | {"format_version": FORMAT_VERSION}
    # One entry only: the library writes several in random order, and the same
    # bundle should always be the same bytes.
    metadata = {FORMAT: canonical({"digest": content_digest(header, arrays), "header": header})}
    with atomic_path(path) as temporary:
        try:
            save_file(arrays, temporary, metadata)
        except SafetensorError as error:
            raise OutputError("the bundle can't be written", path=path, found=error) from error
    return path


def read_bundle_header(path: str | Path) -> BundleHeader:
    """Read what a bundle says about itself, without its arrays (fast, no torch).

    Raises
    ------
    BundleError
        As `load_bundle`, as far as the header shows it.
    """
    with _open_bundle(Path(path)) as file:
        return file.header


def load_bundle(path: str | Path) -> ModelBundle:
    """Read a bundle.

    Parameters
    ----------
    path : path-like
        A file that `save_bundle` wrote.

    Returns
    -------
    ModelBundle
        On the CPU, weights in float32.

    Raises
    ------
    BundleError
        The file is missing, no safetensors file, truncated, damaged (its digest
        differs), no bundle, of a newer format, or holds missing, unexpected,
        mis-shaped or wrongly typed arrays, which are all listed.
    """
    path = Path(path)
    with _open_bundle(path) as file:
        header, kinds = file.header, file.kinds
        try:
            problems = content_problems(header, kinds)
        except BundleError as error:  # the image encoder can't be made here
            raise _placed(error, path) from error
        if problems:
            raise BundleError(
                "the bundle doesn't hold what its header says: " + "; ".join(problems), path=path
            )
        arrays = {name: file.opened.get_tensor(name) for name in kinds}
        if content_digest(file.header_json, arrays) != file.digest:
            raise BundleError(
                "the bundle is damaged: its content doesn't match its digest",
                path=path,
                hint="Copy or download it again.",
            )
        try:
            return assemble(header, arrays, path)
        except BundleError as error:
            raise _placed(error, path) from error


@dataclass(frozen=True)
class _OpenBundle:
    opened: Any
    digest: object
    header_json: dict[str, Any]
    header: BundleHeader
    kinds: dict[str, tuple[str, tuple[int, ...]]]  # array name -> (type, shape)


@contextmanager
def _open_bundle(path: Path) -> Iterator[_OpenBundle]:
    """Open a bundle and read its header; every failure becomes a BundleError."""
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            _check_length(file, path)
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            digest, data, header = _read_header(metadata, path)
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            kinds = {
                name: (str(part.get_dtype()), tuple(part.get_shape()))
                for name, part in slices.items()
            }
            yield _OpenBundle(opened, digest, data, header, kinds)
    except StexpError:
        raise
    except OSError as error:
        raise BundleError(
            "the bundle can't be read", path=path, found=error.strerror or error
        ) from error
    except (SafetensorError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise BundleError(
            "is no safetensors file, or damaged",
            path=path,
            found=error,
            hint="Copy or download it again.",
        ) from error


def _check_length(file: IO[bytes], path: Path) -> None:
    """Check the header's length before anything is allocated for it."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    if size < 10 or start[8:] != b"{":
        raise BundleError(
            "is no safetensors file",
            path=path,
            expected="a model bundle",
            found=f"{size:,} bytes of something else",
            hint="Released .pt checkpoints are imported first (napari-stexp import)."
            if start.startswith((b"PK", b"\x80"))
            else None,
        )
    if length > min(LARGEST_HEADER, size - 8):
        raise BundleError(
            "the bundle's header is longer than it can be: truncated, damaged or hostile",
            path=path,
            expected=f"at most {min(LARGEST_HEADER, size - 8):,} bytes",
            found=f"{length:,} bytes",
        )


def _read_header(
    metadata: Mapping[str, str], path: Path
) -> tuple[object, dict[str, Any], BundleHeader]:
    """Return the digest, the header's JSON and the header."""
    if FORMAT not in metadata:
        raise BundleError(
            "is a safetensors file, but no model bundle",
            path=path,
            expected=f"a metadata entry '{FORMAT}'",
            found=", ".join(sorted(metadata)[:5]) or "no metadata",
        )
    try:
        content = json.loads(metadata[FORMAT])
        digest, data = content["digest"], content["header"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise BundleError("the bundle's header is no JSON", path=path, found=error) from error
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BundleError(
            "the bundle was written by a newer version of napari-stexp",
            path=path,
            expected=f"format version at most {FORMAT_VERSION}",
            found=version,
            hint="Update napari-stexp.",
        )
    try:
        return digest, data, BundleHeader.from_json(data)
    except BundleError as error:
        raise _placed(error, path) from error


def _placed(error: BundleError, path: Path) -> BundleError:
    """Return the same error, naming the file."""
    return BundleError(
        error.what, path=path, expected=error.expected, found=error.found, hint=error.hint
    )
