"""The dock *Align*: do the spots lie where they belong, and if not, how to lay them there."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox

from napari_stexp.panels.align.align_control import AREA
from napari_stexp.panels.align.fit_row import FitRow
from napari_stexp.panels.align.nudge_part import NudgePart
from napari_stexp.panels.align.orientation_table import OrientationTable
from napari_stexp.panels.align.pairs_part import PairsPart
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import ALIGN, get_adapter, join_tabs
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row

__all__ = ["AlignPanel"]

_SPOTS = "Spots (*.h5ad)"


class AlignPanel(Panel):
    """Lays spots on the slide by the tissue, scale factors, pairs of points, or by hand."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.control = self.controller.aligning
        self.aligning = self.session.aligning
        self.adapter = get_adapter(napari_viewer)
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.fit_row = FitRow(self.controller, in_dock=True)
        self.column.addWidget(self.fit_row)
        self.add_area(AREA, "this")
        self._build_parts()
        self._build_end()
        self._connect()
        if self.control.own_image is None:
            self.control.take_own_image()
        self.refresh()

    # ---- building ------------------------------------------------------------------------

    def _build_parts(self) -> None:
        self.orientation_fold = Fold(
            "Turn or mirror", "All ways to lay the spots by right angles, and how well each fits."
        )
        self.orientations = OrientationTable()
        self.orientation_fold.column.addWidget(self.orientations)
        self.scale_fold = Fold(
            "Positions of another image", "For positions that are pixels of a reduced image."
        )
        self.image_box = ignore_idle_wheel(QComboBox())
        self.image_box.setToolTip("Which image the positions in the file are pixels of.")
        self.scale_button = make_button(
            "Show so", "Show the spots as if their positions were this image's.", self._ask_scale
        )
        self.scale_fold.column.addLayout(make_row(self.image_box, self.scale_button, stretch=0))
        self.pairs_fold = Fold("Pairs of points", "Click the same places in both images.")
        self.pairs = PairsPart(self)
        self.pairs_fold.column.addWidget(self.pairs)
        self.nudge_fold = Fold("Move by hand", "Drag, turn, scale and mirror the spots.")
        self.nudge = NudgePart(self)
        self.nudge_fold.column.addWidget(self.nudge)
        for fold in (self.orientation_fold, self.scale_fold, self.pairs_fold, self.nudge_fold):
            self.column.addWidget(fold)

    def _build_end(self) -> None:
        self.state = Notice("hint")
        self.column.addWidget(self.state)
        self.apply_button = make_button(
            "Apply", "Lay the spots where they are shown now. Undo takes it back.",
            self.control.apply,
        )  # fmt: skip
        self.reset_button = make_button(
            "Reset", "Show the spots where they lie.", lambda: self.control.do("reset")
        )
        self.undo_button = make_button("Undo", "Take back the last step (Ctrl+Z).", self._undo)
        self.column.addLayout(make_row(self.apply_button, self.reset_button, self.undo_button))
        self.back_button = make_button(
            "As in their file", "Lay the spots where their file had them.", self.control.take_back
        )
        self.save_button = make_button(
            "Save spots…", "Save the spots as they lie now, with the alignment.", self._ask_save
        )
        self.column.addLayout(make_row(self.back_button, self.save_button))

    def _connect(self) -> None:
        self.orientations.wanted.connect(self._show_orientation)
        self.control.own_image_changed.connect(self.pairs.show_image)
        self.watch(self.aligning.changed, self._on_draft)
        self.watch(self.aligning.checked, self._on_draft)
        self.watch(self.aligning.tool_changed, self._on_draft)
        self.watch(self.session.spots_changed, self._on_spots)
        self.watch(self.session.slide_changed, self._on_draft)
        self.watch(self.session.undoing.changed, self._on_draft)

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Stand behind the other tabs."""
        super().showEvent(event)
        QTimer.singleShot(0, self._join_tabs)  # napari is still docking it

    def _join_tabs(self) -> None:
        join_tabs(self, ALIGN[0])

    # ---- asking --------------------------------------------------------------------------

    def _show_orientation(self, one: Any) -> None:
        self.control.do("reset")
        self.control.do("transform_by", one.transform, one.words)

    def _ask_scale(self) -> None:
        frame = self.image_box.currentData()
        if frame is not None:
            self.control.scale_from(frame)

    def _undo(self) -> None:
        self.controller.guard(AREA, self.session.undoing.undo)

    def _ask_save(self) -> None:
        section = self.session.spots.uns.get("stexp_spots", {}).get("section") or "spots"
        if path := self.ask_save("Save the spots", f"{section}_aligned.h5ad", _SPOTS):
            self.control.save(path)

    # ---- showing -------------------------------------------------------------------------

    def _on_spots(self, _: Any = None) -> None:
        self.control.take_own_image()
        self._fill_images()
        self.refresh()

    def _on_draft(self, _: Any = None) -> None:
        self.refresh()

    def _fill_images(self) -> None:
        from napari_stexp.spots.alignment import list_frames

        spots = self.session.spots
        frames = [] if spots is None else list_frames(spots)
        self.image_box.clear()
        for frame in frames:
            scale = "" if frame.factor == 1 else f" (1 : {1 / frame.factor:.4g})"
            self.image_box.addItem(f"{frame.name}{scale}", frame)
        self.scale_fold.setVisible(len(frames) > 1)

    def refresh(self) -> None:
        """Show the present draft and what is known of it."""
        session, aligning = self.session, self.aligning
        ready = session.slide is not None and session.spots is not None
        if not self.image_box.count() and ready:
            self._fill_images()
        self.guide.say("hint", "" if ready else "Open a slide and load its spots first.")
        self.fit_row.refresh()
        self.orientations.show_check(aligning.check)
        self.pairs.refresh()
        self.nudge.refresh()
        moved = aligning.moved
        self.apply_button.setEnabled(ready and moved)
        self.reset_button.setEnabled(moved)
        text = session.undoing.undo_text
        self.undo_button.setEnabled(bool(text))
        what = f": {text}" if text else ""
        self.undo_button.setToolTip(f"Take back the last step (Ctrl+Z){what}.")
        present = aligning.present
        self.back_button.setEnabled(present is not None)
        self.save_button.setEnabled(session.spots is not None and not moved)
        self._say_state(present)

    def _say_state(self, present: Any) -> None:
        aligning = self.aligning
        if aligning.moved:
            steps = "; ".join(aligning.draft.steps)
            self.state.say("warning", f"Not applied yet: {steps}.")
        elif present is not None:
            self.state.say("done", f"Aligned: {present.method}.")
        else:
            self.state.say("hint", "")
