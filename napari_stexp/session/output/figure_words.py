"""The line below a figure: what made the values, of what, and by which model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["describe_figure"]

_DIGITS = 12  # of a hash: enough to find the file again
_MOST_GENES = 12  # of a signature, named one by one


def describe_figure(session: Session, genes: Sequence[str] = ()) -> Callable[[], str]:
    """Take what a figure depends on, and return what writes the line of it.

    Parameters
    ----------
    session : Session
    genes : sequence of str
        What is drawn besides what is shown; signatures among them are spelled out.

    Returns
    -------
    callable
        To be called off the main thread: a slide's fingerprint is read from its file.
    """
    from napari_stexp._version import __version__

    slide = session.slide
    section = _section(session)
    labels = session.labelling.source
    if labels is not None and session.labelling.shown and session.views.kind == "single":
        values = [f"classes: {labels.title}"]
    else:
        values = [] if session.hides_values else _describe_values(session)
    shown = {*genes, *session.views.genes, *session.composite, session.gene}
    sets = [] if session.hides_values else _describe_sets(session, shown)

    def write() -> str:
        parts = [f"napari-stexp {__version__}"]
        if slide is not None:
            parts.append(f"slide {slide.name} {slide.fingerprint()[:_DIGITS]}")
        return "; ".join([*parts, *([section] if section else []), *values, *sets])

    return write


def _section(session: Session) -> str:
    facts: Any = {} if session.spots is None else session.spots.uns.get("stexp_spots", {})
    name = str(facts.get("section") or "")
    return (
        f"section {name}" if name and (session.slide is None or name != session.slide.name) else ""
    )


def _describe_values(session: Session) -> list[str]:
    """Return the models of what is shown, or that it was measured."""
    kind = session.views.kind
    names = [name for name in (session.predictions.active,) if name is not None]
    if kind == "models":
        names = list(session.predictions)
    predicted = [_describe_model(session.predictions[name].adata) for name in names]
    if kind == "sides" and predicted and session.has_measurement:
        return ["measured and predicted", *predicted]
    if session.source == "predicted" and predicted:
        return ["predicted", *predicted]
    return ["measured"] if session.has_measurement else []


def _describe_model(adata: Any) -> str:
    facts = adata.uns.get("stexp", {})
    model, parameters = facts.get("model", {}), facts.get("parameters", {})
    words = f"model {model.get('name') or 'unknown'} {str(model.get('sha256') or '')[:_DIGITS]}"
    details = [words.rstrip()]
    if parameters.get("k"):
        details.append(f"k {parameters['k']}")
    if facts.get("created"):
        details.append(f"predicted {str(facts['created'])[:10]}")
    return ", ".join(details)


def _describe_sets(session: Session, shown: set[str | None]) -> list[str]:
    found = []
    for signature in session.signatures.items:
        if signature.name in shown:
            genes = list(signature.genes[:_MOST_GENES])
            more = len(signature.genes) - len(genes)
            text = ", ".join(genes) + (f" and {more} more" if more else "")
            found.append(f"{signature.name}: {text}")
    return found
