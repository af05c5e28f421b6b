"""The predictions of the present spots: which is shown, how far each is, and what made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_stexp.panels.text import describe_metric

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction
    from napari_stexp.session import Predictions

__all__ = ["PredictionList", "describe_settings"]

_NAME, _SETTINGS, _SPOTS = range(3)
_LEAST_ROWS, _MOST_ROWS = 2, 6


def describe_settings(prediction: Prediction) -> str:
    """Return 'k 200, L1' or 'k 50, softmax 0.2', as the provenance has it; '' where unknown."""
    chosen = prediction.adata.uns.get("stexp", {}).get("parameters", {})
    parts = [f"k {int(chosen['k'])}"] if "k" in chosen else []
    if "metric" in chosen:
        parts.append(describe_metric(str(chosen["metric"])).replace(", T =", ""))
    if chosen.get("scale") == "gene":
        parts.append("per gene")
    return ", ".join(parts)


class PredictionList(QTreeWidget):
    """One row per prediction; every click and key asks, and changes nothing itself."""

    show_requested = Signal(str)
    rename_requested = Signal(str, str)
    remove_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._quiet = False
        self.setHeaderLabels(["Name", "Settings", "Spots"])
        self.setRootIsDecorated(False)
        self.setStyleSheet("QTreeWidget::item { height: 20px; }")
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(False)
        self.setToolTip(
            "Click a prediction to show it. Double click its name to change it; Delete removes it."
        )
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_SETTINGS, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_SPOTS, QHeaderView.ResizeMode.ResizeToContents)
        header.resizeSection(_SETTINGS, 120)
        self.currentItemChanged.connect(self._on_current)
        self.itemChanged.connect(self._on_edited)

    def show_predictions(
        self, predictions: Predictions, waiting: Callable[[Prediction], int] = lambda _: 0
    ) -> None:
        """Show these, the active one marked; count what waits to be shown as done."""
        self._quiet = True
        names = list(predictions)
        if names != self.names():
            self.clear()
            for name in names:
                self.addTopLevelItem(self._make_item(name, predictions[name]))
            self.updateGeometry()
        for row, name in enumerate(names):
            item, prediction = self.topLevelItem(row), predictions[name]
            done, total = (
                min(prediction.done + waiting(prediction), prediction.total),
                prediction.total,
            )
            text = f"{total:,}" if done == total else f"{done:,} of {total:,}"
            if item is not None and item.text(_SPOTS) != text:
                item.setText(_SPOTS, text)
            if item is not None and name == predictions.active and self.currentItem() is not item:
                self.setCurrentItem(item)
        self._quiet = False

    def names(self) -> list[str]:
        """Return the names in their order."""
        items = [self.topLevelItem(row) for row in range(self.topLevelItemCount())]
        return [str(item.data(_NAME, Qt.ItemDataRole.UserRole)) for item in items if item]

    def edit_name(self) -> None:
        """Begin to change the name of the row that is marked."""
        if (item := self.currentItem()) is not None:
            self.editItem(item, _NAME)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as tall as a few rows."""
        rows = min(max(self.topLevelItemCount(), _LEAST_ROWS), _MOST_ROWS)
        row = self.sizeHintForRow(0) if self.topLevelItemCount() else 22
        return QSize(100, self.header().sizeHint().height() + rows * max(row, 18) + 6)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Don't shrink below that."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Remove the marked prediction by Delete."""
        item = self.currentItem()
        if event is not None and event.key() == Qt.Key.Key_Delete and item is not None:
            self.remove_requested.emit(item.data(_NAME, Qt.ItemDataRole.UserRole))
            return
        super().keyPressEvent(event)

    def _make_item(self, name: str, prediction: Prediction) -> QTreeWidgetItem:
        settings = describe_settings(prediction)
        item = QTreeWidgetItem([name, settings, ""])
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setData(_NAME, Qt.ItemDataRole.UserRole, name)
        item.setTextAlignment(_SPOTS, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        made = prediction.adata.uns.get("stexp", {})
        model = made.get("model", {})
        lines = [name, f"Model: {model.get('name', 'unknown')}", f"Settings: {settings}"]
        lines += [f"Made: {made['created']}"] if made.get("created") else []
        for column in range(3):
            item.setToolTip(column, "\n".join(lines))
        return item

    def _on_current(self, item: QTreeWidgetItem | None, _before: Any) -> None:
        if not self._quiet and item is not None:
            self.show_requested.emit(item.data(_NAME, Qt.ItemDataRole.UserRole))

    def _on_edited(self, item: QTreeWidgetItem, column: int) -> None:
        if self._quiet:
            return
        old, new = item.data(_NAME, Qt.ItemDataRole.UserRole), item.text(column).strip()
        self._quiet = True
        item.setText(_NAME, old)  # it changes when the session says so
        self._quiet = False
        if column == _NAME and new != old:
            self.rename_requested.emit(old, new)
