"""The whole work of a session as one value: to be saved, and to go on with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_stexp.session.annotation.blinding import Blinding
from napari_stexp.session.annotation.label_source import LabelSource
from napari_stexp.session.genes.composite import CompositeStyle
from napari_stexp.session.genes.display import DisplaySettings
from napari_stexp.session.genes.signatures import Signature
from napari_stexp.session.workspace.places import FileReference
from napari_stexp.session.workspace.results import KeptResults
from napari_stexp.slide.scale_review import SettledFinding

if TYPE_CHECKING:
    from napari_stexp.annotation import Region, RegionClass
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction
    from napari_stexp.session.placing.draft import Draft
    from napari_stexp.session.state import Session
    from napari_stexp.slide import Slide, TissueMask

__all__ = ["KeptPrediction", "KeptView", "Workspace", "default_name", "take_workspace"]

_KEYS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # of predictions, for their files


@dataclass(frozen=True, eq=False)
class KeptPrediction:
    """A prediction as it was at one moment, also while it goes on filling up.

    Attributes
    ----------
    name, key : str
        What it is called, and what its file is.
    prediction : Prediction
        Itself; rows of ``X`` that are pending in ``obs`` may have values by now.
    obs : DataFrame
        Status and measures of each spot at that moment.
    uns : dict
        Provenance at that moment.
    done : int
        Spots that weren't pending.
    saved : int
        How many of them were in a file of the user's; told by what a crash has left.
    """

    name: str
    key: str
    prediction: Prediction
    obs: Any
    uns: dict[str, Any]
    done: int
    saved: int = 0

    @classmethod
    def take(cls, name: str, prediction: Prediction) -> KeptPrediction:
        """Keep a prediction; its values are not copied."""
        adata = prediction.adata
        uns = dict(adata.uns)
        if "stexp" in uns:
            uns["stexp"] = deepcopy(dict(uns["stexp"]))
        key = _KEYS.setdefault(prediction, uuid.uuid4().hex[:12])
        return cls(name, key, prediction, adata.obs.copy(), uns, prediction.done)


@dataclass(frozen=True)
class KeptView:
    """What was looked at, and how.

    Attributes
    ----------
    gene : str or None
        The active gene or signature.
    source : {'predicted', 'measured'}
    display : DisplaySettings
    composite, composite_style : tuple of str, CompositeStyle
        Genes shown at once, and how.
    kind, genes : str, tuple of str
        Of `Views`.
    camera : mapping
        What the window says of its camera; kept as it is.
    window : mapping
        What the window says of its docks and forms; kept as it is.
    selection : tuple of int
        Rows of the chosen spots.
    focus : int or None
        The spot that was clicked.
    """

    gene: str | None = None
    source: str = "predicted"
    display: DisplaySettings = field(default_factory=DisplaySettings)
    composite: tuple[str, ...] = ()
    composite_style: CompositeStyle = field(default_factory=CompositeStyle)
    kind: str = "single"
    genes: tuple[str, ...] = ()
    camera: Mapping[str, Any] = field(default_factory=dict)
    window: Mapping[str, Any] = field(default_factory=dict)
    selection: tuple[int, ...] = ()
    focus: int | None = None


@dataclass(frozen=True, eq=False)
class Workspace:
    """All that a session holds, but the training.

    Attributes
    ----------
    slide, bundle : Slide, ModelBundle or None
        Open; None too where the file wasn't found.
    slide_file, model_file : FileReference or None
        Where they are, also where they weren't found.
    mpp, mpp_source : float or None, str
        Scale of the slide, and who says so.
    colour : {'stored', 'sRGB'}
        In which colours it is read.
    settled : tuple of SettledFinding
        Contradictions about the scale that were decided about.
    tissue : TissueMask or None
        Of the slide, if one is in use.
    spots : AnnData or None
    predictions : tuple of KeptPrediction
    active : str or None
        Name of the one that is shown.
    params : mapping
        Settings of the next prediction.
    regions, classes : tuple of Region, of RegionClass
    active_class : str or None
    blinding : Blinding
    values_were_seen : bool
        Whether expression had been shown on this slide.
    labels : tuple of LabelSource
        Tables and domains; columns come with the spots.
    label_key, labels_shown : str or None, bool
        Which labels are in use, and whether they are drawn.
    signatures : tuple of Signature
    results : KeptResults
        What was compared.
    draft : Draft or None
        An alignment that is tried out and not applied.
    view : KeptView
    saved : datetime or None
        When it was written; None for one that is not.
    """

    slide: Slide | None = None
    slide_file: FileReference | None = None
    mpp: float | None = None
    mpp_source: str = "unknown"
    colour: str = "stored"
    settled: tuple[SettledFinding, ...] = ()
    tissue: TissueMask | None = None
    spots: Any = None
    bundle: ModelBundle | None = None
    model_file: FileReference | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    predictions: tuple[KeptPrediction, ...] = ()
    active: str | None = None
    regions: tuple[Region, ...] = ()
    classes: tuple[RegionClass, ...] = ()
    active_class: str | None = None
    blinding: Blinding = field(default_factory=Blinding)
    values_were_seen: bool = False
    labels: tuple[LabelSource, ...] = ()
    label_key: str | None = None
    labels_shown: bool = False
    signatures: tuple[Signature, ...] = ()
    results: KeptResults = field(default_factory=KeptResults)
    draft: Draft | None = None
    view: KeptView = field(default_factory=KeptView)
    saved: datetime | None = None

    @property
    def missing(self) -> dict[str, FileReference]:
        """Files that weren't found: 'slide', 'model'."""
        needed = {"slide": (self.slide_file, self.slide), "model": (self.model_file, self.bundle)}
        return {
            kind: file for kind, (file, there) in needed.items() if file is not None and not there
        }


