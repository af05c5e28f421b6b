"""A part of a panel that folds away under its title."""

from __future__ import annotations

import contextlib

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

__all__ = ["Fold", "bring_into_view"]


class Fold(QWidget):
    """A title to click on, and what it shows and hides.

    Parameters
    ----------
    title : str
        What is underneath.
    tooltip : str
        The same in a sentence.
    opened : bool
        Whether it begins unfolded.
    """

    def __init__(self, title: str, tooltip: str, *, opened: bool = False) -> None:
        super().__init__()
        self.title = title
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip(tooltip)
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.button.setStyleSheet(
            "QToolButton, QToolButton:checked, QToolButton:hover { border: none; padding: 2px 0;"
            " background: transparent; font-weight: 700; text-align: left; }"
        )
        self.body = QWidget()
        self.column = QVBoxLayout(self.body)
        self.column.setContentsMargins(0, 0, 0, 4)
        self.column.setSpacing(4)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        outer.addWidget(self.button)
        outer.addWidget(self.body)
        self.button.toggled.connect(self._show)
        self.button.clicked.connect(lambda on: bring_into_view(self) if on else None)
        self.button.setChecked(opened)
        self._show(opened)

    @property
    def opened(self) -> bool:
        """Whether what is underneath can be seen."""
        return self.button.isChecked()

    def set_opened(self, opened: bool) -> None:
        """Fold or unfold it."""
        self.button.setChecked(opened)

    def _show(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.button.setArrowType(arrow)
        self.body.setVisible(opened)


def bring_into_view(part: QWidget) -> None:
    """Scroll a panel, once it is laid out, until a part of it is seen, its top before its end."""
    area: QWidget | None = part
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if area is None:
        return
    panel: QScrollArea = area

    def scroll() -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            bar = panel.verticalScrollBar()
            top = part.mapTo(panel.widget(), part.rect().topLeft()).y()
            end = top + part.height() - panel.viewport().height()
            bar.setValue(min(max(bar.value(), end), top))

    QTimer.singleShot(0, scroll)
