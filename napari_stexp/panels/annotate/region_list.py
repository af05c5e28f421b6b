"""The list of regions: choose, find on the slide, name, classify, lock and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QIcon, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from napari_stexp.panels.annotate.region_model import AREA, CLASS, LOCK, NAME, RegionModel
from napari_stexp.panels.annotate.tool_icons import draw_swatch

if TYPE_CHECKING:
    from napari_stexp.annotation import Region, RegionClass

__all__ = ["RegionList"]

_ROW_PX = 20
_MOST_SHOWN = 2_000  # so many selected rows are marked one by one
_FLAG = QItemSelectionModel.SelectionFlag


class RegionList(QTableView):
    """Regions in rows; every click and key asks, and changes nothing itself."""

    select_requested = Signal(object)  # set of ids
    fly_requested = Signal(object)  # Region
    remove_requested = Signal(object)  # list of ids
    classify_requested = Signal(object, object)  # list of ids, class or None
    rename_requested = Signal(str, str)
    lock_requested = Signal(object, bool)  # list of ids

    def __init__(self) -> None:
        super().__init__()
        self.model_ = RegionModel(self)
        self.setModel(self.model_)
        self._classes: tuple[RegionClass, ...] = ()
        self._quiet = False
        self.setToolTip(
            "Click a region to go there; Delete removes it. Double click its name to change it; "
            "the right button offers more."
        )
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setMinimumHeight(96)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(CLASS, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(NAME, 66)
        for column, width in ((AREA, 76), (LOCK, 36)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        self.clicked.connect(self._on_clicked)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        self.customContextMenuRequested.connect(self._show_menu)
        self.model_.rename_requested.connect(self.rename_requested)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no more height than it needs at least; it takes what is left."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    # ---- showing -------------------------------------------------------------------------

    def show_regions(
        self, regions: tuple[Region, ...], classes: Sequence[RegionClass], mpp: float | None
    ) -> None:
        """Show these regions."""
        self._classes = tuple(classes)
        self._quiet = True
        self.model_.set_look({one.name: one.color for one in classes}, mpp)
        self.model_.set_regions(regions)
        self._quiet = False

    def show_selected(self, ids: frozenset[str]) -> None:
        """Mark regions as selected, and bring the first of them into view."""
        if ids == frozenset(self.selected()):
            return
        self._quiet = True
        selection = QItemSelection()
        last = self.model_.columnCount() - 1
        rows = sorted(row for id_ in list(ids)[:_MOST_SHOWN] if (row := self.model_.row(id_)) >= 0)
        for row in rows:
            selection.select(self.model_.index(row, 0), self.model_.index(row, last))
        self.selectionModel().select(selection, _FLAG.ClearAndSelect)
        if rows:
            first = self.model_.index(rows[0], CLASS)
            self.selectionModel().setCurrentIndex(first, _FLAG.NoUpdate)
            self.scrollTo(first)
        self._quiet = False

    def selected(self) -> list[str]:
        """Return the ids of the marked rows."""
        regions = self.model_.regions
        ranges = self.selectionModel().selection()  # selectedRows() asks Python for every cell
        return [
            region.id
            for chosen in ranges
            if chosen.left() == 0
            for region in regions[chosen.top() : chosen.bottom() + 1]
        ]

    # ---- asking --------------------------------------------------------------------------

    def _on_selection(self, *_: Any) -> None:
        if not self._quiet:
            self.select_requested.emit(set(self.selected()))

    def _on_clicked(self, index: QModelIndex) -> None:
        region = self.model_.regions[index.row()]
        if index.column() == LOCK:
            self.lock_requested.emit([region.id], not region.locked)
        else:
            self.fly_requested.emit(region)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Delete what is selected; Enter goes there."""
        chosen = self.selected()
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and chosen:
            self.remove_requested.emit(chosen)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.fly_requested.emit(self.model_.regions[self.currentIndex().row()])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Keep Delete for the list, whatever shortcut the window has for it."""
        if event.type() == QEvent.Type.ShortcutOverride and event.key() in (
            Qt.Key.Key_Delete,
            Qt.Key.Key_Backspace,
        ):
            event.accept()
            return True
        return super().event(event)

    def menu(self) -> QMenu:
        """Return what can be done to the selected regions."""
        chosen = self.selected()
        menu = QMenu(self)

        def add(parent: QMenu, text: str, slot: Any, icon: QIcon | None = None) -> None:
            action = parent.addAction(text)
            if icon is not None:
                action.setIcon(icon)
            action.triggered.connect(lambda _on=False: slot())

        classes = menu.addMenu("Classify as")
        for one in self._classes:
            add(
                classes,
                one.name,
                lambda name=one.name: self.classify_requested.emit(chosen, name),
                QIcon(draw_swatch(one.color)),
            )
        add(classes, "no class", lambda: self.classify_requested.emit(chosen, None))
        if len(chosen) == 1:
            name = self.model_.index(self.model_.row(chosen[0]), NAME)
            add(menu, "Rename…", lambda: (self.setCurrentIndex(name), self.edit(name)))
        add(menu, "Lock", lambda: self.lock_requested.emit(chosen, True))
        add(menu, "Unlock", lambda: self.lock_requested.emit(chosen, False))
        add(menu, "Delete", lambda: self.remove_requested.emit(chosen))
        return menu

    def _show_menu(self, place: QPoint) -> None:
        if self.selected():
            self.menu().popup(self.viewport().mapToGlobal(place))
