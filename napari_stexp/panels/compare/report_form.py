"""What goes into the report, and where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.panels.annotate.export_form import split_genes
from napari_stexp.panels.widgets import make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.compare.compare_panel import ComparePanel

__all__ = ["PARTS", "ReportForm"]

#: What a report may hold beside the maps of the genes: title, tooltip.
PARTS = {
    "genes": ("genes of regions", "The table of genes that was ranked in “Region genes”."),
    "agreement": ("agreement with labels", "The domains that were found in “Agreement”."),
    "scores": ("measured and predicted", "The scores of all genes, where they were measured."),
    "figures": (
        "folder of figures",
        "Every figure also as PNG (300 dpi) and SVG, in a folder beside the report.",
    ),
}
_N_TOP = 6


class ReportForm(QWidget):
    """Chooses genes, parts and a path, and asks for the report.

    Parameters
    ----------
    panel : ComparePanel
        Whose part it is.
    """

    def __init__(self, panel: ComparePanel) -> None:
        super().__init__()
        self._panel, self._control, self._session = panel, panel.control, panel.session
        self._proposed = ""
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("ERBB2, CD74, …")
        self.genes.setToolTip("Genes that the report shows on the slide, separated by commas.")
        self.checks = {key: QCheckBox(title) for key, (title, _) in PARTS.items()}
        for key, check in self.checks.items():
            check.setToolTip(PARTS[key][1])
            check.setChecked(True)
        self.path = QLineEdit()
        self.path.setToolTip("The HTML file; it holds everything, and can be sent as it is.")
        self.choose_button = make_button("…", "Choose where the report is written.", self._choose)
        self.button = make_button(
            "Write report", "Write one HTML file with maps, tables and numbers.", self._ask
        )
        self.button.setMinimumHeight(32)
        self.button.setStyleSheet("QPushButton { font-weight: 700; }")
        self.open_button = make_button(
            "Open in browser", "Show the report in the web browser.", self._control.open_report
        )
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(6)
        self.column.addLayout(make_row(QLabel("Genes"), self.genes, stretch=1))
        for check in self.checks.values():
            self.column.addWidget(check)
        self.column.addLayout(make_row(QLabel("Save as"), self.path, self.choose_button, stretch=1))
        self.column.addWidget(self.button)
        panel.add_area("report", "writing the report", self.column)
        self.column.addWidget(self.open_button)
        self.column.addStretch(1)
        self.path.textChanged.connect(lambda _text: self._show_button())

    def refresh(self) -> None:
        """Show what a report can hold; propose genes and a path until others are typed."""
        session = self._session
        found = {
            "genes": session.comparison.genes is not None,
            "agreement": session.comparison.agreement is not None,
            "scores": session.comparison.scores is not None,
            "figures": True,
        }
        for key, check in self.checks.items():
            check.setEnabled(found[key])
            check.setToolTip(PARTS[key][1] + ("" if found[key] else " There is none yet."))
        proposed = ", ".join(self._propose_genes())
        if self.genes.text() == self._proposed:
            self.genes.setText(proposed)
            self._proposed = proposed
        if not self.path.text() and session.slide is not None:
            name = f"{Path(session.slide.name).stem}_comparison.html"
            self.path.setText(str(self._panel.controller.folder / name))
        self.open_button.setVisible(self._control.report is not None)
        self._show_button()

    def _show_button(self) -> None:
        busy = self._panel.controller.busy("report")
        self.button.setEnabled(bool(self.path.text().strip()) and not busy)
        self.button.setText("Writing …" if busy else "Write report")

    def _propose_genes(self) -> list[str]:
        genes = self._panel.genes_view.top_genes(_N_TOP)
        if self._session.gene is not None:
            genes.append(self._session.gene)
        return list(dict.fromkeys(genes))

    def _choose(self) -> None:
        name = Path(self.path.text()).name or "comparison.html"
        if path := self._panel.ask_save("Save the report", name, "Report (*.html)"):
            self.path.setText(str(path if path.suffix else path.with_suffix(".html")))

    def _ask(self) -> None:
        parts = {key for key, check in self.checks.items() if check.isChecked()}
        path = Path(self.path.text().strip())
        path = path if path.suffix else path.with_suffix(".html")
        self._control.write_report(path, split_genes(self.genes.text()), frozenset(parts))
