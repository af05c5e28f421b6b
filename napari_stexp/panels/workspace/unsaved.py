"""What of the session is in no file of the user's yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.session.workspace import KeptPrediction

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

    # ---- telling -------------------------------------------------------------------------

    def note_saved(self, revision: int, kept: Iterable[KeptPrediction]) -> None:
        """Take down that a workspace of this revision was written."""
        self._saved = revision
        for one in kept:
            self._in_file[one.prediction] = max(one.done, self._in_file.get(one.prediction, 0))
        self.changed.emit()

    def note_prediction(self, prediction: Any) -> None:
        """Take down that a prediction was written to a file of its own."""
        if prediction is not None:
            self._in_file[prediction] = prediction.done

    def note_opened(self, *, saved: bool) -> None:
        """Take down that a workspace was opened: the user's own, or one of a crash."""
        self._saved = self.revision if saved else -1
        if not saved:
            predictions = self._session.predictions
            for name in predictions:
                self._in_file[predictions[name]] = 0
        self.changed.emit()
