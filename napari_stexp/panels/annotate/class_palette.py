"""The classes of regions: which one is drawn next, its key and colour, how much there is of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtGui import QColor, QIcon
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.annotate.tool_icons import draw_swatch
from napari_stexp.panels.widgets import make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.annotation import RegionClass

__all__ = ["ClassPalette"]

KEY, SWATCH, NAME, REGIONS, AREA = range(5)
_HEADERS = (
    ("", "The key that chooses this class while a drawing tool is in hand."),
    ("", "Click a colour to change it."),
    ("Class", "Click: what is drawn next is of this class. Double click: rename it."),
    ("Regions", "How many regions have this class."),
    ("Area", "Their area together; where regions overlap, it counts twice."),
)
_WIDTHS = (20, 24, 0, 56, 74)
_ROW_PX = 21
_MOST_ROWS = 7
_N_KEYS = 9
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class ClassPalette(QWidget):
    """Chooses, adds, renames and recolours classes; each click asks, and changes nothing."""

    active_requested = Signal(str)
    add_requested = Signal(str)
    rename_requested = Signal(str, str)
    color_requested = Signal(str, object)
    remove_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._classes: tuple[RegionClass, ...] = ()
        self._filling = False
        self.table = QTableWidget(0, len(_HEADERS))
        self.table.setToolTip(
            "Click a class, or press its number on the slide while a tool is in hand: what is "
            "drawn next is of it."
        )
        self._set_up_table()
        self.box = QLineEdit()
        self.box.setPlaceholderText("Another class …")
        self.box.setToolTip("Type the name of a class that is missing, and press Enter.")
        self.box.returnPressed.connect(self._ask_add)
        self.add_button = make_button("Add", "Add this class.", self._ask_add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.table)
        layout.addLayout(make_row(self.box, self.add_button, stretch=0))

    def _set_up_table(self) -> None:
        table = self.table
        for column, (title, tooltip) in enumerate(_HEADERS):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            table.setHorizontalHeaderItem(column, item)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(18)
        for column, width in enumerate(_WIDTHS):
            if width:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                header.resizeSection(column, width)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        table.cellClicked.connect(self._on_clicked)
        table.itemChanged.connect(self._on_changed)
        table.customContextMenuRequested.connect(self._show_menu)

    # ---- showing -------------------------------------------------------------------------

    def show_classes(
        self,
        classes: Sequence[RegionClass],
        active: str | None,
        numbers: Mapping[str, tuple[int, str]],
    ) -> None:
        """Show classes, the active one marked, with number of regions and area in words."""
        self._classes = tuple(classes)
        self._filling = True
        self.table.setRowCount(len(classes))
        for row, one in enumerate(self._classes):
            self._fill_row(row, one, *numbers.get(one.name, (0, "")))
        names = [one.name for one in self._classes]
        if active in names:
            self.table.selectRow(names.index(active))
        else:
            self.table.clearSelection()
        self._filling = False
        title = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(title + min(len(classes), _MOST_ROWS) * _ROW_PX + 4)

    def _fill_row(self, row: int, one: RegionClass, n: int, area: str) -> None:
        texts = (str(row + 1) if row < _N_KEYS else "", "", one.name, f"{n:,}" if n else "", area)
        for column, text in enumerate(texts):
            item = self.table.item(row, column)
            if item is None:
                item = QTableWidgetItem()
                item.setFlags(_FLAGS | Qt.ItemFlag.ItemIsEditable if column == NAME else _FLAGS)
                if column in (REGIONS, AREA):
                    item.setTextAlignment(
                        int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    )
                self.table.setItem(row, column, item)
            if item.text() != text:
                item.setText(text)
            tooltip = one.name if column == NAME else _HEADERS[column][1]
            if item.toolTip() != tooltip:
                item.setToolTip(tooltip)
        swatch = self.table.item(row, SWATCH)
        if swatch.data(Qt.ItemDataRole.UserRole) != one.color:
            swatch.setData(Qt.ItemDataRole.UserRole, one.color)
            swatch.setIcon(QIcon(draw_swatch(one.color)))

    def set_editable(self, editable: bool) -> None:
        """Let classes be changed, or not: a locked annotation keeps its own."""
        trigger = QAbstractItemView.EditTrigger
        self.table.setEditTriggers(trigger.DoubleClicked if editable else trigger.NoEditTriggers)
        self.box.setEnabled(editable)
        self.add_button.setEnabled(editable)

    # ---- asking --------------------------------------------------------------------------

    def _on_clicked(self, row: int, column: int) -> None:
        one = self._classes[row]
        if column == SWATCH and self.box.isEnabled():
            self._ask_color(one)
        else:
            self.active_requested.emit(one.name)

    def _on_changed(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != NAME:
            return
        old, new = self._classes[item.row()].name, item.text().strip()
        if new and new != old:
            self.rename_requested.emit(old, new)
        self._filling = True
        item.setText(self._classes[item.row()].name)  # what holds now, renamed or not
        self._filling = False

    def _ask_add(self) -> None:
        if name := self.box.text().strip():
            self.box.clear()
            self.add_requested.emit(name)

    def _ask_color(self, one: RegionClass) -> None:
        color = QColorDialog.getColor(QColor(*one.color), self, f"Colour of {one.name}")
        if color.isValid():
            self.color_requested.emit(one.name, (color.red(), color.green(), color.blue()))

    def menu(self, row: int) -> QMenu:
        """Return what can be done to a class."""
        one = self._classes[row]
        menu = QMenu(self)
        item = self.table.item(row, NAME)

        def add(text: str, slot: Any) -> None:
            menu.addAction(text).triggered.connect(lambda _on=False: slot())

        add("Rename…", lambda: self.table.editItem(item))
        add("Change colour…", lambda: self._ask_color(one))
        add("Remove", lambda: self.remove_requested.emit(one.name))
        return menu

    def _show_menu(self, place: QPoint) -> None:
        item = self.table.itemAt(place)
        if item is not None and self.box.isEnabled():
            self.menu(item.row()).popup(self.table.viewport().mapToGlobal(place))
