"""A spot in words: one line for a tooltip or a status bar, and the facts beside its profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.session.genes.expression import Expression
    from napari_stexp.session.state import Session

__all__ = ["describe_spot", "percentile_in", "spot_facts"]

_FAILURES = {
    "pending": "not predicted yet",
    "outside": "no value, the patch lies outside the image",
    "unreadable": "no value, the slide's tile can't be read",
}
_STATUS_WORDS = {
    "ok": "predicted",
    "border": "predicted, its patch lies partly outside the image",
    "measured": "measured",
} | _FAILURES
_UNITS = {"log": "", "linear": " per 10,000", "z": " SD"}
_HIDDEN = "hidden until the annotation is locked"


@dataclass(frozen=True)
class _Shown:
    """A gene's values as they are shown; valid while nothing it was made of has changed."""

    state: tuple[str, str, int]
    values: NDArray[np.float32]


# The mouse asks for the same gene again and again, and a column of a large table takes a while.
_SHOWN: WeakKeyDictionary[Expression, _Shown] = WeakKeyDictionary()


def percentile_in(values: NDArray[np.float32], value: float) -> float:
    """Return the percentage of the finite ``values`` that are less than ``value``.

    As ``scipy.stats.percentileofscore`` with ``kind='strict'``: of a gene that is zero in
    most spots a zero is at 0, not in the middle of all zeros. NaN where there is no value.
    """
    n = np.count_nonzero(np.isfinite(values))
    if not n or not np.isfinite(value):
        return float("nan")
    return 100.0 * float(np.count_nonzero(values < value)) / n


def describe_spot(session: Session, index: int, gene: str | None = None) -> str:
    """Return barcode, value, percentile in the section, confidence and class of one spot.

    Parameters
    ----------
    session : Session
        What is open.
    index : int
        Row of the spots; outside of them the line is empty.
    gene : str, optional
        Gene or signature; default: what is shown, all channels of a composite.
    """
    spots = session.spots
    if spots is None or not 0 <= index < spots.n_obs:
        return ""
    parts = [str(spots.obs_names[index]), _describe_values(session, index, gene)]
    if session.source == "predicted" and session.prediction is not None:
        parts.append(_describe_confidence(session, index))
    parts.append(_class_of(session, index))
    return " · ".join(part for part in parts if part)


def _describe_values(session: Session, index: int, gene: str | None) -> str:
    if session.hides_values:
        return _HIDDEN
    names = session.composite or (session.gene,)
    shown = [name for name in (names if gene is None else (gene,)) if name is not None]
    if session.expression is None or not shown:
        return "not predicted yet"
    status = _status_of(session, index)
    edge = " (patch partly outside the image)" if status == "border" else ""
    if len(shown) == 1:
        return f"{_describe_one(session, index, shown[0], status)}{edge}"
    values = ", ".join(_describe_in_short(session, index, name) for name in shown)
    return f"{session.source} {values}{edge}"


def _describe_one(session: Session, index: int, gene: str, status: str) -> str:
    values = _shown_values(session, gene)
    value = float("nan") if values is None else float(values[index])
    if values is None or not np.isfinite(value):
        return f"{gene}: {_FAILURES.get(status, 'no value')}"
    unit = "" if gene in session.signatures else _UNITS[session.display.transform]
    text = f"{gene} {session.source} {value:.3g}{unit}"
    if np.count_nonzero(np.isfinite(values)) > 1:
        text += f", higher than {int(percentile_in(values, value))} % of spots"
    threshold = session.display.threshold
    if threshold is not None and value < threshold:
        text += ", below the threshold"
    return text


def _describe_in_short(session: Session, index: int, gene: str) -> str:
    values = _shown_values(session, gene)
    if values is None or not np.isfinite(values[index]):
        return f"{gene} no value"
    return f"{gene} {float(values[index]):.3g}"


def _describe_confidence(session: Session, index: int) -> str:
    if session.hides_values or session.prediction is None:
        return ""
    obs = session.prediction.adata.obs
    confidence = obs["confidence"].iloc[index] if "confidence" in obs else np.nan
    return f"confidence {confidence:.2f}" if np.isfinite(confidence) else ""


def _class_of(session: Session, index: int) -> str:
    """Return a spot's class; domains are found from expression, and are hidden with it."""
    source = session.labelling.source_now
    if source is None or (session.hides_values and source.kind == "domains"):
        return ""
    return str(source.values[index])


def _status_of(session: Session, index: int) -> str:
    if session.source == "measured" or session.prediction is None:
        return "measured"
    return str(session.prediction.adata.obs["status"].iloc[index])


def _shown_values(session: Session, gene: str) -> NDArray[np.float32] | None:
    """Return a gene's shown values; those of the gene asked for last are kept."""
    expression = session.expression
    if gene in session.signatures or expression is None or gene not in expression:
        return session.shown_values(gene) if gene in session.signatures else None
    prediction = session.prediction if session.source == "predicted" else None
    done = -1 if prediction is None else prediction.done
    state = (gene, session.display.transform, done)
    kept = _SHOWN.get(expression)
    if kept is None or kept.state != state:
        values = session.shown_values(gene)
        assert values is not None  # they aren't hidden, see above
        kept = _SHOWN[expression] = _Shown(state, values)
    return kept.values


def spot_facts(session: Session, index: int) -> dict[str, str]:
    """Return what is known of a spot beside its genes, by name; nothing while it is hidden.

    Parameters
    ----------
    session : Session
        What is open.
    index : int
        Row of the spots; outside of them there are no facts.

    Returns
    -------
    dict of str to str
        'Spot', 'Class', 'State', and of a prediction 'Similarity', 'Effective k' and
        'Confidence'; empty texts for what isn't known.
    """
    spots = session.spots
    if spots is None or not 0 <= index < spots.n_obs:
        return {}
    facts = {"Spot": str(spots.obs_names[index]), "Class": _class_of(session, index)}
    if session.hides_values:
        return facts | {"State": _HIDDEN}
    if session.expression is None:
        return facts | {"State": _FAILURES["pending"]}
    status = _status_of(session, index)
    facts["State"] = _STATUS_WORDS.get(status, status)
    if session.source == "predicted" and session.prediction is not None:
        facts |= _measures(session.prediction.adata.obs, index)
    return facts


def _measures(obs: Any, index: int) -> dict[str, str]:
    """Return how a spot was predicted, next to how the other spots were."""
    titles = {"similarity": "Similarity", "effective_k": "Effective k", "confidence": "Confidence"}
    facts = {}
    for name, title in titles.items():
        values = np.asarray(obs[name], dtype=np.float32) if name in obs else None
        if values is not None and np.isfinite(values[index]):
            share = int(percentile_in(values, float(values[index])))
            digits = 0 if name == "effective_k" else 3
            facts[title] = f"{values[index]:.{digits}f}, higher than {share} % of spots"
    return facts
