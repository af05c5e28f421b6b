"""What undo brings back, by reference: what there is on the slide, and how it is shown."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.session.placing.scaling import Scale

if TYPE_CHECKING:
    from typing import Self

    from napari_stexp.predict import Prediction
    from napari_stexp.session.annotation.label_source import LabelSource
    from napari_stexp.session.genes.display import DisplaySettings
    from napari_stexp.session.genes.signatures import Signature
    from napari_stexp.session.placing.draft import Draft
    from napari_stexp.session.state import Session
    from napari_stexp.slide import TissueMask

__all__ = ["State"]


@dataclass(frozen=True, eq=False)
class State:
    """What can be brought back of a session."""

    spots: Any
    predictions: dict[str, Prediction]
    active: str | None
    signatures: tuple[Signature, ...]
    source: str
    gene: str | None
    composite: tuple[str, ...]
    display: DisplaySettings
    labels: tuple[LabelSource, ...]  # tables and domains
    label_key: str | None
    draft: Draft  # of the alignment
    tissue: TissueMask | None
    scale: Scale | None  # of the open slide

    @classmethod
    def take(cls, session: Session) -> Self:
        """Take a session's present state."""
        return cls(
            spots=session.spots,
            predictions={name: session.predictions[name] for name in session.predictions},
            active=session.predictions.active,
            signatures=session.signatures.items,
            source=session.source,
            gene=session.gene,
            composite=session.composite,
            display=session.display,
            labels=session.labelling.added,
            label_key=session.labelling.active,
            draft=session.aligning.draft,
            tissue=session.tissue.mask,
            scale=None if session.slide is None else Scale.of(session.slide),
        )

    def same(self, other: State) -> bool:
        """Whether nothing is to be done between the two."""
        return (
            self.spots is other.spots
            and list(self.predictions.items()) == list(other.predictions.items())
            and (self.active, self.signatures, self.source, self.gene)
            == (other.active, other.signatures, other.source, other.gene)
            and (self.composite, self.display) == (other.composite, other.display)
            and self.same_labels(other)
            and self.draft is other.draft
            and self.tissue is other.tissue
            and self.scale == other.scale
        )

    def same_things(self, other: State) -> bool:
        """Whether what is there is the same, and only how it is shown or laid may differ."""
        return (
            self.spots is other.spots
            and self.tissue is other.tissue
            and self.scale == other.scale
            and self.predictions == other.predictions
            and self.same_labels(other)
        )

    def same_labels(self, other: State) -> bool:
        """Whether the labels, and which are in use, are the same."""
        return (self.labels, self.label_key) == (other.labels, other.label_key)

    def restore(self, session: Session, before: State, after: State) -> None:
        """Bring this state back; it is one of the two that a step lies between.

        Scale and labels come back only where the step changed them: they may have been set
        since without being noted.
        """
        if before.scale != after.scale:
            self._restore_scale(session)
        if session.spots is not self.spots:
            session.set_spots(self.spots)
        self._restore_predictions(session)
        _restore_signatures(session, self.signatures)
        session.aligning.restore(self.draft)
        session.tissue.restore(self.tissue)
        session.display = self.display
        with suppress(StexpError):  # a source or gene that is not there now
            session.source = self.source
            if self.gene is not None:
                session.gene = self.gene
            session.composite = self.composite
        if not before.same_labels(after):
            self._restore_labels(session)

    def _restore_scale(self, session: Session) -> None:
        if session.slide is None or self.scale is None:
            return
        if session.spots is not self.spots:
            session.set_spots(None)  # those of another scale might contradict this one
        session.restore_scale(self.scale)

    def _restore_predictions(self, session: Session) -> None:
        for name in session.predictions:
            if session.predictions[name] is not self.predictions.get(name):
                session.drop_prediction(name)
        for name, prediction in self.predictions.items():
            if name not in session.predictions:
                session.set_prediction(prediction, name)
        if self.active is not None:
            session.show_model(self.active)

    def _restore_labels(self, session: Session) -> None:
        labelling = session.labelling
        for one in labelling.added:
            if one not in self.labels:
                labelling.remove(one.key)
        for one in self.labels:
            if one not in labelling.added:
                labelling.put(one)
        if self.label_key is None or self.label_key in labelling.keys:
            labelling.active = self.label_key


def _restore_signatures(session: Session, wanted: tuple[Signature, ...]) -> None:
    signatures = session.signatures
    if signatures.items == wanted:
        return
    signatures.remove([name for name in signatures])
    for one in wanted:
        signatures.add(one)
