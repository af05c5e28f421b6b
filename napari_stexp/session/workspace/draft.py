"""An alignment that is tried out and not applied, as a workspace's JSON holds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_stexp.session.placing.draft import Draft, Pair
from napari_stexp.spots.alignment import Transform

__all__ = ["draft_to_words", "words_to_draft"]


def draft_to_words(draft: Draft | None) -> dict[str, Any] | None:
    """Return a draft as JSON holds it."""
    if draft is None:
        return None
    return {
        "matrix": draft.move.matrix.tolist(),
        "steps": list(draft.steps),
        "pairs": [[pair.own, pair.slide] for pair in draft.pairs],
        "kind": draft.kind,
    }


def words_to_draft(words: dict[str, Any] | None) -> Draft | None:
    """Return the draft that `draft_to_words` wrote."""
    if words is None:
        return None
    return Draft(
        Transform(np.array(words["matrix"], np.float64)),
        tuple(map(str, words["steps"])),
        tuple(Pair(_place(own), _place(slide)) for own, slide in words["pairs"]),
        str(words["kind"]),
    )


def _place(words: list[float] | None) -> tuple[float, float] | None:
    return None if words is None else (float(words[0]), float(words[1]))
