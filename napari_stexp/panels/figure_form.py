"""Exporting figures for print: a button in the dock *Genes*, and what it asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.errors import StexpError
from napari_stexp.panels.figure_choices import (
    BOUNDS,
    PATTERNS,
    SLIDE,
    WHAT,
    make_box,
    split_names,
)
from napari_stexp.panels.widgets import Notice, TaskRow, ignore_idle_wheel, make_button, make_row
from napari_stexp.session import FigureRequest

if TYPE_CHECKING:
    from napari_stexp.panels.genes.genes_panel import GenesPanel

__all__ = ["AREA", "FigureButton", "FigureDialog"]

#: Of the controller, in which figures are drawn.
AREA = "figure"
_MOST_PROPOSED = 8


class FigureButton(QWidget):
    """Opens the dialog; it stays open until it is closed.

    Parameters
    ----------
    panel : GenesPanel
        Whose part it is.
    """

    def __init__(self, panel: GenesPanel) -> None:
        super().__init__()
        self._panel = panel
        self.dialog: FigureDialog | None = None
        self.button = make_button(
            "Export figure …",
            "Write what is shown, several genes, or one figure per gene as PDF, SVG or PNG "
            "for print (Ctrl+Shift+E).",
            self.ask,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)

    def ask(self) -> None:
        """Ask what to write, and where."""
        if self.dialog is None:
            self.dialog = FigureDialog(self._panel)
        self.dialog.refresh()
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()


class FigureDialog(QDialog):
    """Asks what a figure shows, and writes it; the window can be used meanwhile.

    Parameters
    ----------
    panel : GenesPanel
        Whose session is drawn.
    """

    def __init__(self, panel: GenesPanel) -> None:
        super().__init__(panel)
        self.setWindowTitle("Export figure")
        self._controller, self._session = panel.controller, panel.session
        self._written: list[Path] = []
        self._proposed = ""
        self._build_choices()
        self._build_path()
        self._lay_out()
        self._controller.task_started.connect(self._on_started)
        self._controller.task_ended.connect(self._on_ended)
        self._controller.failed.connect(self._on_failed)
        self._controller.cleared.connect(self._on_cleared)
        self.what.currentIndexChanged.connect(lambda _: self._show_state())
        self.genes.textChanged.connect(lambda _: self._show_state())
        self.path.textChanged.connect(lambda _: self._show_state())

    def _build_choices(self) -> None:
        self.what = make_box(WHAT, "What the figure shows.")
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("ERBB2, CD74, …")
        self.genes.setToolTip("Genes or signatures, separated by commas.")
        self.bounds = make_box(BOUNDS, "Which part of the slide the figure shows.")
        self.slide = make_box(SLIDE, "How the slide looks in the figure.")
        self.regions = QCheckBox("Outlines of regions")
        self.regions.setToolTip("Draw the regions of the annotation.")
        self.regions.setChecked(True)
        self.width = QSpinBox()
        self.width.setRange(20, 1000)
        self.width.setValue(180)
        self.width.setSuffix(" mm")
        self.width.setToolTip("Width on paper: 180 mm is a page, 85 mm a column of most journals.")
        self.dpi = QSpinBox()
        self.dpi.setRange(50, 1200)
        self.dpi.setValue(300)
        self.dpi.setSingleStep(150)
        self.dpi.setSuffix(" dpi")
        self.dpi.setToolTip("Pixels per inch of a PNG, and of the slide in a PDF or SVG.")
        self._guards = [
            ignore_idle_wheel(field)
            for field in (self.what, self.bounds, self.slide, self.width, self.dpi)
        ]

    def _build_path(self) -> None:
        self.path = QLineEdit()
        self.path.setToolTip("The file; its ending (.pdf, .svg, .png) says what it becomes.")
        self.choose_button = make_button("…", "Choose where the figure is written.", self._choose)
        self.button = make_button("Write", "Draw the figure and write it.", self.write)
        self.button.setDefault(True)
        self.open_button = make_button(
            "Open", "Show the figure in the program that this computer has for it.", self._open
        )
        self.close_button = make_button(
            "Close", "Close this; a figure that is being written is finished.", self.close
        )
        self.row = TaskRow(lambda: self._controller.cancel(AREA), "drawing the figure")
        self.notice = Notice("hint")

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Figure", self.what)
        form.addRow("Genes", self.genes)
        form.addRow("Part", self.bounds)
        form.addRow("Slide", self.slide)
        form.addRow("", self.regions)
        form.addRow("Size", make_row(self.width, self.dpi))
        form.addRow("Save as", make_row(self.path, self.choose_button, stretch=0))
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        contents = QLabel(
            "Every figure has a scale bar, a colour bar with its unit, and a line that says "
            "which model and slide it was made from."
        )
        contents.setWordWrap(True)
        layout.addWidget(contents)
        layout.addWidget(self.row)
        layout.addWidget(self.notice)
        layout.addStretch(1)
        layout.addLayout(make_row(self.button, self.open_button, self.close_button))
        self.resize(460, 0)

    # ---- state ---------------------------------------------------------------------------

    def refresh(self) -> None:
        """Propose genes and a file, until others are typed."""
        proposed = ", ".join(self._propose_genes())
        if self.genes.text() == self._proposed:
            self.genes.setText(proposed)
            self._proposed = proposed
        if not self.path.text().strip():
            name = "figure" if self._session.slide is None else self._session.slide.name
            self.path.setText(str(self._controller.folder / f"{name}.pdf"))
        self._show_state()

    def _propose_genes(self) -> list[str]:
        session = self._session
        if session.hides_values:
            return []
        known = {*session.genes, *session.signatures}
        starred = [gene for gene in session.marks.favourites if gene in known]
        shown = [session.gene] if session.gene is not None else []
        return list(dict.fromkeys([*session.views.genes, *shown, *starred]))[:_MOST_PROPOSED]

    def _show_state(self) -> None:
        busy = self._controller.busy(AREA)
        named = self.what.currentData() != "view"
        self.genes.setEnabled(named)
        has_genes = bool(split_names(self.genes.text(), tuple(self._session.signatures)))
        there = self._session.slide is not None or self._session.spots is not None
        ready = there and bool(self.path.text().strip()) and (has_genes or not named)
        self.button.setEnabled(ready and not busy)
        self.button.setText("Writing …" if busy else "Write")
        self.open_button.setEnabled(bool(self._written) and not busy)
        if not there:
            self.notice.say("hint", "There is nothing to draw yet: open a slide first.")

    def request(self) -> FigureRequest:
        """Return what is asked for."""
        what, bounds = self.what.currentData(), self.bounds.currentData()
        if bounds == "view":
            bounds = self._controller.predicting.view or "spots"
        names = split_names(self.genes.text(), tuple(self._session.signatures))
        return FigureRequest(
            what,
            () if what == "view" else names,
            bounds,
            self.slide.currentData(),
            self.regions.isChecked(),
            float(self.width.value()),
            dpi=self.dpi.value(),
        )

    # ---- doing ---------------------------------------------------------------------------

    def write(self) -> None:
        """Draw what is asked for, in the background."""
        from napari_stexp.session import start_figure

        path = Path(self.path.text().strip()).expanduser()
        path = path if path.suffix else path.with_suffix(".pdf")
        self._written = []
        self._controller.remember(path.parent)
        try:
            steps = start_figure(self._session, path, self.request())
        except StexpError as error:
            self._controller.fail(AREA, error)
            return
        title = f"Drawing {path.name}"
        self._controller.start(AREA, steps, title=title, on_return=self._tell, patient=True)

    def _tell(self, written: list[Path]) -> None:
        self._written = list(written)
        more = f" and {len(written) - 1} more" if len(written) > 1 else ""
        self._controller.succeeded.emit(AREA, f"Saved as {written[0]}{more}")
        self.notice.say("done", f"Saved as {written[0]}{more}")

    def _choose(self) -> None:
        start = self.path.text().strip() or str(self._controller.folder / "figure.pdf")
        name, _ = QFileDialog.getSaveFileName(self, "Save the figure", start, PATTERNS)
        if name:
            path = Path(name)
            self.path.setText(str(path if path.suffix else path.with_suffix(".pdf")))

    def _open(self) -> None:
        if self._written:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written[0])))

    # ---- following -----------------------------------------------------------------------

    def _on_started(self, area: str, handle: Any) -> None:
        if area == AREA:
            self.row.follow(handle)
            self._show_state()

    def _on_ended(self, area: str) -> None:
        if area == AREA:
            self._show_state()

    def _on_failed(self, area: str, error: StexpError) -> None:
        if area == AREA:
            self.notice.fail(error)

    def _on_cleared(self, area: str) -> None:
        if area == AREA:
            self.notice.say("hint", "")
