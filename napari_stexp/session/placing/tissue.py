"""The tissue of the open slide: found, tidied and edited by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_stexp.errors import SlideError
from napari_stexp.session.part import SessionPart, Told

if TYPE_CHECKING:
    from napari_stexp.session.state import Session
    from napari_stexp.slide import TissueMask

__all__ = ["TOOLS", "Tissue"]

#: What the mouse does to the mask: nothing, adds, takes away, drops a piece, fills a hole.
TOOLS = ("none", "paint", "erase", "drop", "fill")


class Tissue(SessionPart):
    """Where the session's slide has tissue.

    Without a mask here it is found anew by whatever needs it. Every change is one step of
    the session's undo.

    Attributes
    ----------
    changed : Signal
        Another mask, or none.
    shown_changed : Signal of bool
    tool_changed : Signal of str
    limits_changed : Signal of bool
    """

    changed = Signal()
    shown_changed = Signal(bool)
    tool_changed = Signal(str)
    limits_changed = Signal(bool)
    shown = Told(True, "Whether a mask is drawn over the slide.")
    limits = Told(False, "Whether 'Predict' leaves out spots off the mask.")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._mask: TissueMask | None = None
        self._tool = "none"
        self._path: Any = None
        session.slide_changed.connect(self._on_slide)
        self.shown_changed.connect(self._on_shown)

    def _on_slide(self, slide: Any) -> None:
        """Another slide has other tissue; the same one at another scale keeps it."""
        path = None if slide is None else slide.path
        if path != self._path:
            self._path = path
            self.tool = "none"
            self.limits = False
            self.restore(None)

    @property
    def mask(self) -> TissueMask | None:
        """The mask in use; None: it is found when it is needed."""
        return self._mask

    def put(self, mask: TissueMask | None, step: str) -> None:
        """Use a mask, or none; ``step`` is what undo calls it.

        Raises
        ------
        SlideError
            No slide is open, or the mask is of another one.
        """
        slide = self._session.slide
        if mask is not None:
            if slide is None:
                raise SlideError("there is no slide to have tissue", hint="Open a slide first.")
            expected = [side / mask.downsample for side in slide.shape]
            if any(abs(a - b) > 2 + 0.01 * b for a, b in zip(mask.shape, expected, strict=True)):
                raise SlideError(
                    "this mask is of another slide",
                    expected=f"the proportions of {slide.shape[1]} x {slide.shape[0]} px",
                    found=f"{mask.shape[1]} x {mask.shape[0]} px",
                )
        with self._session.undoing.step(step):
            self.restore(mask)

    def edit(self, pixels: Any, step: str = "Paint tissue") -> None:
        """Use other pixels, (h, w), of the present mask; what isn't 0 is tissue."""
        if self._mask is None:
            raise SlideError("there is no mask to edit", hint="Find the tissue first.")
        new = self._mask.edit(pixels)
        if not new.same(self._mask):
            self.put(new, step)

    def restore(self, mask: TissueMask | None) -> None:
        """Use a mask that was used before, without a step of undo."""
        if mask is self._mask:
            return
        self._mask = mask
        if mask is None:
            self.tool = "none"
        self.changed.emit()

    # ---- how it is shown and used --------------------------------------------------------

    def _on_shown(self, shown: bool) -> None:
        if not shown:
            self.tool = "none"

    @property
    def tool(self) -> str:
        """What the mouse does to the mask: one of `TOOLS`."""
        return self._tool

    @tool.setter
    def tool(self, tool: str) -> None:
        if tool not in TOOLS:
            raise ValueError(f"no such tool: {tool}")
        if tool != "none" and self._mask is None:
            return
        if tool != self._tool:
            self._tool = tool
            if tool != "none":
                self.shown = True
            self.tool_changed.emit(tool)
