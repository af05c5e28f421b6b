"""What each cell shows: a gene, a prediction or a side of one, several genes mixed, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.session.genes.composite import find_mixture
from napari_stexp.viewer.classes_layer import colour_classes, shown_source
from napari_stexp.viewer.colour import RESIDUAL
from napari_stexp.viewer.spots_view import SIDES, SpotsView, side_view

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["Cell", "describe_in_cell", "list_cells", "shares_scale", "show_cell"]

_SIDE_WORDS = {
    "measured": "measured",
    "predicted": "predicted",
    "residual": "predicted \N{MINUS SIGN} measured",
}
_FAILED = "no value"


@dataclass(frozen=True)
class Cell:
    """One of the pictures beside each other.

    Attributes
    ----------
    kind : {'sides', 'genes', 'models', 'mixed', 'classes'}
        What is beside each other; in front of those 'mixed', the composite of the shown
        source, and 'classes', the labels in use.
    name : str
        The gene or signature, the prediction, or the side; of the labels their title.
    """

    kind: str
    name: str

    def title(self, session: Session) -> tuple[str, str]:
        """Return a gene's symbol, to be set in italics, and the words behind it.

        The symbol is empty where the title is no gene's: a signature, a model.
        """
        if self.kind == "genes":
            return ("", self.name) if self.name in session.signatures else (self.name, "")
        if self.kind in ("models", "classes"):
            return "", self.name
        if session.composite:
            return "", "mixed genes" if self.kind == "mixed" else _SIDE_WORDS[self.name]
        gene = session.gene or ""
        words = _SIDE_WORDS[self.name]
        return ("", f"{gene} {words}") if gene in session.signatures else (gene, words)


def list_cells(session: Session) -> tuple[Cell, ...]:
    """Return the cells of what `Session.views` asks for; none for a single picture."""
    views = session.views
    sides = SIDES[:2] if session.composite else SIDES  # mixtures have no difference
    names: dict[str, Sequence[str]] = {
        "sides": sides, "genes": views.genes, "models": tuple(session.predictions)
    }  # fmt: skip
    if views.kind not in names:
        return ()
    labels = shown_source(session)
    classes = () if labels is None else (Cell("classes", labels.title),)
    mixed = (Cell("mixed", ""),) if session.composite and views.kind == "genes" else ()
    return (*classes, *mixed, *(Cell(views.kind, name) for name in names[views.kind]))


def show_cell(session: Session, cell: Cell) -> SpotsView:
    """Return the values of a cell, and the colours that they have.

    Models have the same limits, found over all of them, unless their expression scales
    differ; so do measured and predicted values. Genes have limits of their own, unless the
    display shares them.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    cell : Cell
    """
    if cell.kind == "classes":
        return _class_view(session, cell.name)
    if cell.kind == "mixed" or (session.composite and cell.kind != "genes"):
        return _mixed_view(session, cell)
    if cell.kind == "sides":
        return side_view(session, cell.name)
    if cell.kind == "models":
        return _model_view(session, cell.name)
    return _gene_view(session, cell.name)


def _class_view(session: Session, title: str) -> SpotsView:
    source = shown_source(session)
    if source is None:
        return _nothing(session, title)
    faces = colour_classes(source).face
    status = np.where(faces[:, 3] > 0, "labelled", "pending")
    return SpotsView(None, status, (0.0, 1.0), session.display.colormap, title, faces=faces)


def _mixed_view(session: Session, cell: Cell) -> SpotsView:
    gone = cell.kind == "models" and cell.name not in session.predictions
    if session.hides_values or gone:
        return _nothing(session, cell.name)
    status = session.status()
    if cell.kind == "models":
        status = session.predictions[cell.name].status
    elif cell.kind == "sides" and cell.name == "predicted" and session.prediction is not None:
        status = session.prediction.status
    elif cell.kind == "sides":
        status = np.full(session.spots.n_obs, "measured")
    assert status is not None  # there are spots
    mixture = find_mixture(session, cell.kind, cell.name)
    faces = mixture.colours(session.spots.n_obs)
    colormap = session.display.colormap
    return SpotsView(
        None, status, (0.0, 1.0), colormap, cell.name, faces=faces, mixture=mixture
    )  # fmt: skip


def _gene_view(session: Session, gene: str) -> SpotsView:
    known = gene in session.signatures or (
        session.expression is not None and gene in session.expression
    )
    if not known or session.hides_values:
        return _nothing(session, gene)
    values, status = session.shown_values(gene), session.status()
    assert status is not None  # there are spots
    limits = session.limits(values, gene)
    display = session.display
    return SpotsView(values, status, limits, display.colormap, gene, display.threshold)


def _model_view(session: Session, name: str) -> SpotsView:
    gene = session.gene
    if gene is None or session.hides_values or name not in session.predictions:
        return _nothing(session, name)
    values = session.values_in(name, gene)
    status = session.predictions[name].status
    if values is None:
        return replace(_nothing(session, name), status=status)
    limits = session.limits_in(name, gene)
    display = session.display
    return SpotsView(values, status, limits, display.colormap, name, display.threshold)


def _nothing(session: Session, title: str) -> SpotsView:
    waiting = np.full(session.spots.n_obs, "pending")
    return SpotsView(None, waiting, (0.0, 1.0), session.display.colormap, title)


def shares_scale(views: Sequence[SpotsView]) -> bool:
    """Whether one colour bar is right for all pictures."""
    return len({(view.limits, view.colormap) for view in views if view.has_values}) == 1


def describe_in_cell(session: Session, cell: Cell, view: SpotsView, spot: int) -> str:
    """Return a spot and its value in one cell, for a tooltip.

    Parameters
    ----------
    session : Session
    cell : Cell
    view : SpotsView
        What the cell shows.
    spot : int
        Row of the spots.
    """
    barcode = str(session.spots.obs_names[spot])
    if cell.kind == "classes":
        source = shown_source(session)
        name = "" if source is None else str(source.values[spot])
        return f"{barcode} · {name or 'no class'}"
    if session.hides_values:
        return barcode
    if view.mixture is not None:
        return f"{barcode} · {_describe_mixture(view, spot)}"
    gene, words = cell.title(session)
    name = f"{gene} {words}".strip()
    if cell.kind == "models":
        name = f"{session.gene}, {words}"
    value = np.nan if view.values is None else view.values[spot]
    waiting = view.status[spot] == "pending"
    text = f"{value:.3g}" if np.isfinite(value) else "not predicted yet" if waiting else _FAILED
    if view.colormap == RESIDUAL and np.isfinite(value):
        text = f"{value:+.3g}"
    return f"{barcode} · {name}: {text}"


def _describe_mixture(view: SpotsView, spot: int) -> str:
    """Return the values of the genes that are mixed in a spot."""
    assert view.mixture is not None
    texts = []
    for gene, values in view.mixture.values.items():
        known = values is not None and np.isfinite(values[spot])
        texts.append(f"{gene}: {values[spot]:.3g}" if known else f"{gene}: {_FAILED}")  # type: ignore[index]
    return ", ".join(texts)
