"""Walk through annotating and comparing in the real window, with a picture of each step.

Annotates blinded, locks, reveals, ranks genes, compares domains and the measurement, and writes
the report, all with the mouse and the keyboard as a pathologist would:

    scripts/with-display.sh .venv/bin/python scripts/walk_comparison.py -o walk
    … walk_comparison.py --slide C4.jpg --spots C4_selection.tsv --prediction C4.h5ad -o walk

Without arguments it walks on the sample. Outlines are drawn around tissue of the section: a
polygon on its left, a lasso on its right and a stroke of the brush between them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_SIZE = (1280, 800)
_WAIT = 120  # seconds, for any one step


class Walk:
    """The window, a hand in it, and a camera in front of it."""

    def __init__(self, folder: Path, theme: str) -> None:
        import napari
        from napari.qt import get_qapp

        from napari_stexp.panels import get_controller, open_all

        self.app = get_qapp()
        self.folder = folder
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
        path = self.folder / f"{self._n:02d}-{name}.png"
        self.settle()
        screen = self.window.screen()
        screen.grabWindow(self.window.winId()).save(str(path))
        print(path)

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


def begin(walk: Walk, args: argparse.Namespace) -> None:
    """Open the slide, hide expression, and only then load the measured spots."""
    controller = walk.controller
    panel = walk.show("Annotations")
    walk.shot("empty")
    controller.open_slide(args.slide)
    walk.idle("opening the slide")
    if args.mpp:
        controller.set_mpp(args.mpp)
    walk.click(panel.blinding.start_button)
    walk.shot("blinded-explained")
    walk.click(panel.blinding.question.buttons["Begin"])
    controller.load_spots(args.spots)
    walk.idle("reading the spots")
    if walk.session.slide.mpp is None:
        controller.take_mpp_from_spots()
    walk.shot("blinded")


def annotate(walk: Walk) -> None:
    from qtpy.QtCore import Qt

    panel = walk.show("Annotations")
    xy = np.asarray(walk.session.spots.obsm["spatial"])
    low, high = np.percentile(xy, 5, axis=0), np.percentile(xy, 95, axis=0)
    middle, span = (low + high) / 2, high - low
    aside = np.array([0.27 * span[0], 0])
    walk.click(panel.tools.buttons["polygon"])
    walk.corners(ring(middle - aside, 0.19 * min(span), 9)[:-1])
    walk.shot("polygon")
    walk.key(Qt.Key.Key_3)
    walk.click(panel.tools.buttons["lasso"])
    walk.drag(ring(middle + aside, 0.17 * min(span)))
    walk.key(Qt.Key.Key_4)
    walk.click(panel.tools.buttons["brush"])
    x, y = middle
    walk.drag([(x, y + t * 0.3 * span[1]) for t in np.linspace(-1, 1, 20)])
    walk.shot("lasso-and-brush")
    walk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    walk.shot("undone")
    walk.click(panel.tools.redo_button)
    walk.click(panel.tools.buttons["none"])
    if len(walk.session.regions.items) != 3:
        raise SystemExit(f"{len(walk.session.regions.items)} regions were drawn, not 3")


def predict(walk: Walk, args: argparse.Namespace) -> None:
    if args.prediction:
        walk.session.open_prediction(args.prediction)
    elif args.model:
        walk.controller.load_bundle(args.model)
        walk.idle("loading the model")
        walk.controller.predict()
        walk.idle("predicting")
    walk.show("Genes")
    walk.shot("still-hidden")


def reveal(walk: Walk) -> None:
    panel = walk.show("Annotations")
    walk.click(panel.blinding.lock_button)
    walk.shot("locked")
    walk.show("Genes")
    walk.shot("revealed")


def compare(walk: Walk, args: argparse.Namespace) -> None:
    panel = walk.show("Compare")
    walk.shot("compare")
    walk.click(panel.genes_view.button)
    walk.idle("ranking genes")
    walk.shot("genes-of-region")
    walk.click_cell(panel.genes_view.table, 0)
    walk.shot("its-first-gene")
    view = panel.agreement_view
    panel.tabs.setCurrentIndex(1)
    walk.settle()
    walk.click(view.button)
    walk.idle("finding domains")
    walk.shot("agreement")
    walk.click_cell(view.confusion, 0, 1)
    walk.shot("spots-of-a-cell")
    home = (walk.viewer.scene.camera.center, walk.viewer.scene.camera.zoom)
    walk.click_cell(view.table, 0)
    walk.shot("most-disagreeing-spot")
    walk.viewer.scene.camera.center, walk.viewer.scene.camera.zoom = home
    walk.session.select_spots(None)
    walk.session.labelling.shown = True
    walk.shot("classes-on-slide")
    walk.session.labelling.shown = False
    if walk.session.prediction is not None:
        panel.tabs.setCurrentIndex(2)
        walk.settle()
        walk.click(panel.measured_view.button)
        walk.idle("scoring")
        walk.shot("measured")
        walk.click(panel.measured_view.side_check)
        walk.settle(2)
        walk.shot("side-by-side")
        walk.click(panel.measured_view.side_check)
    panel.tabs.setCurrentIndex(3)
    walk.shot("report-form")
    genes = tuple(panel.genes_view.top_genes(4))
    parts = frozenset({"genes", "agreement", "scores"})
    walk.controller.comparing.write_report(args.output / "report.html", genes, parts)
    walk.idle("writing the report")
    walk.shot("report-done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--spots", type=Path)
    parser.add_argument("--prediction", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--mpp", type=float)
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    # Annotations of earlier walks must not be offered, nor those of a real user touched.
    os.environ["STEXP_DATA_DIR"] = tempfile.mkdtemp(prefix="walk-")
    if args.slide is None:
        from napari_stexp.viewer.sample import sample_files

        files = sample_files()
        args.slide, args.spots, args.model = files.slide, files.spots, files.bundle
    walk = Walk(args.output, args.theme)
    begin(walk, args)
    annotate(walk)
    predict(walk, args)
    reveal(walk)
    compare(walk, args)
    walk.controller.close()
    walk.viewer.close()


if __name__ == "__main__":
    main()
