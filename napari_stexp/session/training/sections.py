"""The sections that may be used for a training, and what each one is used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from psygnal import Signal

__all__ = ["SectionRow", "SectionUses", "Split", "Use"]

Use = Literal["train", "validate", "hold out", "leave out"]
Split = Literal["patient", "section"]


@dataclass(frozen=True)
class SectionRow:
    """A section that may be used.

    Attributes
    ----------
    name, patient, organ : str
        As in its source; a patient of '' is unknown.
    n_spots : int, optional
        Known once the section has been read.
    problem : str
        Why it can't be used; '' if it can.
    """

    name: str
    patient: str = ""
    organ: str = ""
    n_spots: int | None = None
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be trained on or be held out."""
        return not self.problem

    @property
    def donor(self) -> str:
        """The patient; a section of an unknown one is a patient of its own."""
        return self.patient or f"?{self.name}"


class SectionUses:
    """The sections that there are, their uses, and whether patients are kept together."""

    sections_changed = Signal(object)  # tuple of SectionRow
    uses_changed = Signal(object)  # dict of name to Use

    def __init__(self) -> None:
        self._rows: tuple[SectionRow, ...] = ()
        self._uses: dict[str, Use] = {}
        self._split: Split = "patient"
        self._ticked: dict[Split, dict[str, Use]] = {}  # under the split that is not shown

    @property
    def sections(self) -> tuple[SectionRow, ...]:
        """Sections in their order."""
        return self._rows

    def set_row(self, row: SectionRow) -> None:
        """Replace what is known of one section: it has been read meanwhile."""
        rows = tuple(row if old.name == row.name else old for old in self._rows)
        if rows != self._rows:
            self._rows = rows
            if not row.usable and self._uses.get(row.name) != "leave out":
                self._uses[row.name] = "leave out"
                self._ticked.clear()
                self.uses_changed.emit(self.uses)
            self.sections_changed.emit(rows)

    def _set_rows(self, rows: Sequence[SectionRow], keep: Mapping[str, Use] | None = None) -> None:
        self._rows = tuple(rows)
        self._ticked.clear()
        names = {row.name for row in self._rows}
        if keep and names <= set(keep):
            self._uses = {row.name: keep[row.name] for row in self._rows}
        else:
            self._uses = self._propose()
        self.sections_changed.emit(self._rows)
        self.uses_changed.emit(self.uses)

    @property
    def uses(self) -> dict[str, Use]:
        """What each section is used for, by name."""
        return dict(self._uses)

    @property
    def split(self) -> Split:
        """Whether patients or single sections are held out."""
        return self._split

    def set_split(self, split: Split) -> None:
        """Hold out whole patients, or single sections; switched back, the ticks come back."""
        if split not in get_args(Split):
            raise ValueError(f"a split is by patient or by section, not {split!r}")
        if split == self._split:
            return
        self._ticked[self._split] = dict(self._uses)
        self._split = split
        before = self._ticked.get(split)
        if before is not None and before.keys() == self._uses.keys():
            self._uses = before  # switched there and back
        elif split == "patient" or not self.names("hold out"):
            self._uses = self._propose()
        self.uses_changed.emit(self.uses)

    def set_use(self, name: str, use: Use) -> None:
        """Use a section for something; by patient, all sections of its patient follow."""
        if use not in get_args(Use):
            raise ValueError(f"a section is used for one of {get_args(Use)}, not {use!r}")
        (row,) = (row for row in self._rows if row.name == name)
        siblings = (
            [other for other in self._rows if other.donor == row.donor]
            if self._split == "patient" and use != "leave out"
            else [row]
        )
        uses = dict(self._uses)
        for other in siblings:
            if other.usable and (other is row or uses[other.name] != "leave out"):
                uses[other.name] = use
        if uses != self._uses:
            self._uses = uses
            self.uses_changed.emit(self.uses)

    def set_uses(self, uses: Mapping[str, Use], split: Split) -> None:
        """Take up the uses of an earlier run; sections that it doesn't name are left out."""
        self._split = split
        self._ticked.clear()
        self._uses = {row.name: uses.get(row.name, "leave out") for row in self._rows}
        self.uses_changed.emit(self.uses)

    def names(self, use: Use) -> tuple[str, ...]:
        """Return the names of the sections with this use, in order."""
        return tuple(row.name for row in self._rows if self._uses.get(row.name) == use)

    def _propose(self) -> dict[str, Use]:
        """Hold out the smallest patient (or section) if there is another one to train on."""
        usable = [row for row in self._rows if row.usable]
        sizes: dict[str, int] = {}
        for row in usable:
            group = self._group(row)
            sizes[group] = sizes.get(group, 0) + 1
        # Of several, the last: then the first ones stay, as one reads them.
        held_out = min(reversed(sizes), key=sizes.__getitem__) if len(sizes) > 1 else None
        return {
            row.name: "leave out"
            if not row.usable
            else ("hold out" if self._group(row) == held_out else "train")
            for row in self._rows
        }

    def _group(self, row: SectionRow) -> str:
        return row.donor if self._split == "patient" else row.name

    def mixed_patients(self) -> list[str]:
        """Return known patients with sections both in the training and held out."""
        donors = {
            use: {row.patient for row in self._rows if self._uses.get(row.name) == use}
            for use in get_args(Use)
        }
        return sorted((donors["train"] & (donors["hold out"] | donors["validate"])) - {""})
