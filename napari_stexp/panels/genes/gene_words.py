"""Sentences of the dock *Genes*: why no gene is listed, and what spots without a colour are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.gene.names import common_meanings
from napari_stexp.panels.text import count, join_words

__all__ = ["describe_nothing", "describe_uncoloured"]


def describe_nothing(typed: str, total: int, *, in_part: bool = False) -> str:
    """Say that no gene is called so; of a common name, which gene it means.

    Parameters
    ----------
    typed : str
        What was searched.
    total : int
        Genes that there are.
    in_part : bool
        Whether only some of them were searched.
    """
    meant = [] if in_part else common_meanings(typed)
    if not meant:
        return f"None of the {count(total, 'gene')} is called that. Clear the box to see all."
    is_symbol = meant == [typed.upper()]
    names = join_words(meant) if is_symbol else f"{join_words(meant)} ({typed})"
    are = "is" if len(meant) == 1 else "are"
    return f"{names} {are} not among these {count(total, 'gene')}. Clear the box to see all."


def describe_uncoloured(values: NDArray[Any] | None, status: NDArray[Any] | None) -> str:
    """Say what spots without a colour are, where there are any.

    Parameters
    ----------
    values : (N,) array or None
        What is shown; NaN where there is no value.
    status : (N,) array of str, or None where there are no values
        Of each spot, as in a prediction's ``obs['status']``.
    """
    if values is None:
        return ""
    without = ~np.isfinite(values)
    pending = int((without & (status == "pending")).sum())
    failed = int(without.sum()) - pending
    sentences = []
    if pending:
        sentences.append(f"Thin dark rings ({pending:,} spots): not predicted (yet).")
    if failed:
        sentences.append(
            f"Thick grey rings ({failed:,} spots): no value, because the image is unreadable "
            "there or they lie outside it."
        )
    return " ".join(sentences)
