"""What of the session is in no file of the user's yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["Unsaved"]


class Unsaved(QObject):
    """Counts changes, and which predictions have spots that are in no file.

    Parameters
    ----------
    session : Session
    parent : QObject
        Owner.

    Attributes
    ----------
    revision : int
        Grows with every change of what a workspace holds, the view aside.
    """

    changed = Signal()  # of content
    view_changed = Signal()  # of what is looked at

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.revision = 0
        self._saved = 0
        self._quiet = False
        self._draft: Any = None  # of the alignment, as it is in a file
        self._in_file: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # prediction -> spots
        self._signals = [
            *((signal, self._on_content) for signal in self._content()),
            *((signal, self._on_view) for signal in self._view()),
            (session.predictions.changed, self._on_predictions),
        ]
        for signal, slot in self._signals:
            signal.connect(slot)

    def _content(self) -> Iterable[Any]:
        session, regions = self._session, self._session.regions
        return (
            session.slide_changed, session.spots_changed, session.bundle_changed,
            session.prediction_updated, session.predictions.changed, session.params_changed,
            regions.changed, regions.classes_changed, regions.blinding_changed,
            session.labelling.sources_changed, session.signatures.changed,
            session.aligning.changed, session.comparison.genes_changed,
            session.comparison.agreement_changed, session.comparison.scores_changed,
        )  # fmt: skip

    def _view(self) -> Iterable[Any]:
        session = self._session
        return (
            session.gene_changed, session.source_changed, session.display_changed,
            session.composite_changed, session.selection_changed, session.views.changed,
            session.labelling.active_changed, session.labelling.shown_changed,
        )  # fmt: skip

    def close(self) -> None:
        """Stop listening."""
        for signal, slot in self._signals:
            signal.disconnect(slot, missing_ok=True)
        self._signals = []

    # ---- following -----------------------------------------------------------------------

    def _on_content(self, *_new: Any) -> None:
        if not self._quiet:
            self.revision += 1
            self.changed.emit()

    def _on_view(self, *_new: Any) -> None:
        if not self._quiet:
            self.view_changed.emit()

    def _on_predictions(self) -> None:
        predictions = self._session.predictions
        for name in predictions:  # one that comes from a file is whole when it comes
            self._in_file.setdefault(predictions[name], predictions[name].done)

    # ---- asking --------------------------------------------------------------------------

    @property
    def is_work(self) -> bool:
        """Whether there is anything that would be missed: more than files that are open."""
        session = self._session
        return bool(
            session.spots is not None
            or session.regions.items
            or len(session.signatures)
            or session.regions.blinding.started
        )

    @property
    def modified(self) -> bool:
        """Whether something has changed since the workspace was saved or opened."""
        return self.is_work and self.revision != self._saved

    @property
    def predictions(self) -> list[str]:
        """Names of the predictions with spots that are in no file."""
        found = self._session.predictions
        return [name for name in found if found[name].done > self._in_file.get(found[name], 0)]

    @property
    def draft(self) -> bool:
        """Whether spots are shown elsewhere than they lie, which is in no file."""
        aligning = self._session.aligning
        return aligning.moved and aligning.draft is not self._draft

    @property
    def words(self) -> str:
        """What would be lost, in a sentence; '' where nothing would be."""
        names = self.predictions
        parts = []
        if names:
            one = f"the prediction {names[0]} is"
            parts.append(one if len(names) == 1 else f"{len(names)} predictions are")
        if self.draft:
            parts.append("the place where the spots are tried out is")
        text = " and ".join(parts)
        return f"{text[0].upper()}{text[1:]} in no file yet." if text else ""

    # ---- telling -------------------------------------------------------------------------

    def mark(self, workspace: Workspace) -> Workspace:
        """Return a workspace that says how many spots of each prediction are in a file."""
        marked = (
            replace(one, saved=min(one.done, self._in_file.get(one.prediction, 0)))
            for one in workspace.predictions
        )
        return replace(workspace, predictions=tuple(marked))

    def note_saved(self, revision: int, kept: Workspace) -> None:
        """Take down that a workspace of this revision was written."""
        self._saved, self._draft = revision, kept.draft
        for one in kept.predictions:
            self._in_file[one.prediction] = max(one.done, self._in_file.get(one.prediction, 0))
        self.changed.emit()

    def note_prediction(self, prediction: Any) -> None:
        """Take down that a prediction was written to a file of its own."""
        if prediction is not None:
            self._in_file[prediction] = prediction.done

    def note_opened(self, kept: Workspace, *, saved: bool) -> None:
        """Take down that a workspace was opened: the user's own, or one of a crash."""
        self._saved = self.revision if saved else -1
        self._draft = kept.draft if saved else None
        if not saved:
            for one in kept.predictions:
                self._in_file[one.prediction] = one.saved
        self.changed.emit()
