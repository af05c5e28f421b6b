"""The dock *Genes*: find a gene, step through genes, and read the colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QButtonGroup, QRadioButton, QWidget

from napari_stexp.panels.figure_form import FigureButton
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.genes.color_bar import ColorBar
from napari_stexp.panels.genes.composite_view import CompositeView
from napari_stexp.panels.genes.display_controls import DisplayControls
from napari_stexp.panels.genes.gene_list import GeneList
from napari_stexp.panels.genes.gene_words import describe_uncoloured
from napari_stexp.panels.genes.signatures_view import SignaturesView
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.text import HIDDEN
from napari_stexp.panels.views.views_row import ViewsRow
from napari_stexp.panels.widgets import Notice, make_row
from napari_stexp.session import DisplaySettings, find_percentile, with_transform

__all__ = ["GenesPanel"]

_SEEN_MS = 1500  # a gene that was shown as long as this is a recent one, not one passed by
_NUMBERS_MS = 1000  # how often the list's means follow a running prediction
_LEGEND_MS = 250
_MANY = 20_000  # spots whose percentiles take as long as their colours


class GenesPanel(Panel):
    """Browses genes of what was predicted or measured."""

    fills = True

    gene_requested = Signal(str)
    source_requested = Signal(str)
    display_requested = Signal(object)  # DisplaySettings
    statistics_requested = Signal()

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self._build_sources()
        self.list = GeneList()
        self.column.addWidget(self.list, 1)
        self.add_area("genes", "this")
        self.color_bar = ColorBar()
        self.column.addWidget(self.color_bar)
        self.key = Notice("hint")
        self.column.addWidget(self.key)
        self.controls = DisplayControls()
        self.column.addWidget(self.controls)
        self.folds: list[Fold] = []
        self._build_extras()
        self.column.addStretch(0)
        self._numbers_timer = self._make_timer(_NUMBERS_MS, self._show_numbers)
        self._legend_timer = self._make_timer(_LEGEND_MS, self._show_legend)
        self._seen_timer = self._make_timer(_SEEN_MS, self._note_gene)
        self._listed: list[str] | None = None
        self._connect()
        self.refresh()

    def _build_extras(self) -> None:
        """Add what folds away under the list: each line is one part with its own module.

        A part is a widget made of this panel, whose ``session``, ``controller`` and
        ``watch`` it uses; `add_fold` shows it while there are genes.
        """
        self.signatures = SignaturesView(self)
        self.add_fold(
            "Signatures and markers", "Scores of lists of genes on the slide.", self.signatures
        )
        self.composite = CompositeView(self)
        self.add_fold(
            "Three genes at once", "Genes or signatures in red, green and blue.", self.composite
        )
        self.views = ViewsRow(self)
        self.add_fold(
            "Side by side", "Several genes, or several models, with one camera.", self.views
        )
        self.figure = FigureButton(self)
        self.column.addWidget(self.figure)

    def add_fold(self, title: str, tooltip: str, widget: QWidget, *, opened: bool = False) -> Fold:
        """Put a widget into a fold of its own, at the end of the panel."""
        fold = Fold(title, tooltip, opened=opened)
        fold.column.addWidget(widget)
        self.folds.append(fold)
        self.column.addWidget(fold)
        return fold

    def _build_sources(self) -> None:
        self.predicted_button = QRadioButton("predicted")
        self.predicted_button.setToolTip("Show what the model predicts.")
        self.measured_button = QRadioButton("measured")
        self.measured_button.setToolTip("Show what was measured, on the prediction's scale.")
        self._sources = QButtonGroup(self)
        self._sources.addButton(self.predicted_button)
        self._sources.addButton(self.measured_button)
        self.source_row = QWidget()
        self.source_row.setLayout(make_row(self.predicted_button, self.measured_button))
        self.column.addWidget(self.source_row)

    def _make_timer(self, milliseconds: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _connect(self) -> None:
        controller, session = self.controller, self.session
        self.gene_requested.connect(controller.set_gene)
        self.source_requested.connect(controller.set_source)
        self.display_requested.connect(controller.set_display)
        self.statistics_requested.connect(controller.find_statistics)
        self.list.gene_requested.connect(self.gene_requested)
        self.list.star_requested.connect(controller.genes.toggle_favourite)
        self.list.columns_requested.connect(controller.genes.set_columns)
        self.list.morans_i_requested.connect(controller.genes.find_morans_i)
        self.controls.display_requested.connect(self.display_requested)
        self.controls.transform_requested.connect(self._ask_transform)
        self.color_bar.limits_dragged.connect(self._ask_limits)
        self.color_bar.threshold_dragged.connect(self._ask_threshold)
        self.color_bar.usual_limits_wanted.connect(self._ask_usual_limits)
        self.predicted_button.clicked.connect(lambda: self.source_requested.emit("predicted"))
        self.measured_button.clicked.connect(lambda: self.source_requested.emit("measured"))
        controller.statistics_found.connect(self._on_statistics)
        controller.genes.morans_i_found.connect(self._show_numbers)
        self.watch(session.marks.changed, self._show_marks)
        self.watch(session.signatures.names_changed, self._show_names)
        self.watch(session.values_hidden_changed, self._on_content)
        self.watch(session.spots_changed, self._on_content)
        self.watch(session.prediction_changed, self._on_content)
        self.watch(session.bundle_changed, self._on_content)
        self.watch(session.source_changed, self._on_content)
        self.watch(session.gene_changed, self._on_gene)
        self.watch(session.composite_changed, self._on_composite)
        self.watch(session.display_changed, self._on_display)
        self.watch(session.prediction_updated, self._on_batch)

    # ---- session -------------------------------------------------------------------------

    def _on_content(self, _new: Any) -> None:
        self.refresh()

    def _on_gene(self, gene: str | None) -> None:
        self.list.show_gene(gene)
        self._seen_timer.start()
        spots = self.session.spots
        if spots is not None and spots.n_obs > _MANY:  # the slide first
            self._legend_timer.start()
        else:
            self._show_legend()

    def _on_composite(self, composite: tuple[str, ...]) -> None:
        """Hide the scale of one gene while several are mixed."""
        self.color_bar.setVisible(bool(self._listed) and not composite)

    def _note_gene(self) -> None:
        session = self.session
        if session.gene is not None and session.gene in session.genes:
            session.marks.note(session.gene)

    def _on_statistics(self) -> None:
        self._show_numbers()
        self.session.improve_default()
        if self.list.wants_morans_i:
            self.controller.genes.find_morans_i(unasked=True)

    def _on_display(self, _display: Any) -> None:
        self._show_legend()

    def _on_batch(self, _batch: Any) -> None:
        for timer in (self._numbers_timer, self._legend_timer):
            if not timer.isActive():
                timer.start()

    def _on_task_ended(self, area: str) -> None:
        super()._on_task_ended(area)
        if area == "predict":
            self.refresh()

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the session's genes."""
        session = self.session
        hidden = session.hides_values
        genes = [] if hidden else session.genes
        both = not hidden and session.prediction is not None and session.has_measurement
        self.source_row.setVisible(both)
        self.predicted_button.setChecked(session.source == "predicted")
        self.measured_button.setChecked(session.source == "measured")
        for widget in (self.list, self.color_bar, self.controls, *self.folds):
            widget.setVisible(bool(genes))
        self.figure.setVisible(bool(genes) or session.slide is not None)
        self.guide.say("hint", "" if genes else self._what_next())
        if genes != self._listed:
            self._listed = genes
            self.list.set_genes(genes)
            self._show_marks()
            self._show_names()
        self._on_composite(session.composite)
        self.list.show_gene(session.gene)
        self._show_legend()
        if genes:
            self.statistics_requested.emit()
            self.controller.signatures.want_names()

    def _what_next(self) -> str:
        if self.session.hides_values:
            return HIDDEN
        missing = self.session.missing()
        if missing:
            return "There are no genes to show yet. " + " ".join(missing) + " Then press Predict."
        return "There are no genes to show yet: press Predict, in the tab Predict."

    def _show_numbers(self) -> None:
        if not self._listed:
            return
        table = self.session.gene_table()
        if len(table) == len(self._listed):
            self.list.show_numbers(table)

    def _show_marks(self) -> None:
        marks = self.session.marks
        self.list.set_marks(marks.favourites, marks.recent)
        self.list.show_columns(marks.columns)

    def _show_names(self) -> None:
        expression = self.session.expression
        names = None if expression is None else self.session.signatures.names_of(expression)
        if names is not None and self._listed:
            self.list.set_names(names)

    def _show_legend(self) -> None:
        session = self.session
        if session.hides_values:
            self.key.say("hint", "")
            return
        values, display = session.shown_values(), session.display
        limits = session.limits(values)
        self.controls.show_display(display, limits)
        self.color_bar.show_scale(
            session.gene or "",
            display.colormap,
            limits,
            session.value_label,
            values,
            display.threshold,
        )
        self.key.say("hint", describe_uncoloured(values, session.status()))

    # ---- asking --------------------------------------------------------------------------

    def _ask_transform(self, transform: str) -> None:
        self.display_requested.emit(with_transform(self.session, transform))

    def _ask_limits(self, low: float, high: float) -> None:
        """Set limits that were dragged: as values by hand, else as the percentiles they are at."""
        display = self.session.display
        if display.limits_mode == "manual":
            self.display_requested.emit(replace(display, manual_limits=(low, high)))
            return
        shared = display.limits_mode == "shared"
        found = self.session.values_everywhere() if shared else [self.session.shown_values()]
        values = np.concatenate([part for part in found if part is not None])
        present = zip((low, high), self.color_bar.limits, display.percentiles, strict=True)
        ends = [
            percentile if end == shown else round(find_percentile(values, end), 3)
            for end, shown, percentile in present  # the end that wasn't moved stays as it is
        ]
        if ends[0] < ends[1]:
            self.display_requested.emit(replace(display, percentiles=(ends[0], ends[1])))

    def _ask_threshold(self, value: float) -> None:
        self.display_requested.emit(replace(self.session.display, threshold=value))

    def _ask_usual_limits(self) -> None:
        display = self.session.display
        by_hand = display.limits_mode == "manual"
        mode = DisplaySettings().limits_mode if by_hand else display.limits_mode
        percentiles = DisplaySettings().percentiles
        self.display_requested.emit(replace(display, limits_mode=mode, percentiles=percentiles))
