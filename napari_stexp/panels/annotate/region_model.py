"""The regions behind the list: 100,000 of them cost nothing until they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor, QIcon

from napari_stexp.panels.annotate.tool_icons import draw_swatch, draw_tool
from napari_stexp.panels.titled_model import TitledModel

if TYPE_CHECKING:
    from napari_stexp.annotation import Region

__all__ = ["RegionModel", "write_area"]

CLASS, NAME, AREA, LOCK = range(4)
_TITLES = ("Class", "Name", "Area", "Lock")
_TOOLTIPS = (
    "The region's class.",
    "The region's own name. Double click to change it.",
    "The region's area, without its holes.",
    "Whether the region is locked. A click locks or unlocks it.",
)
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
_NAMED = _FLAGS | Qt.ItemFlag.ItemIsEditable
_NO_COLOR = (128, 128, 128)
_ALIGNMENTS = {
    AREA: int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
    LOCK: int(Qt.AlignmentFlag.AlignCenter),
}

Regions = tuple["Region", ...]


class RegionModel(TitledModel):
    """One row per region, oldest first; every cell is made when it is drawn.

    A name that is edited changes nothing by itself: it asks.
    """

    titles, tooltips = _TITLES, _TOOLTIPS

    rename_requested = Signal(str, str)  # id, name

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.regions: Regions = ()
        self._row_of: dict[str, int] | None = None
        self._colors: dict[str, tuple[int, int, int]] = {}
        self._mpp: float | None = None

    # ---- content -------------------------------------------------------------------------

    def set_regions(self, regions: Regions) -> None:
        """Show these regions; what hasn't changed stays where it is on the screen."""
        old = self.regions
        if regions is old:
            return
        start, tail = _count_same(old, regions)
        gone, new = len(old) - start - tail, len(regions) - start - tail
        self._row_of = None
        if not gone and new:
            self.beginInsertRows(QModelIndex(), start, start + new - 1)
            self.regions = regions
            self.endInsertRows()
        elif not new and gone:
            self.beginRemoveRows(QModelIndex(), start, start + gone - 1)
            self.regions = regions
            self.endRemoveRows()
        elif gone == new:
            self.regions = regions
            if new:
                self.dataChanged.emit(self.index(start, 0), self.index(start + new - 1, LOCK))
        else:
            self.beginResetModel()
            self.regions = regions
            self.endResetModel()

    def set_look(self, colors: Mapping[str, tuple[int, int, int]], mpp: float | None) -> None:
        """Set the classes' colours and µm per pixel."""
        if dict(colors) != self._colors or mpp != self._mpp:
            self._colors, self._mpp = dict(colors), mpp
            if self.regions:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self.regions) - 1, LOCK))

    def row(self, id: str) -> int:
        """Return the row of a region, -1 if there is none."""
        if self._row_of is None:
            self._row_of = {region.id: row for row, region in enumerate(self.regions)}
        return self._row_of.get(id, -1)

    # ---- Qt ------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many regions there are."""
        return 0 if parent is not None and parent.isValid() else len(self.regions)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let names be edited."""
        return _NAMED if index.column() == NAME else _FLAGS

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, colour, tooltip or alignment."""
        if not index.isValid():
            return None
        region, column = self.regions[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(region, column)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(region, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._text(region, column) if column in (CLASS, NAME) else _TOOLTIPS[column]
        return _ALIGNMENTS.get(column) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def setData(  # noqa: N802 - Qt's name
        self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Ask for another name of a region."""
        if role != Qt.ItemDataRole.EditRole or index.column() != NAME:
            return False
        region, name = self.regions[index.row()], str(value).strip()
        if name != (region.name or ""):
            self.rename_requested.emit(region.id, name)
        return True

    def _text(self, region: Region, column: int) -> str:
        if column == CLASS:
            return region.class_name or "no class"
        if column == NAME:
            return region.name or ""
        if column == AREA:
            return write_area(region.geometry.area, self._mpp)
        return ""

    def _icon(self, region: Region, column: int) -> QIcon | None:
        if column == CLASS:
            own = region.color or _NO_COLOR
            return _swatch(self._colors.get(region.class_name or "", own))
        return _lock() if column == LOCK and region.locked else None


def _count_same(old: Regions, new: Regions) -> tuple[int, int]:
    """Return how many regions are the same at the beginning, and at the end."""
    shortest = min(len(old), len(new))
    start = 0
    while start < shortest and old[start] is new[start]:
        start += 1
    tail = 0
    while tail < shortest - start and old[-1 - tail] is new[-1 - tail]:
        tail += 1
    return start, tail


@lru_cache(maxsize=256)
def _swatch(color: tuple[int, int, int]) -> QIcon:
    return QIcon(draw_swatch(color, 12))


@cache
def _lock() -> QIcon:
    return draw_tool("lock", QColor(*_NO_COLOR))


def write_area(area_px: float, mpp: float | None) -> str:
    """Return an area of so many level-0 px² as text: mm², small ones in µm², else px²."""
    if mpp is None:
        return f"{area_px:,.0f} px²"
    square_mm = area_px * mpp**2 / 1e6
    if square_mm < 0.001:
        return f"{square_mm * 1e6:,.0f} µm²"
    return f"{square_mm:.3f} mm²" if square_mm < 10 else f"{square_mm:,.1f} mm²"
