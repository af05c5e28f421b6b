"""Building blocks of the panels: scrolling body, notices, task rows, buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_stexp.errors import StexpError

if TYPE_CHECKING:
    from napari_stexp.panels.reports import TaskReport
    from napari_stexp.panels.workers import TaskHandle

__all__ = [
    "PANEL_WIDTH",
    "Facts",
    "Notice",
    "ScrollBody",
    "TaskRow",
    "ignore_idle_wheel",
    "make_button",
    "make_heading",
    "make_row",
]

PANEL_WIDTH = 340  # px; it leaves nearly three quarters of a 1280-px window to the slide

# A coloured bar and tint beside text in the theme's own colour reads on dark and light alike.
_NOTICE_COLORS = {
    "hint": "120, 150, 190",
    "done": "70, 160, 90",
    "warning": "230, 160, 30",
    "error": "225, 70, 70",
}


class Notice(QLabel):
    """A sentence with a coloured edge; hidden while it has nothing to say.

    Parameters
    ----------
    kind : {'hint', 'done', 'warning', 'error'}
        What it is.
    """

    def __init__(self, kind: str = "hint", text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Wrapped text may be as narrow as the panel: a long path must not widen it.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.kind = ""
        self.say(kind, text)

    def say(self, kind: str, text: str) -> None:
        """Show a sentence of a kind; an empty one hides the notice."""
        if kind != self.kind:
            self.kind = kind
            color = _NOTICE_COLORS[kind]
            self.setStyleSheet(
                f"QLabel {{ border-left: 4px solid rgb({color}); padding: 5px 6px;"
                f" background-color: rgba({color}, 45); }}"
            )
        self.setText(breakable(text))
        self.setToolTip(text if len(text) > 120 else "")
        self.setVisible(bool(text))

    def clear_if(self, *kinds: str) -> None:
        """Hide it if it is of one of these kinds."""
        if self.kind in kinds:
            self.say(self.kind, "")

    def fail(self, error: StexpError) -> None:
        """Show an error with its way out."""
        self.say("error", error.message)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as tall as the wrapped text needs."""
        hint = super().sizeHint()
        return QSize(0, self.heightForWidth(self.width()) if self.width() > 50 else hint.height())


def breakable(text: str) -> str:
    """Let long paths wrap: a zero-width space after every separator."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b").replace("_", "_\u200b")


class ScrollBody(QScrollArea):
    """A column of widgets that scrolls up and down, and never sideways.

    Parameters
    ----------
    fills : bool
        Whether the column takes all of the height (something in it stretches).
    """

    def __init__(self, fills: bool = False) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(8, 8, 8, 8)
        self.column = QVBoxLayout()
        self.column.setSpacing(6)
        outer.addLayout(self.column, 1 if fills else 0)
        if not fills:
            outer.addStretch(1)
        self.setWidget(inner)


class Facts(QWidget):
    """Name and value, line by line; long values are shortened, their tooltip is whole."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(10)
        self._form.setVerticalSpacing(2)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._values: dict[str, QLabel] = {}

    def show_facts(self, facts: dict[str, str]) -> None:
        """Show these facts and no other; empty ones are left out."""
        facts = {name: text for name, text in facts.items() if text}
        if list(facts) != list(self._values):
            while self._form.rowCount():
                self._form.removeRow(0)
            self._values = {name: self._add(name) for name in facts}
        for name, text in facts.items():
            self._values[name].setText(text)
            self._values[name].setToolTip(text)
        self.setVisible(bool(facts))

    def text(self, name: str) -> str:
        """Return the value of a fact as it was given."""
        return self._values[name].text() if name in self._values else ""

    def _add(self, name: str) -> QLabel:
        label = QElidingLabel()
        middle = name in ("Name", "Slide")  # the end of a file's name tells files apart
        label.setElideMode(Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        title = QLabel(name)
        title.setStyleSheet("QLabel { font-weight: 600; }")
        self._form.addRow(title, label)
        return label


class TaskRow(QWidget):
    """Progress bar, a line of words and Cancel; hidden while nothing runs."""

    def __init__(self, cancel: Callable[[], None], what: str = "this") -> None:
        super().__init__()
        self._handle: TaskHandle | None = None
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(12)
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel_button = make_button("Cancel", f"Stop {what}.", cancel)
        self.cancel_button.clicked.connect(self._on_cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.line)
        self._row = make_row(self.bar, self.cancel_button, stretch=0)
        layout.addLayout(self._row)
        self.hide()

    def add_button(self, button: QPushButton) -> None:
        """Put a button beside Cancel."""
        self._row.insertWidget(self._row.count() - 1, button)

    def follow(self, handle: TaskHandle) -> None:
        """Show a task until it ends."""
        self._handle = handle
        self.cancel_button.setEnabled(not handle.cancelling)
        self.cancel_button.setText("Cancel")
        handle.reported.connect(self._on_report)
        handle.finished.connect(self._on_finished)
        self._on_report(handle.report)
        self.show()

    def _on_report(self, report: TaskReport) -> None:
        if self._handle is None or self._handle.cancelling:
            return
        progress = report.progress
        # Else Qt would paint the bar at once, and the whole slide with it, before it comes back.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, max(progress.total, 0))
        self.bar.setValue(progress.done)
        self.bar.setUpdatesEnabled(True)
        self.line.setText(report.describe(self._handle.unit))

    def _on_cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self.cancel_button.setText("Cancelling…")
        self.line.setText("Stopping after the present step …")

    def _on_finished(self) -> None:
        self._handle = None
        self.hide()


class _IdleWheelFilter(QObject):
    """Keeps a scrolling hand from changing a value that happens to pass under it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return False


def ignore_idle_wheel(widget: QAbstractSpinBox | QComboBox) -> Any:
    """Make a spin box or combo box deaf to the wheel unless it has been clicked; return it."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_IdleWheelFilter(widget))
    return widget


def make_button(text: str, tooltip: str, slot: Callable[..., Any] | None = None) -> QPushButton:
    """Return a button with a tooltip."""
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setAutoDefault(False)
    if slot is not None:
        button.clicked.connect(lambda _checked=False: slot())
    return button


def make_heading(text: str) -> QLabel:
    """Return the heading of a section."""
    label = QLabel(text)
    label.setStyleSheet("QLabel { font-weight: 700; margin-top: 8px; }")
    return label


def make_row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Return widgets side by side; ``stretch`` is the index of the one that grows."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == stretch else 0)
    if stretch is None:
        row.addStretch(1)
    return row
