"""The dock *Plots*: what the clicked spot, the selected spots and the shown gene look like."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QSizePolicy, QTabBar, QWidget

from napari_stexp.panels.panel import Panel
from napari_stexp.panels.reading.classes_view import ClassesView
from napari_stexp.panels.reading.histogram_view import HistogramView
from napari_stexp.panels.reading.pair_view import PairView
from napari_stexp.panels.reading.profile_view import ProfileView
from napari_stexp.panels.registry import get_adapter
from napari_stexp.panels.text import HIDDEN
from napari_stexp.panels.widgets import Notice

__all__ = ["PlotsPanel"]

_TABS = {
    "Profile": "Which genes are high in a spot, or in some spots.",
    "Histogram": "How the shown gene's values are spread.",
    "Classes": "The shown gene in each class of spots.",
    "Two genes": "The shown gene against another one, spot by spot.",
}
_SOON_MS = 80
_LATER_MS = 1500  # while a prediction fills up: drawing takes time that it could use


class PlotsPanel(Panel):
    """Shows a profile or one of three plots at a time."""

    fills = True

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.control = self.controller.reading
        self._dock: QDockWidget | None = None
        self.adapter = get_adapter(napari_viewer)
        self.guide = Notice("hint")
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 5px; }")
        self.tabs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        for title, tooltip in _TABS.items():
            self.tabs.setTabToolTip(self.tabs.addTab(title), tooltip)
        self.profile_view = ProfileView(self)
        self.histogram_view = HistogramView(self)
        self.classes_view = ClassesView(self)
        self.pair_view = PairView(self)
        self.views: tuple[QWidget, ...] = (
            self.profile_view,
            self.histogram_view,
            self.classes_view,
            self.pair_view,
        )
        for widget in (self.guide, self.tabs):
            self.column.addWidget(widget)
        for view in self.views:
            self.column.addWidget(view, 1)
        self.column.addStretch(0)
        self._soon, self._later = (self._make_timer(ms) for ms in (_SOON_MS, _LATER_MS))
        self._connect()
        self.refresh()

    def _make_timer(self, ms: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(ms)
        timer.timeout.connect(self.refresh)
        return timer

    def _connect(self) -> None:
        session, labelling = self.session, self.session.labelling
        self.tabs.currentChanged.connect(lambda _tab: self.refresh())
        for signal in (
            session.spots_changed,
            session.prediction_changed,
            session.source_changed,
            session.gene_changed,
            session.display_changed,
            session.values_hidden_changed,
            session.selection_changed,
            session.focus_changed,
            session.signatures.scores_changed,
            session.regions.selection_changed,
            session.regions.changed,
            labelling.sources_changed,
            labelling.active_changed,
            labelling.values_changed,
        ):
            self.watch(signal, self._on_changed)
        self.watch(session.focus_changed, self.profile_view.on_focus)
        self.watch(session.selection_changed, self.profile_view.on_selection)
        self.watch(session.regions.selection_changed, self.profile_view.on_regions)
        self.watch(session.prediction_updated, self._on_updated)
        self.watch(self.adapter.focus.clicked, self._on_clicked)

    # ---- following -----------------------------------------------------------------------

    def _on_changed(self, *_new: Any) -> None:
        """Show it soon: several things change at once."""
        if not self._soon.isActive():
            self._soon.start()

    def _on_updated(self, *_new: Any) -> None:
        if not self._later.isActive():
            self._later.start()

    def _on_clicked(self, _spot: int) -> None:
        """Come to the front with the profile of the spot that was clicked on the slide."""
        dock = self.parent()
        if self.what_is_missing() or not isinstance(dock, QDockWidget) or dock.isHidden():
            return
        self.tabs.setCurrentIndex(0)
        dock.raise_()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Show what has come while nobody looked, now and whenever the tab comes forward."""
        super().showEvent(event)
        dock = self.parent()
        if isinstance(dock, QDockWidget) and dock is not self._dock:
            self._dock = dock
            dock.visibilityChanged.connect(self._on_changed)
        self._on_changed()

    @property
    def is_seen(self) -> bool:
        """Whether the dock is open, with no other tab in front of it."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the tab in front, as far as there is something to see."""
        missing = self.what_is_missing()
        self.guide.say("hint", missing)
        self.tabs.setVisible(not missing)
        for number, view in enumerate(self.views):
            shown = number == self.tabs.currentIndex() and not missing
            view.setVisible(shown)
            if shown and self.is_seen:
                view.refresh()  # type: ignore[attr-defined]

    def what_is_missing(self) -> str:
        """Return what to do before there is anything to plot; empty when there is."""
        session = self.session
        if session.hides_values:
            return HIDDEN
        if session.spots is None:
            return "Nothing to plot yet: open a slide and load spots, in the tab Slide & spots."
        if session.expression is None:
            return "Nothing to plot yet: predict first, in the tab Predict."
        return ""

    def select_none(self) -> None:
        """Take the selection of spots back."""
        self.control.select(None)
