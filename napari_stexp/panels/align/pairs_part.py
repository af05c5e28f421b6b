"""Pairs of points: the spots' own image, the list of pairs, and how well they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.align.own_view import OwnView
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row
from napari_stexp.viewer.alignment_view import pair_colour

if TYPE_CHECKING:
    from napari_stexp.panels.align.align_panel import AlignPanel

__all__ = ["PairsPart"]

_IMAGES = "Images (*.svs *.tif *.tiff *.btf *.jpg *.jpeg *.png *.ndpi *.scn);;All files (*)"
_HEADS = ("#", "Own", "Slide", "Off", "Left out")
_MISSING = "click"


class PairsPart(QWidget):
    """Sets, lists and fits pairs of points.

    Parameters
    ----------
    panel : AlignPanel
        Whose part it is.
    """

    def __init__(self, panel: AlignPanel) -> None:
        super().__init__()
        self._panel, self._control, self._aligning = panel, panel.control, panel.session.aligning
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.set_button = make_button(
            "Set points", "Set points on the slide with clicks, until you press it again."
        )
        self.set_button.setCheckable(True)
        self.set_button.clicked.connect(self._switch)
        self.image_button = make_button(
            "Own image…",
            "Choose the image that the spots' positions are pixels of. Without one, the spots "
            "are shown alone.",
            self._ask_image,
        )
        column.addLayout(make_row(self.set_button, self.image_button))
        self.hint = Notice(
            "hint",
            "Click the same place in the image below and on the slide: three places or more, far "
            "apart. Drag a point to move it.",
        )
        column.addWidget(self.hint)
        self.view = OwnView()
        column.addWidget(self.view)
        self.table = self._make_table()
        column.addWidget(self.table)
        self.remove_button = make_button(
            "Remove", "Remove the chosen pair (or the last one).", self._remove
        )
        self.kind_box = ignore_idle_wheel(QComboBox())
        self.kind_box.addItem("similarity", "similarity")
        self.kind_box.addItem("affine", "affine")
        self.kind_box.setToolTip(
            "A similarity moves, turns, mirrors and scales; an affine transform may also stretch "
            "one direction, and needs more pairs to be trusted."
        )
        self.kind_box.activated.connect(self._choose_kind)
        self.fit_button = make_button(
            "Place by pairs", "Show the spots where the pairs put them.", self._control.show_fit
        )
        column.addLayout(make_row(self.kind_box, self.remove_button, self.fit_button))
        self.verdict = Notice("hint")
        column.addWidget(self.verdict)
        self.view.clicked.connect(lambda x, y: self._control.do("set_point", own=(x, y)))
        self.view.moved.connect(lambda i, x, y: self._control.do("move_point", i, own=(x, y)))

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(_HEADS))
        table.setHorizontalHeaderLabels(list(_HEADS))
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        table.setMinimumHeight(118)
        table.setMaximumHeight(150)
        table.setToolTip(
            "Off: how far the fit misses the point on the slide. Left out: how far a fit to the "
            "other pairs misses it, which is what a new pair would show."
        )
        return table

    # ---- asking --------------------------------------------------------------------------

    def _switch(self, checked: bool) -> None:
        self._aligning.tool = "pair" if checked else "none"

    def _ask_image(self) -> None:
        if path := self._panel.ask_file("The spots' own image", _IMAGES):
            self._control.open_own_image(path)

    def _remove(self) -> None:
        row = self.table.currentRow()
        pairs = self._aligning.draft.pairs
        if pairs:
            self._control.do("remove_pair", row if 0 <= row < len(pairs) else len(pairs) - 1)

    def _choose_kind(self, _index: int) -> None:
        self._control.do("set_kind", self.kind_box.currentData())

    # ---- showing -------------------------------------------------------------------------

    def show_image(self) -> None:
        """Show the spots' own image, or the spots alone."""
        from napari_stexp.spots import drawn_diameter_px
        from napari_stexp.spots.alignment import own_positions

        spots = self._panel.session.spots
        image, px = self._control.own_image or (None, 1.0)
        own = None if spots is None else own_positions(spots)
        scale = 1.0
        if spots is not None and (present := self._aligning.present) is not None:
            scale = present.transform.scale
        diameter = 1.0 if spots is None else drawn_diameter_px(spots) / scale
        self.view.show_image(image, px, own, diameter)

    def refresh(self) -> None:
        """Show the present pairs."""
        draft = self._aligning.draft
        self.setEnabled(self._panel.session.spots is not None)
        setting = self._aligning.tool == "pair"
        self.set_button.setChecked(setting)
        self.view.show_points([(i, p.own) for i, p in enumerate(draft.pairs) if p.own is not None])
        self.kind_box.setCurrentIndex(self.kind_box.findData(draft.kind))
        self.remove_button.setEnabled(bool(draft.pairs))
        fit, why = self._aligning.fit()
        self.fit_button.setEnabled(fit is not None)
        self._fill()
        self._say(why)

    def _fill(self) -> None:
        pairs = self._aligning.draft.pairs
        fit, _ = self._aligning.fit()
        mpp = self._panel.session.world_mpp
        at = np.cumsum([pair.whole for pair in pairs]) - 1  # among those that are whole
        self.table.setRowCount(len(pairs))
        for row, pair in enumerate(pairs):
            cells = [str(row + 1), _write(pair.own), _write(pair.slide), "", ""]
            bad = False
            if fit is not None and pair.whole:
                index = int(at[row])
                cells[3] = _far(fit.residuals[index], mpp)
                cells[4] = _far(fit.left_out[index], mpp)
                bad = fit.outlier == index
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setToolTip("This pair contradicts the others." if bad else text)
                if column == 0:
                    item.setBackground(QColor(pair_colour(row)))
                    item.setForeground(QColor("black"))
                elif bad:
                    item.setBackground(QColor(225, 70, 70, 110))
                self.table.setItem(row, column, item)

    def _say(self, why: str) -> None:
        fit, _ = self._aligning.fit()
        mpp = self._panel.session.world_mpp
        pairs = self._aligning.draft.pairs
        whole = sum(pair.whole for pair in pairs)
        if fit is None:
            left = 3 - whole
            if not pairs:
                self.verdict.say("hint", "")
            elif left > 0:
                plural = "" if left == 1 else "s"
                self.verdict.say("hint", f"{left} more pair{plural} needed.")
            else:
                self.verdict.say("warning", why[0].upper() + why[1:])
            return
        text = f"Root mean square: {_far(fit.rms, mpp)}."
        if fit.outlier is not None:
            row = [i for i, pair in enumerate(pairs) if pair.whole][fit.outlier]
            text += f" Pair {row + 1} contradicts the others: check or remove it."
            self.verdict.say("warning", text)
            return
        few = " Another pair would show whether they can be trusted." if whole == 3 else ""
        self.verdict.say("hint", text + few)


def _write(place: tuple[float, float] | None) -> str:
    return _MISSING if place is None else f"{place[0]:.0f}, {place[1]:.0f}"


def _far(px: float, mpp: float | None) -> str:
    if not np.isfinite(px):
        return "-"
    return f"{px * mpp:.1f} µm" if mpp else f"{px:.1f} px"
