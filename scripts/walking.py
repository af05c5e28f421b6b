"""A hand, an eye and a clock for walks through the real window (used by the walk_*.py scripts)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Walk", "ring"]

_SIZE = (1280, 800)
_WAIT = 120  # seconds, for any one step


class Walk:
    """The window, a hand in it, and a camera in front of it."""

    def __init__(self, folder: Path, theme: str = "dark", kind: str = "png") -> None:
        import napari
        from napari.qt import get_qapp

        from napari_stexp.panels import get_controller, open_all

        self.app = get_qapp()
        self.folder = folder
        self.kind = kind
        folder.mkdir(parents=True, exist_ok=True)
        self.viewer = napari.Viewer(title="napari-stexp")
        self.viewer.theme = theme
        self.window = self.viewer.window._qt_window
        self.window.resize(*_SIZE)
        self.panels = open_all(self.viewer)
        self.controller = get_controller(self.viewer)
        self.session = self.controller.session
        self.problems: list[str] = []
        self.controller.failed.connect(lambda _area, error: self.problems.append(str(error)))
        self._n = 0
        self.settle()

    # ---- time ----------------------------------------------------------------------------

    def settle(self, seconds: float = 0.6) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.01)

    def wait(self, condition: Any, what: str) -> None:
        """Let it live until something is so; a task that fails ends the walk."""
        end = time.monotonic() + _WAIT
        while not condition():
            self.app.processEvents()
            time.sleep(0.01)
            if self.problems:
                raise SystemExit(f"{what}: {self.problems}")
            if time.monotonic() > end:
                raise SystemExit(f"{what} took longer than {_WAIT} s")
        self.settle()

    def idle(self, what: str) -> None:
        """Wait until no task runs."""
        self.settle(0.3)
        self.wait(lambda: not self.controller.tasks, what)

    # ---- camera --------------------------------------------------------------------------

    def shot(self, name: str) -> None:
        """Take a picture of the window as it is on the screen."""
        self._n += 1
        path = self.folder / f"{self._n:02d}-{name}.{self.kind}"
        self.settle()
        screen = self.window.screen()
        quality = 82 if self.kind == "jpg" else -1
        screen.grabWindow(self.window.winId()).save(str(path), quality=quality)
        print(path, flush=True)

    # ---- hand ----------------------------------------------------------------------------

    def show(self, title: str) -> Any:
        """Bring a panel to the front."""
        panel = self.panels[title]
        dock = panel
        while not hasattr(dock, "toggleViewAction"):
            dock = dock.parent()
        dock.raise_()
        self.settle(0.3)
        return panel

    def click(self, widget: Any) -> None:
        """Click a button that can be seen and pressed."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        if not widget.isVisible() or not widget.isEnabled():
            raise SystemExit(f"can't be clicked: {widget.text()!r}")
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        self.settle(0.3)

    def click_cell(self, table: Any, row: int, column: int = 0) -> None:
        """Click a cell of a table."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        place = table.visualRect(table.model().index(row, column)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        self.settle(0.5)

    def key(self, key: Any, modifier: Any = None) -> None:
        """Press a key on the slide."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.keyClick(self.canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
        self.settle(0.3)

    @property
    def canvas(self) -> Any:
        """The widget that the slide is drawn on: the largest one of OpenGL."""
        from qtpy.QtOpenGLWidgets import QOpenGLWidget

        found = [w for w in self.window.findChildren(QOpenGLWidget) if w.isVisible()]
        return max(found, key=lambda widget: widget.width() * widget.height())

    def place(self, x: float, y: float) -> Any:
        """Return where a level-0 position is on the canvas."""
        from qtpy.QtCore import QPoint

        camera, canvas = self.viewer.scene.camera, self.canvas
        scale = self.session.world_mpp or 1.0
        row, column = (np.array([y, x]) * scale - np.array(camera.center[-2:])) * camera.zoom
        return QPoint(round(canvas.width() / 2 + column), round(canvas.height() / 2 + row))

    def drag(self, places: list[tuple[float, float]]) -> None:
        """Drag over the slide, level-0 px."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        canvas, button = self.canvas, Qt.MouseButton.LeftButton
        QTest.mousePress(canvas, button, pos=self.place(*places[0]))
        for spot in places[1:]:
            QTest.mouseMove(canvas, self.place(*spot))
            self.settle(0.02)
        QTest.mouseRelease(canvas, button, pos=self.place(*places[-1]))
        self.settle(0.3)

    def corners(self, places: list[tuple[float, float]]) -> None:
        """Click corner by corner, and close the outline with Enter."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        for spot in places:
            QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(*spot))
            self.settle(0.1)
        self.key(Qt.Key.Key_Return)


def ring(center: Any, radius: float, n: int = 28) -> list[tuple[float, float]]:
    angle = np.linspace(0, 2 * np.pi, n)
    wave = 1 + 0.12 * np.sin(3 * angle)
    return [(center[0] + radius * w * np.cos(a), center[1] + radius * w * np.sin(a))
            for a, w in zip(angle, wave, strict=True)]  # fmt: skip
