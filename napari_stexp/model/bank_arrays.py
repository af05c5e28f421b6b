"""The reference bank as named arrays, the way a bundle file stores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import BundleError
from napari_stexp.model.bank import ReferenceBank
from napari_stexp.model.header import SectionInfo
from napari_stexp.model.thumbnails import Thumbnails

if TYPE_CHECKING:
    import scipy.sparse

__all__ = ["bank_from_arrays", "bank_problems", "bank_to_arrays"]

_UNSIGNED = ("U8", "U16", "U32")
#: Array name -> (accepted types, shape); letters: N spots, D wide, G genes, any: free.
_NEEDED: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "embeddings": (("F32",), ("N", "D")),
    "section": (("I32",), ("N",)),
    "spot_ids.text": (("U8",), ("any",)),
    "spot_ids.offsets": (("I64",), ("N+1",)),
    "positions": (("I32",), ("N", 2)),
    "centers": (("F64",), ("N", 2)),
}
_COUNTS: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "counts.data": ((*_UNSIGNED, "F32"), ("any",)),
    "counts.indices": (_UNSIGNED, ("any",)),
    "counts.indptr": (("I64",), ("N+1",)),
}
_EXPRESSION: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "expression.spot": (("F32",), ("N", "G")),
    "expression.gene": (("F32",), ("N", "G")),
}
_PICTURES: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "thumbnails.data": (("U8",), ("any",)),
    "thumbnails.offsets": (("I64",), ("N+1",)),
}


def bank_to_arrays(bank: ReferenceBank) -> dict[str, NDArray[Any]]:
    """Return the bank's arrays by name, in small types where nothing is lost."""
    text, offsets = _pack([str(spot_id).encode() for spot_id in bank.spot_ids])
    arrays: dict[str, NDArray[Any]] = {
        "embeddings": bank.embeddings.astype(np.float32),
        "section": bank.section.astype(np.int32),
        "spot_ids.text": text,
        "spot_ids.offsets": offsets,
        "positions": bank.positions.astype(np.int32),
        "centers": bank.centers.astype(np.float64),
    }
    if bank.counts is not None:
        counts = bank.counts.copy()
        counts.sum_duplicates()
        arrays["counts.data"] = _shrink(counts.data)
        arrays["counts.indices"] = _shrink(counts.indices)
        arrays["counts.indptr"] = counts.indptr.astype(np.int64)
    if bank.expression is not None:
        arrays[f"expression.{bank.expression_scale}"] = bank.expression.astype(np.float32)
    if bank.thumbnails is not None:
        arrays["thumbnails.data"] = bank.thumbnails.data
        arrays["thumbnails.offsets"] = bank.thumbnails.offsets
    return arrays


def bank_problems(
    found: Mapping[str, tuple[str, tuple[int, ...]]], width: int, n_genes: int
) -> list[str]:
    """List missing, unexpected, mis-shaped and wrongly typed arrays.

    Parameters
    ----------
    found : mapping
        Array name -> (safetensors type, shape).
    width, n_genes : int
        D and G of the header.
    """
    wanted = dict(_NEEDED)
    for group in (_COUNTS, _EXPRESSION, _PICTURES):
        if group is _EXPRESSION:
            wanted |= {name: spec for name, spec in group.items() if name in found}
        elif any(name in found for name in group):
            wanted |= group
    problems = [f"missing: bank/{name}" for name in wanted if name not in found]
    problems += [f"unexpected: bank/{name}" for name in found if name not in wanted]
    if not any(name.startswith(("counts.", "expression.")) for name in found):
        problems.append("missing: bank/counts.* or bank/expression.*")
    if sum(name.startswith("expression.") for name in found) > 1:
        problems.append("two expression matrices")
    n = found["section"][1][0] if len(found.get("section", ("", ()))[1]) == 1 else 0
    sizes: dict[str | int, int] = {"N": n, "N+1": n + 1, "D": width, "G": n_genes}
    for name in wanted.keys() & found.keys():
        kinds, letters = wanted[name]
        kind, shape = found[name]
        if kind not in kinds:
            problems.append(f"bank/{name} is of type {kind} instead of {' or '.join(kinds)}")
        expected = tuple(sizes.get(letter, letter) for letter in letters)
        fits = len(shape) == len(expected) and all(
            want in ("any", have) for want, have in zip(expected, shape, strict=True)
        )
        if not fits:
            problems.append(f"bank/{name} has shape {shape} instead of {expected}")
    return problems


