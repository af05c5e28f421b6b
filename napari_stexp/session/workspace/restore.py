"""Going on with a workspace: what it holds, put into a session in the right order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import StexpError
from napari_stexp.session.placing.placement import check_placement
from napari_stexp.session.workspace.workspace import KeptView, Workspace

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["restore_workspace"]


def restore_workspace(session: Session, workspace: Workspace) -> None:
    """Show a workspace in place of all that a session holds.

    What is looked at is restored as far as it can be; a gene that nothing has values of any
    more is passed over.

    Raises
    ------
    StexpError
        Its parts don't fit together; nothing has changed.
    """
    if workspace.spots is not None:
        check_placement(workspace.spots, workspace.slide)
    session.set_slide(None)
    session.set_spots(None)
    session.signatures.remove([one.name for one in session.signatures.items])
    for signature in workspace.signatures:
        session.signatures.add(signature)
    session.set_bundle(workspace.bundle)
    _restore_params(session, workspace.params)
    session.set_slide(workspace.slide)
    session.regions.restore_blinding(workspace.blinding)  # before there is anything to hide
    if workspace.spots is not None:
        session.set_spots(workspace.spots)
        for kept in workspace.predictions:
            session.set_prediction(kept.prediction, kept.name)
        if workspace.active in session.predictions:
            session.show_model(str(workspace.active))
    if workspace.slide is not None:
        session.tissue.restore(workspace.tissue)
    _restore_regions(session, workspace)
    _restore_labels(session, workspace)
    if workspace.draft is not None and workspace.spots is not None:
        session.aligning.restore(workspace.draft)
    _restore_view(session, workspace.view)
    if session.spots is not None and not session.hides_values:
        workspace.results.put(session.comparison, session.spots.n_obs)


def _restore_params(session: Session, params: Mapping[str, Any]) -> None:
    from napari_stexp.predict import PredictParams

    known = {name: params[name] for name in PredictParams.__dataclass_fields__ if name in params}
    listed = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    with suppress(TypeError, ValueError):
        session.params = PredictParams(**{**known, **listed})


def _restore_regions(session: Session, workspace: Workspace) -> None:
    regions = session.regions
    regions.load(workspace.regions, classes=workspace.classes or None)
    names = {one.name for one in regions.classes}
    if workspace.active_class is None or workspace.active_class in names:
        regions.active_class = workspace.active_class
    regions.values_were_seen |= workspace.values_were_seen


def _restore_labels(session: Session, workspace: Workspace) -> None:
    labelling = session.labelling
    n = 0 if session.spots is None else session.spots.n_obs
    for source in workspace.labels:
        if len(source.values) == n:
            labelling.put(source)
    if workspace.label_key in labelling.keys:
        labelling.active = workspace.label_key
    labelling.shown = workspace.labels_shown


def _restore_view(session: Session, view: KeptView) -> None:
    session.display = view.display
    steps: list[tuple[str, Any]] = [
        ("source", view.source),
        ("gene", view.gene),
        ("composite_style", view.composite_style),
        ("composite", view.composite),
    ]
    for name, value in steps:
        if value is not None:
            with suppress(StexpError):
                setattr(session, name, value)
    if session.spots is not None:
        with suppress(StexpError, IndexError):
            mask = np.zeros(session.spots.n_obs, dtype=np.bool_)
            mask[list(view.selection)] = True
            session.select_spots(mask)
            session.focus_spot(view.focus)
    if not session.hides_values:
        known = {*session.genes, *session.signatures}
        genes = tuple(gene for gene in view.genes if gene in known)
        with suppress(ValueError):
            session.views.show(view.kind if view.kind != "genes" or genes else "single", genes)  # type: ignore[arg-type]
