"""What the mouse does to regions, and whether expression is hidden meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from psygnal import Signal

from napari_stexp.annotation import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.session.annotation.blinding import Blinding

__all__ = ["TOOLS", "RegionTools"]

#: What the mouse does on the slide.
TOOLS = ("none", "pick", "polygon", "lasso", "brush", "eraser", "select")
_HARMLESS = ("none", "pick", "select")
_BRUSH_RANGE = (1.0, 20_000.0)


class RegionTools(ABC):
    """Tool, brush, selection and blinding of `Regions`.

    Parameters
    ----------
    clock : callable
        Returns the time, with a time zone.

    Attributes
    ----------
    values_were_seen : bool
        Whether expression has been shown on this slide; kept by the session.
    """

    tool_changed = Signal(str)
    brush_changed = Signal(float)
    selection_changed = Signal(object)  # frozenset of ids
    blinding_changed = Signal(object)  # Blinding

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._selected: frozenset[str] = frozenset()
        self._tool = "none"
        self._brush = 200.0
        self._blinding = Blinding()
        self.values_were_seen = False

    @property
    @abstractmethod
    def items(self) -> tuple[Region, ...]:
        """The regions, oldest first."""

    def check_editable(self) -> None:
        """Raise `AnnotationError` while the annotation is locked."""
        if self._blinding.forbids_edits:
            raise AnnotationError(
                "the annotation is locked, because expression has been shown",
                hint="Unlock it first, in the panel Annotations; that is recorded.",
            )

    # ---- tools ---------------------------------------------------------------------------

    @property
    def tool(self) -> str:
        """What the mouse does on the slide: one of `TOOLS`."""
        return self._tool

    @tool.setter
    def tool(self, tool: str) -> None:
        if tool not in TOOLS:
            raise AnnotationError("no such tool", expected=", ".join(TOOLS), found=tool)
        if tool not in _HARMLESS:
            self.check_editable()
        if tool != self._tool:
            self._tool = tool
            self.tool_changed.emit(tool)

    @property
    def brush_um(self) -> float:
        """Diameter of brush and eraser, µm (level-0 px where the scale isn't known)."""
        return self._brush

    @brush_um.setter
    def brush_um(self, diameter: float) -> None:
        low, high = _BRUSH_RANGE
        diameter = min(max(float(diameter), low), high)
        if diameter != self._brush:
            self._brush = diameter
            self.brush_changed.emit(diameter)

    @property
    def selected(self) -> frozenset[str]:
        """Ids of the selected regions."""
        return self._selected

    def select(self, ids: Iterable[str]) -> None:
        """Select regions by id; ids of none are passed over."""
        chosen = frozenset(ids) & frozenset(region.id for region in self.items)
        if chosen != self._selected:
            self._selected = chosen
            self.selection_changed.emit(chosen)

    # ---- blinding ------------------------------------------------------------------------

    @property
    def blinding(self) -> Blinding:
        """Whether expression is hidden, or was while the regions were drawn."""
        return self._blinding

    def start_blinded(self) -> None:
        """Hide expression until the annotation is locked."""
        self._blind(self._blinding.start(self._clock(), seen_before=self.values_were_seen))

    def lock(self) -> None:
        """Lock the annotation and show expression; the time is recorded."""
        self._blind(self._blinding.lock(self._clock(), len(self.items)))
        if self._tool not in _HARMLESS:
            self.tool = "none"

    def unlock(self) -> None:
        """Allow edits again; that is recorded."""
        self._blind(self._blinding.unlock())

    def end_blinded(self) -> None:
        """Give up the blinded annotation: regions stay, its record goes."""
        self._blind(Blinding())

    def restore_blinding(self, blinding: Blinding) -> None:
        """Go on with the record of an earlier session."""
        self._blind(blinding)

    def _blind(self, new: Blinding) -> None:
        if new != self._blinding:
            self._blinding = new
            self.blinding_changed.emit(new)
