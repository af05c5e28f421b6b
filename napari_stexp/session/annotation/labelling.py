"""What class each spot has, by whom: regions, a table, a column, or domains of expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.compare.label_colors import UNKNOWN_COLOR, as_text, choose_colors
from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.label_source import (
    BY_REGIONS,
    REGIONS,
    LabelSource,
    Question,
    label_by_regions,
)
from napari_stexp.session.part import Told

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.annotation import Region, RegionClass
    from napari_stexp.compare import Agreement

__all__ = ["REGIONS", "Labelling"]


_MANY = 20_000  # spots and regions; looking through so many takes some 50 ms


class Labelling:
    """The sources of labels, and which one is in use.

    Labels of regions are found when they are first asked for.
    """

    sources_changed = Signal()
    active_changed = Signal(object)  # key or None
    values_changed = Signal()  # of the active source
    shown_changed = Signal(bool)
    shown = Told(False, "Whether spots are coloured by class, in a layer of its own.")

    def __init__(self) -> None:
        self._spots: Any = None
        self._regions: Sequence[Region] = ()
        self._palette: Sequence[RegionClass] = ()
        self._fixed: dict[str, LabelSource] = {}
        self._of_regions: LabelSource | None = None
        self._before: LabelSource | None = None  # of these spots, by regions as they were
        self._active: str | None = None
        self._is_chosen = False

    # ---- what there is -------------------------------------------------------------------

    @property
    def sources(self) -> dict[str, LabelSource]:
        """All sources by key; that of the regions first."""
        regions = self._source_of_regions()
        return ({} if regions is None else {REGIONS: regions}) | self._fixed

    @property
    def keys(self) -> list[str]:
        """The keys of `sources`, without finding any labels."""
        return ([REGIONS] if self._has_regions else []) + list(self._fixed)

    @property
    def active(self) -> str | None:
        """Key of the source in use; None where there is none."""
        return self._active

    @active.setter
    def active(self, key: str | None) -> None:
        if key is not None and key not in self.keys:
            raise AnnotationError("there are no such labels", expected=self.keys, found=key)
        self._is_chosen = key is not None
        if key != self._active:
            self._active = key
            self.active_changed.emit(key)
            self.values_changed.emit()

    @property
    def source(self) -> LabelSource | None:
        """The source in use."""
        if self._active == REGIONS:
            return self._source_of_regions()
        return None if self._active is None else self._fixed[self._active]

    @property
    def source_now(self) -> LabelSource | None:
        """The source in use as far as it is known at once, for what must not wait.

        While many spots or regions are still to be looked through, their classes as they
        were before; see `open_question`.
        """
        if self._active != REGIONS:
            return self.source
        if self._of_regions is None and self._takes_long:
            return self._before
        return self._source_of_regions()

    @property
    def titles(self) -> dict[str, str]:
        """What each source is called, by key; no labels are found for it."""
        regions = {REGIONS: BY_REGIONS} if self._has_regions else {}
        return regions | {key: source.title for key, source in self._fixed.items()}

    @property
    def open_question(self) -> Question | None:
        """What is to be looked through before `source_now` is up to date; None for nothing."""
        waits = self._active == REGIONS and self._of_regions is None and self._takes_long
        return (self._spots, self._regions, self._palette) if waits else None

    def take_answer(self, question: Question, answer: LabelSource) -> None:
        """Use what `label_by_regions` found, unless something has changed meanwhile."""
        now = (self._spots, self._regions, self._palette)
        if self._of_regions is None and all(
            one is other for one, other in zip(question, now, strict=True)
        ):
            self._of_regions = self._before = answer
            if self._active == REGIONS:
                self.values_changed.emit()

    # ---- adding --------------------------------------------------------------------------

    def add_table(self, title: str, labels: pd.Series) -> str:
        """Add labels from a table, and use them.

        Parameters
        ----------
        title : str
            For people; labels of the same title are replaced.
        labels : Series
            By barcode; missing where there is none.

        Returns
        -------
        str
            Its key.

        Raises
        ------
        AnnotationError
            There are no spots, or none of them has a label.
        """
        if self._spots is None:
            raise AnnotationError("there are no spots to label", hint="Load the spots first.")
        values = as_text(labels.reindex(self._spots.obs_names))
        if not (values != "").any():
            raise AnnotationError(
                "no spot has a label",
                expected=f"spots such as {', '.join(map(str, self._spots.obs_names[:3]))}",
                found=", ".join(map(str, labels.index[:3])) or "an empty table",
            )
        return self._use(f"table:{title}", title, "table", values)

    def add_domains(self, agreement: Agreement) -> str:
        """Add the spatial domains of an agreement; those of the same method are replaced.

        A domain has the colour of the class that it is matched to.

        Returns
        -------
        str
            Its key.
        """
        names = {
            int(domain): f"domain {int(domain) + 1}" + (
                f" ({agreement.matches[int(domain)]})" if int(domain) in agreement.matches else ""
            )
            for domain in np.unique(agreement.domains[agreement.domains >= 0])
        }  # fmt: skip
        values = np.array([names.get(int(d), "") for d in agreement.domains], dtype=object)
        source = self.source
        known = {} if source is None else dict(source.colours)
        spare = choose_colors([n for d, n in names.items() if d not in agreement.matches])
        colours = {
            name: known.get(agreement.matches.get(domain, ""), spare.get(name, UNKNOWN_COLOR))
            for domain, name in names.items()
        }
        title = f"{agreement.source.capitalize()} domains ({agreement.method})"
        key = f"domains:{agreement.source}:{agreement.method}"
        self._fixed[key] = LabelSource(key, title, "domains", values, colours)
        self.sources_changed.emit()
        if key == self._active:
            self.values_changed.emit()
        return key

    @property
    def added(self) -> tuple[LabelSource, ...]:
        """Tables and domains: the sources that came neither with the spots nor from regions."""
        return tuple(one for one in self._fixed.values() if one.kind != "column")

    def put(self, source: LabelSource) -> None:
        """Add labels that were kept from before, in place of those of the same key.

        Raises
        ------
        AnnotationError
            They are of other spots.
        """
        n = 0 if self._spots is None else self._spots.n_obs
        if len(source.values) != n:
            raise AnnotationError(
                "labels of other spots", expected=f"{n} spots", found=len(source.values)
            )
        self._fixed[source.key] = source
        self._settle()
        self.sources_changed.emit()
        if source.key == self._active:
            self.values_changed.emit()

    def remove(self, key: str) -> None:
        """Take a source away; that of the regions goes with them only."""
        if self._fixed.pop(key, None) is not None:
            self._settle()
            self.sources_changed.emit()

    def _use(self, key: str, title: str, kind: str, values: NDArray[np.object_]) -> str:
        names = sorted(set(values) - {""})
        colours = choose_colors(names, self._palette)
        self._fixed[key] = LabelSource(key, title, kind, values, colours)
        self.sources_changed.emit()
        if self._active == key:
            self.values_changed.emit()
        self.active = key
        return key

    # ---- following the session -----------------------------------------------------------

    def follow_spots(self, spots: Any) -> None:
        """Label other spots: their own columns are the first sources."""
        self._spots, self._of_regions, self._fixed = spots, None, {}
        self._before = None
        self._is_chosen = False
        if spots is not None:
            from napari_stexp.spots import obs_label_columns

            for name in obs_label_columns(spots):
                values = as_text(spots.obs[name])
                colours = choose_colors(sorted(set(values) - {""}), self._palette)
                key, title = f"column:{name}", f"Column “{name}”"
                self._fixed[key] = LabelSource(key, title, "column", values, colours)
        self._settle()
        self.sources_changed.emit()
        self.values_changed.emit()

    def follow_regions(self, regions: Sequence[Region], palette: Sequence[RegionClass]) -> None:
        """Follow edits of the regions."""
        had = self._has_regions
        self._regions, self._palette, self._of_regions = regions, palette, None
        self._settle()
        if had != self._has_regions:
            self.sources_changed.emit()
        if self._active == REGIONS:
            self.values_changed.emit()

    @property
    def _has_regions(self) -> bool:
        return bool(self._regions) and self._spots is not None

    @property
    def _takes_long(self) -> bool:
        return self._has_regions and len(self._regions) + self._spots.n_obs > _MANY

    def _source_of_regions(self) -> LabelSource | None:
        if not self._has_regions:
            return None
        if self._of_regions is None:
            found = label_by_regions(self._spots, self._regions, self._palette)
            self._of_regions = self._before = found
        return self._of_regions

    def _settle(self) -> None:
        """Keep the user's choice while it is there; else regions, a column, or nothing."""
        old = self._active
        keys = self.keys
        if old not in keys:
            self._is_chosen = False
        if not self._is_chosen:
            self._active = keys[0] if keys else None
        if self._active != old:
            self.active_changed.emit(self._active)
            self.values_changed.emit()