def bank_from_arrays(
    arrays: Mapping[str, NDArray[Any]], sections: tuple[SectionInfo, ...], n_genes: int
) -> ReferenceBank:
    """Rebuild the bank from arrays without `bank_problems`.

    Raises
    ------
    BundleError
        Contents contradict each other (offsets, sparse indices, text).
    """
    expression_name = next((name for name in arrays if name.startswith("expression.")), None)
    try:
        spot_ids = [
            part.decode()
            for part in _unpack(arrays["spot_ids.text"], arrays["spot_ids.offsets"], "spot_ids")
        ]
    except UnicodeDecodeError as error:
        raise BundleError("bank/spot_ids are no UTF-8 text", found=error) from error
    thumbnails = None
    if "thumbnails.data" in arrays:
        data, offsets = arrays["thumbnails.data"], arrays["thumbnails.offsets"]
        _check_offsets(data, offsets, "thumbnails")
        thumbnails = Thumbnails(data, offsets)
    return ReferenceBank(
        embeddings=arrays["embeddings"],
        section=arrays["section"],
        sections=sections,
        spot_ids=np.array(spot_ids, dtype=np.str_),
        positions=arrays["positions"],
        centers=arrays["centers"],
        counts=_counts(arrays, n_genes) if "counts.data" in arrays else None,
        expression=arrays[expression_name] if expression_name else None,
        expression_scale=expression_name.split(".")[1] if expression_name else "spot",
        thumbnails=thumbnails,
    )


def _counts(arrays: Mapping[str, NDArray[Any]], n_genes: int) -> scipy.sparse.csr_array:
    from scipy import sparse

    indptr, indices, data = (arrays[f"counts.{part}"] for part in ("indptr", "indices", "data"))
    good = (
        len(indices) == len(data)
        and indptr[0] == 0
        and indptr[-1] == len(data)
        and bool((np.diff(indptr) >= 0).all())
        and (not len(indices) or int(indices.max()) < n_genes)
        and bool(np.isfinite(data).all())
        and (not len(data) or data.min() >= 0)
    )
    if not good:
        raise BundleError("bank/counts is no sparse matrix of counts")
    shape = (len(indptr) - 1, n_genes)
    return sparse.csr_array(
        (data.astype(np.float32), indices.astype(np.int32), indptr.astype(np.int64)), shape=shape
    )


def _shrink(values: NDArray[Any]) -> NDArray[Any]:
    """Return the smallest unsigned type that holds ``values`` exactly, else float32."""
    if not len(values):
        return values.astype(np.uint8)
    largest = values.max()
    if values.min() < 0 or largest > np.iinfo(np.uint32).max or (values != np.floor(values)).any():
        return values.astype(np.float32)
    return values.astype(np.min_scalar_type(int(largest)))


def _pack(parts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), offsets


def _check_offsets(data: NDArray[np.uint8], offsets: NDArray[np.int64], name: str) -> None:
    if offsets[0] != 0 or offsets[-1] != len(data) or (np.diff(offsets) < 0).any():
        raise BundleError(f"bank/{name}.offsets don't fit their data")


def _unpack(data: NDArray[np.uint8], offsets: NDArray[np.int64], name: str) -> list[bytes]:
    _check_offsets(data, offsets, name)
    whole, bounds = data.tobytes(), offsets.tolist()
    return [whole[a:b] for a, b in pairwise(bounds)]
