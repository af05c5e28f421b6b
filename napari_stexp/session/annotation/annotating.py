"""The part of a session that is the pathologist's: regions, labels, chosen spots, comparisons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import SpotsError
from napari_stexp.session.annotation.blinding import Blinding
from napari_stexp.session.annotation.comparison import Comparison
from napari_stexp.session.annotation.labelling import Labelling
from napari_stexp.session.annotation.regions import Regions
from napari_stexp.session.views import Views

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction

__all__ = ["Annotating"]


class Annotating(ABC):
    """What a pathologist adds to a slide, and what it is compared with.

    Attributes
    ----------
    regions : Regions
        Outlines and how they are edited; whether expression is hidden meanwhile.
    labelling : Labelling
        Each spot's class, from regions, columns, tables or domains.
    comparison : Comparison
        Results of comparing.
    views : Views
        How many pictures of the spots there are, and of what.
    """

    annotations_changed = Signal(object)
    selection_changed = Signal(object)  # (N,) bool or None
    values_hidden_changed = Signal(bool)

    _spots: Any
    _prediction: Prediction | None

    def __init__(self) -> None:
        super().__init__()
        self.regions = Regions()
        self.labelling = Labelling()
        self.views = Views()
        self.comparison = Comparison(self.views, self.labelling)
        self._annotations: list[Any] | None = None
        self._selection: NDArray[np.bool_] | None = None
        self._was_hidden = False
        self.regions.changed.connect(self._on_regions_changed)
        self.regions.classes_changed.connect(self._on_classes_changed)
        self.regions.blinding_changed.connect(self._on_blinding_changed)

    # ---- regions and labels --------------------------------------------------------------

    @property
    def annotations(self) -> list[Any] | None:
        """The pathologist's regions, in level-0 pixels, or None."""
        return self._annotations

    @annotations.setter
    def annotations(self, regions: list[Any] | None) -> None:
        self.set_annotations(regions)

    def set_annotations(self, regions: list[Any] | None) -> None:
        """Show regions on the slide in place of those that are there.

        Raises
        ------
        AnnotationError
            The annotation is locked.
        """
        if regions is self._annotations:
            return
        self.regions.check_editable()
        self._annotations = regions
        self.regions.load(regions)

    def _on_regions_changed(self, items: Sequence[Any]) -> None:
        if tuple(self._annotations or ()) != tuple(items):
            self._annotations = list(items) or None
        self.labelling.follow_regions(items, self.regions.classes)
        self.annotations_changed.emit(self._annotations)

    def _on_classes_changed(self, classes: Sequence[Any]) -> None:
        self.labelling.follow_regions(self.regions.items, classes)

    def labels(self) -> list[str] | None:
        """Return each spot's class in the labels in use, '' for none; None without labels."""
        source = self.labelling.source
        return None if source is None else list(source.values)

    # ---- blinding ------------------------------------------------------------------------

    @property
    def hides_values(self) -> bool:
        """Whether expression is hidden until the annotation is locked."""
        return self.regions.blinding.hides_values

    def _on_blinding_changed(self, blinding: Blinding) -> None:
        hidden = blinding.hides_values
        if hidden != self._was_hidden:
            self._was_hidden = hidden
            if hidden:
                self.views.show("single")
            self.values_hidden_changed.emit(hidden)
        self._note_what_is_seen()

    def _note_what_is_seen(self) -> None:
        if not self.hides_values and self._has_values():
            self.regions.values_were_seen = True

    @abstractmethod
    def _has_values(self) -> bool:
        """Whether there is any expression to see."""

    # ---- chosen spots --------------------------------------------------------------------

    @property
    def selection(self) -> NDArray[np.bool_] | None:
        """Which spots are chosen, (N,); None for none."""
        return self._selection

    def select_spots(self, mask: NDArray[np.bool_] | None) -> None:
        """Choose spots.

        Parameters
        ----------
        mask : (N,) bool array or None
            None, or nothing but False, for none.

        Raises
        ------
        SpotsError
            The mask is one of other spots.
        """
        if mask is not None:
            mask = np.array(mask, dtype=np.bool_)
            n = 0 if self._spots is None else self._spots.n_obs
            if mask.shape != (n,):
                raise SpotsError("a choice of other spots", expected=f"({n},)", found=mask.shape)
            mask = mask if mask.any() else None
        old = self._selection
        same = old is mask or (old is not None and mask is not None and np.array_equal(old, mask))
        if not same:
            self._selection = mask
            self.selection_changed.emit(mask)

    def select_spots_in(self, geometry: Any) -> None:
        """Choose the spots whose centres lie in a shape.

        Parameters
        ----------
        geometry : shapely Polygon or MultiPolygon
            (x, y), level-0 pixels; a centre on its border is not in it.

        Raises
        ------
        SpotsError
            There are no spots.
        """
        import shapely

        if self._spots is None:
            raise SpotsError("there are no spots to choose from", hint="Load the spots first.")
        xy = np.asarray(self._spots.obsm["spatial"], dtype=np.float64)
        shapely.prepare(geometry)
        self.select_spots(shapely.contains_xy(geometry, xy[:, 0], xy[:, 1]))

    def _tell_annotating(self, spots: bool, annotations: bool, prediction: bool) -> None:
        """Say what has changed, and forget what was found of other spots or predictions."""
        if spots or prediction:
            self.comparison.clear()
        if spots:
            self.labelling.follow_spots(self._spots)
            self.selection_changed.emit(None)
        if annotations:
            self.regions.announce()
