"""Annotating before any expression is seen, and the record of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from napari_stexp.errors import AnnotationError

__all__ = ["Blinding"]


@dataclass(frozen=True)
class Blinding:
    """Whether an annotation was made without seeing any expression.

    Each step returns a new record; times are those that are passed in.

    Attributes
    ----------
    state : {'off', 'annotating', 'locked', 'unlocked'}
        ``annotating``: expression is hidden. ``locked``: it is shown, and the annotation
        can't be edited. ``unlocked``: it is shown, and edits are allowed again, which the
        record keeps.
    started, locked_at : str or None
        ISO 8601 with time zone: when annotating began, and when it was *first* locked.
    seconds : float
        How long annotating took, to the first lock.
    n_unlocks : int
        How often the annotation was opened again after expression was seen.
    seen_before : bool
        Whether expression had been shown on this slide before annotating began.
    n_regions : int
        Regions at the first lock.
    """

    state: str = "off"
    started: str | None = None
    locked_at: str | None = None
    seconds: float = 0.0
    n_unlocks: int = 0
    seen_before: bool = False
    n_regions: int = 0

    @property
    def hides_values(self) -> bool:
        """Whether expression is hidden."""
        return self.state == "annotating"

    @property
    def forbids_edits(self) -> bool:
        """Whether the annotation is locked."""
        return self.state == "locked"

    def start(self, now: datetime, *, seen_before: bool = False) -> Blinding:
        """Begin to annotate with expression hidden."""
        if self.state == "annotating":
            return self
        return Blinding("annotating", started=now.isoformat(), seen_before=seen_before)

    def lock(self, now: datetime, n_regions: int) -> Blinding:
        """Lock the annotation and show expression.

        Raises
        ------
        AnnotationError
            There is nothing to lock, or annotating wasn't begun.
        """
        if self.state == "locked":
            return self
        if self.state == "off":
            raise AnnotationError(
                "there is no blinded annotation to lock", hint="Start a blinded annotation first."
            )
        if not n_regions:
            raise AnnotationError(
                "there is nothing to lock yet",
                expected="at least one region",
                hint="Outline a region first, or stop the blinded annotation.",
            )
        if self.locked_at is not None:
            return replace(self, state="locked")
        return replace(
            self,
            state="locked",
            locked_at=now.isoformat(),
            seconds=self.elapsed(now),
            n_regions=n_regions,
        )

    def unlock(self) -> Blinding:
        """Allow edits again; the record keeps that expression had been seen by then."""
        if self.state != "locked":
            return self
        return replace(self, state="unlocked", n_unlocks=self.n_unlocks + 1)

    def elapsed(self, now: datetime | None = None) -> float:
        """Return the seconds of annotating so far, or to the first lock."""
        if self.started is None or self.locked_at is not None:
            return self.seconds
        now = datetime.now(UTC) if now is None else now
        return max((now - datetime.fromisoformat(self.started)).total_seconds(), 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Blinding:
        """Return the record that `to_dict` wrote; what it doesn't know is left out.

        Raises
        ------
        AnnotationError
            The facts are none of a record.
        """
        known = {key: facts[key] for key in cls.__dataclass_fields__ if key in facts}
        try:
            record = cls(**known)
            times = [record.started, record.locked_at]
            _ = [datetime.fromisoformat(time) for time in times if time is not None]
        except (TypeError, ValueError) as error:
            raise AnnotationError(
                "the record of a blinded annotation is damaged", found=str(error)
            ) from error
        if record.state not in ("off", "annotating", "locked", "unlocked"):
            raise AnnotationError(
                "the record of a blinded annotation is damaged", found=f"state {record.state!r}"
            )
        return record
