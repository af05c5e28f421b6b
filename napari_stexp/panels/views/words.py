"""What is shown side by side, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["describe_units", "describe_views"]


def describe_views(session: Session) -> str:
    """Return a line for the head of the pictures."""
    kind = session.views.kind
    gene = "Mixed genes" if session.composite else session.gene
    if kind == "genes":
        n = len(session.views.genes)
        return f"{n} {'gene' if n == 1 else 'genes'}, {session.source}; click one to choose it"
    if kind == "models":
        n = len(session.predictions)
        return f"{gene} in {n} {'prediction' if n == 1 else 'predictions'}"
    return f"{gene}: measured and predicted with the same limits"


def describe_units(session: Session) -> str:
    """Return the unit of the pictures' values; both where genes and signatures are mixed."""
    views = session.views
    shown: tuple[str | None, ...] = session.composite or (session.gene,)
    if views.kind == "genes":
        shown = views.genes
    return " / ".join(dict.fromkeys(session.unit_of(name) for name in shown))
