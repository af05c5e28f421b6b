"""Form for virtual spots: layout, pitch, diameter, in tissue only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_stexp.panels.tasks import GridSettings
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["GridForm"]


class GridForm(QWidget):
    """Asks for a grid of virtual spots."""

    requested = Signal(object)  # GridSettings

    def __init__(self) -> None:
        super().__init__()
        default = GridSettings()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self.layout_box = ignore_idle_wheel(QComboBox())
        self.layout_box.addItem("hexagonal", "hex")
        self.layout_box.addItem("square", "square")
        self.layout_box.setToolTip("How the spots are packed. Visium's are hexagonal.")
        self.pitch_box = self._make_um_box(
            default.pitch_um, "From the centre of one spot to the next. Visium: 100 µm."
        )
        self.diameter_box = self._make_um_box(
            default.diameter_um, "Size of the drawn spots; it changes no value. Visium: 55 µm."
        )
        self.tissue_box = QCheckBox("only on tissue")
        self.tissue_box.setChecked(True)
        self.tissue_box.setToolTip("Leave out spots on the empty background of the slide.")
        self.button = make_button("Make grid", "Lay these virtual spots on the slide.", self._ask)
        form.addRow("Layout", self.layout_box)
        form.addRow("Pitch", self.pitch_box)
        form.addRow("Diameter", self.diameter_box)
        form.addRow(self.tissue_box, self.button)

    def settings(self) -> GridSettings:
        """Return what is in the form."""
        return GridSettings(
            layout=self.layout_box.currentData(),
            pitch_um=self.pitch_box.value(),
            diameter_um=self.diameter_box.value(),
            in_tissue=self.tissue_box.isChecked(),
        )

    def show_settings(self, settings: GridSettings) -> None:
        """Put settings into the form."""
        self.layout_box.setCurrentIndex(max(0, self.layout_box.findData(settings.layout)))
        self.pitch_box.setValue(settings.pitch_um)
        self.diameter_box.setValue(settings.diameter_um)
        self.tissue_box.setChecked(settings.in_tissue)

    def show_state(self, slide: Slide | None, busy: bool) -> None:
        """Enable the button where a grid can be made; its tooltip says what is missing."""
        ready = slide is not None and slide.mpp is not None
        self.button.setEnabled(ready and not busy)
        if slide is None:
            text = "Open a slide first."
        elif not ready:
            text = "Set the slide's pixel size first: the grid is laid in µm."
        else:
            text = "Lay these virtual spots on the slide. They replace the present ones."
        self.button.setToolTip(text)

    def _make_um_box(self, value: float, tooltip: str) -> QDoubleSpinBox:
        box = ignore_idle_wheel(QDoubleSpinBox())
        box.setRange(1, 10_000)
        box.setDecimals(1)
        box.setValue(value)
        box.setSuffix(" µm")
        box.setToolTip(tooltip)
        return box

    def _ask(self) -> None:
        self.requested.emit(self.settings())
