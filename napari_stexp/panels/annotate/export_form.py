"""What is written for other programs: QuPath, scanpy, SpatialData."""

from __future__ import annotations

from importlib.util import find_spec

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import make_button, make_row

__all__ = ["ExportForm", "split_genes"]

_BUTTONS = {
    "geojson": ("Regions…", "The regions as GeoJSON, as QuPath opens them: classes, colours, "
                "holes, names, ids and locks are kept."),
    "qupath": ("Regions + spots…", "GeoJSON for QuPath with the spots as detections: their "
               "class, and the values of the genes named above as measurements."),
    "h5ad": ("Labels, h5ad…", "The spots with their expression and each source of labels as "
             "a column, for scanpy and squidpy."),
    "spatialdata": ("SpatialData…", "Slide, spots, expression and regions in one SpatialData "
                    "Zarr store."),
}  # fmt: skip


class ExportForm(QWidget):
    """Four buttons, and the genes that QuPath is to show; a click asks for a file."""

    export_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("the gene that is shown")
        self.genes.setToolTip(
            "Genes whose values go along with the spots, separated by commas. Empty: the one "
            "that is shown."
        )
        label = QLabel("Genes")
        label.setToolTip(self.genes.toolTip())
        self.buttons = {
            kind: make_button(title, tooltip, lambda kind=kind: self.export_requested.emit(kind))
            for kind, (title, tooltip) in _BUTTONS.items()
        }
        self._has_spatialdata = find_spec("spatialdata") is not None
        if not self._has_spatialdata:
            self.buttons["spatialdata"].setToolTip(
                "Needs a package that is not installed: pip install 'napari-stexp[spatialdata]'"
            )
        grid = QGridLayout()
        grid.setSpacing(4)
        for number, button in enumerate(self.buttons.values()):
            grid.addWidget(button, number // 2, number % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(make_row(label, self.genes, stretch=1))
        layout.addLayout(grid)

    def show_state(self, *, regions: bool, spots: bool, hidden: bool, busy: bool) -> None:
        """Offer what there is something to write of."""
        there = {
            "geojson": regions,
            "qupath": regions or spots,
            "h5ad": spots and not hidden,
            "spatialdata": self._has_spatialdata and (regions or spots) and not hidden,
        }
        for kind, button in self.buttons.items():
            button.setEnabled(there[kind] and not busy)
        self.genes.setEnabled(spots and not hidden and not busy)


def split_genes(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas, blanks or semicolons, each once."""
    words = text.replace(";", " ").replace(",", " ").split()
    return tuple(dict.fromkeys(words))
