"""All predictions of the present spots, by name; one of them is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_stexp.errors import PredictionError
from napari_stexp.session.named import Named

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction

__all__ = ["Predictions"]


class Predictions(Named["Prediction"]):
    """Predictions by name, in the order in which they came.

    `Session` alone adds and removes them, because more than the list follows; see
    `Session.set_prediction` and `Session.show_model`.

    Attributes
    ----------
    changed : Signal
        Names were added, removed or renamed, or another one is shown.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._active: str | None = None

    def __getitem__(self, name: str) -> Prediction:
        if name not in self._items:
            raise PredictionError(
                "no prediction of this name",
                expected=", ".join(self._items) or "one; nothing has been predicted yet",
                found=name,
            )
        return self._items[name]

    @property
    def active(self) -> str | None:
        """Name of the one that is shown."""
        return self._active

    def name_of(self, prediction: Prediction | None) -> str | None:
        """Return the name of a prediction, None for one that isn't here."""
        return next((name for name, item in self._items.items() if item is prediction), None)

    def free_name(self, name: str) -> str:
        """Return ``name``, with a number behind it where it is taken."""
        if name not in self._items:
            return name
        number = 2
        while f"{name} ({number})" in self._items:
            number += 1
        return f"{name} ({number})"

    def rename(self, old: str, new: str) -> None:
        """Give a prediction another name.

        Raises
        ------
        PredictionError
            There is none of the old name, or one of the new name already.
        """
        new = new.strip()
        if old == new:
            return
        item = self[old]
        if not new or new in self._items:
            raise PredictionError("a prediction needs a name of its own", found=new or "no name")
        self._items = {new if name == old else name: value for name, value in self._items.items()}
        if self._active == old:
            self._active = new
        assert self._items[new] is item
        self.changed.emit()

    # ---- for the session -----------------------------------------------------------------

    def put(self, name: str, prediction: Prediction) -> None:
        """Add a prediction, or put another one in its place, and make it the one shown."""
        self._items[name] = prediction
        self._active = name

    def drop(self, name: str) -> str | None:
        """Remove a prediction; return the name that is shown from now on."""
        del self._items[name]
        if self._active == name:
            self._active = next(reversed(self._items), None)
        return self._active

    def show(self, name: str) -> Prediction:
        """Make a prediction the one shown."""
        found = self[name]
        self._active = name
        return found

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()
        self._active = None
