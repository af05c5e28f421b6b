"""The dock *Compare*: the prediction beside the pathologist's reading and the measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QSizePolicy, QTabBar, QWidget

from napari_stexp.panels.compare.agreement_view import AgreementView
from napari_stexp.panels.compare.label_chooser import LabelChooser
from napari_stexp.panels.compare.measured_view import MeasuredView
from napari_stexp.panels.compare.region_genes_view import RegionGenesView
from napari_stexp.panels.compare.report_form import ReportForm
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import get_adapter
from napari_stexp.panels.text import HIDDEN
from napari_stexp.panels.widgets import Notice

__all__ = ["ComparePanel"]

_TABS = {
    "Region genes": "Which genes mark a region.",
    "Agreement": "How far the expression's own domains agree with the labels.",
    "Measured": "The prediction beside what was measured.",
    "Report": "All of it in one file.",
}
_SOON_MS = 80


class ComparePanel(Panel):
    """Shows one of four comparisons at a time."""

    fills = True

    gene_requested = Signal(str)

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.control = self.controller.comparing
        self.adapter = get_adapter(napari_viewer)
        self.guide = Notice("hint")
        self.labels = LabelChooser()
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 4px; }")
        self.tabs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        for title, tooltip in _TABS.items():
            self.tabs.setTabToolTip(self.tabs.addTab(title), tooltip)
        self.hint = Notice("hint")
        self.genes_view = RegionGenesView(self)
        self.agreement_view = AgreementView(self)
        self.measured_view = MeasuredView(self)
        self.report_form = ReportForm(self)
        self.views: tuple[QWidget, ...] = (
            self.genes_view,
            self.agreement_view,
            self.measured_view,
            self.report_form,
        )
        for widget in (self.guide, self.labels, self.tabs, self.hint):
            self.column.addWidget(widget)
        for view in self.views:
            self.column.addWidget(view, 1)
        self.column.addStretch(0)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self.refresh)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        session, control = self.session, self.control
        self.gene_requested.connect(control.set_gene)
        self.labels.chosen.connect(control.use_labels)
        self.labels.remove_requested.connect(control.remove_labels)
        self.labels.show_requested.connect(control.show_labels)
        self.tabs.currentChanged.connect(self._on_tab)
        labelling, comparison = session.labelling, session.comparison
        for signal in (
            session.slide_changed,
            session.spots_changed,
            session.prediction_changed,
            session.source_changed,
            session.values_hidden_changed,
            session.selection_changed,
            session.regions.selection_changed,
            labelling.sources_changed,
            labelling.active_changed,
            labelling.values_changed,
            labelling.shown_changed,
            comparison.genes_changed,
            comparison.agreement_changed,
            comparison.scores_changed,
            comparison.side_by_side_changed,
            session.prediction_updated,
        ):
            self.watch(signal, self._on_changed)
        self.watch(session.gene_changed, self._on_gene)

    # ---- session -------------------------------------------------------------------------

    def _on_changed(self, *_new: Any) -> None:
        """Show it soon: several things change at once."""
        if not self._timer.isActive():
            self._timer.start()

    def _on_gene(self, _gene: Any) -> None:
        self.genes_view.show_gene()
        self.measured_view.show_gene()

    def _on_tab(self, _tab: int) -> None:
        self.refresh()

    @property
    def classes(self) -> list[str]:
        """The classes that spots have, without those that say that nobody could tell."""
        source = self.session.labelling.source_now
        if source is None:
            return []
        present = set(np.unique(source.compared.astype(str)))
        return [name for name in source.classes if name in present]

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what can be compared."""
        session = self.session
        nothing = self._what_is_missing()
        self.guide.say("hint", nothing)
        self.tabs.setVisible(not nothing)
        labelled = bool(session.labelling.keys)
        self.labels.setVisible(labelled and not session.hides_values)
        if labelled:
            self.labels.show_labelling(session.labelling)
        chosen = self.tabs.currentIndex()
        hint = "" if nothing else self._what_next(chosen)
        self.hint.say("hint", hint)
        for number, view in enumerate(self.views):
            shown = number == chosen and not nothing and not hint
            view.setVisible(shown)
            if shown:
                view.refresh()  # type: ignore[attr-defined]

    def _what_is_missing(self) -> str:
        session = self.session
        if session.hides_values:
            return HIDDEN
        if session.spots is None:
            return "Nothing to compare yet: open a slide and load spots, in the tab Slide & spots."
        if session.prediction is None and not session.has_measurement:
            return "Nothing to compare yet: predict first, in the tab Predict."
        return ""

    def _what_next(self, chosen: int) -> str:
        session = self.session
        if chosen == 0 and not self.classes:
            if not session.regions.selected and session.selection is None:
                return (
                    "Outline regions in the tab Annotations, open a table with labels there, or "
                    "select spots on the slide: then genes that mark them can be ranked."
                )
        elif chosen == 1 and len(self.classes) < 2:
            return (
                "Agreement needs spots of at least two classes: outline regions in the tab "
                "Annotations, or open a table with labels there."
            )
        elif chosen == 2 and session.prediction is None:
            return "Predict first, in the tab Predict: then it can be compared with the counts."
        elif chosen == 2 and not session.has_measurement:
            return "These spots come without counts, so there is no measurement to compare with."
        return ""

    def fly_to_spot(self, spot: int) -> None:
        """Bring a spot into view."""
        self.adapter.fly_to(spot)