def take_workspace(
    session: Session,
    *,
    camera: Mapping[str, Any] | None = None,
    window: Mapping[str, Any] | None = None,
    missing: Mapping[str, FileReference] | None = None,
) -> Workspace:
    """Take what a session holds at this moment, without copying what is large.

    Call it in the thread that changes the session; what it returns may be written in
    another one, while a prediction goes on.

    Parameters
    ----------
    session : Session
    camera : mapping, optional
        How the window looks at the slide.
    window : mapping, optional
        What its docks and forms look like.
    missing : dict of str to FileReference, optional
        `Workspace.missing` of the workspace that was opened: what isn't open for this reason
        stays referred to.
    """
    missing = {} if missing is None else missing
    slide, bundle, regions, labels = (
        session.slide, session.bundle, session.regions, session.labelling,
    )  # fmt: skip
    return Workspace(
        slide=slide,
        slide_file=missing.get("slide") if slide is None else None,
        mpp=None if slide is None else slide.mpp,
        mpp_source="unknown" if slide is None else slide.mpp_source,
        colour="stored" if slide is None else slide.colour,
        settled=() if slide is None else slide.settled,
        tissue=session.tissue.mask,
        spots=session.spots,
        bundle=bundle,
        model_file=missing.get("model") if bundle is None else None,
        params=dict(vars(session.params)),
        predictions=tuple(
            KeptPrediction.take(name, session.predictions[name]) for name in session.predictions
        ),
        active=session.predictions.active,
        regions=regions.items,
        classes=regions.classes,
        active_class=regions.active_class,
        blinding=regions.blinding,
        values_were_seen=regions.values_were_seen,
        labels=labels.added,
        label_key=labels.active,
        labels_shown=labels.shown,
        signatures=session.signatures.items,
        results=KeptResults.take(session.comparison),
        draft=None if session.spots is None else session.aligning.draft,
        view=_take_view(session, camera or {}, window or {}),
    )


def _take_view(session: Session, camera: Mapping[str, Any], window: Mapping[str, Any]) -> KeptView:
    selection = session.selection
    return KeptView(
        gene=session.gene,
        source=session.source,
        display=session.display,
        composite=session.composite,
        composite_style=session.composite_style,
        kind=session.views.kind,
        genes=session.views.genes,
        camera=camera,
        window=window,
        selection=() if selection is None else tuple(np.flatnonzero(selection).tolist()),
        focus=session.focus,
    )


def default_name(session: Session) -> str:
    """Return what a session's workspace may be called: after its slide, or its section."""
    if session.slide is not None:
        return f"{session.slide.name}.stexp"
    facts = {} if session.spots is None else session.spots.uns.get("stexp_spots", {})
    return f"{facts.get('section') or 'workspace'}.stexp"
