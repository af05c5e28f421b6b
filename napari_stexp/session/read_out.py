"""One line about a spot, for a status bar or a tooltip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["describe_spot"]

_FAILURES = {
    "pending": "not predicted yet",
    "outside": "no value, the patch lies outside the image",
    "unreadable": "no value, the slide's tile can't be read",
}


def describe_spot(session: Session, index: int) -> str:
    """Return barcode, value, confidence and class of one spot.

    Parameters
    ----------
    session : Session
        What is open.
    index : int
        Row of the spots; outside of them the line is empty.
    """
    spots = session.spots
    if spots is None or not 0 <= index < spots.n_obs:
        return ""
    parts = [str(spots.obs_names[index]), _describe_value(session, index)]
    if session.source == "predicted" and session.prediction is not None:
        parts.append(_describe_confidence(session, index))
    source = session.labelling.source
    if source is not None:
        parts.append(str(source.values[index]))
    return " · ".join(part for part in parts if part)


def _describe_value(session: Session, index: int) -> str:
    if session.hides_values:
        return "hidden until the annotation is locked"
    found = session.value_at(index)
    if found is None:
        return "not predicted yet"
    value, status = found
    if not np.isfinite(value):
        return f"{session.gene}: {_FAILURES.get(status, 'no value')}"
    edge = " (patch partly outside the image)" if status == "border" else ""
    return f"{session.gene} {session.source} {value:.3g}{edge}"


def _describe_confidence(session: Session, index: int) -> str:
    if session.hides_values or session.prediction is None:
        return ""
    obs = session.prediction.adata.obs
    confidence = obs["confidence"].iloc[index] if "confidence" in obs else np.nan
    return f"confidence {confidence:.2f}" if np.isfinite(confidence) else ""
