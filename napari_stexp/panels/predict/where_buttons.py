"""Which spots to predict: all, those in view, those in regions; and a grid where there are none."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import ignore_idle_wheel, make_button, make_row
from napari_stexp.session.opening.steps import GridSettings

__all__ = ["WhereButtons"]

_TISSUE = (
    "Predict every gene of the model at {}. What is in view comes first; spots take colour as "
    "it goes."
)
_EVERY_SPOT = "every spot"
_ON_MASK = "every spot on the tissue mask (the tab Slide & spots says so)"
_VIEW = "Predict only the spots that are in view now. Later runs add to it."
_REGION = (
    "Predict only the spots in the selected regions, or in all regions where none is selected. "
    "Later runs add to it."
)
_PITCH = (
    "From the centre of one virtual spot to the next; Visium's are 100 µm apart. Half of it "
    "makes four times as many spots. More choices: tab Slide & spots."
)


class WhereButtons(QWidget):
    """Three buttons; they ask, and change nothing themselves."""

    asked = Signal(str)  # 'tissue', 'view' or 'region'

    def __init__(self) -> None:
        super().__init__()
        self.grid_row = self._make_grid_row()
        self.tissue_button = make_button(
            "Predict", _TISSUE.format(_EVERY_SPOT), lambda: self.asked.emit("tissue")
        )
        self.tissue_button.setMinimumHeight(34)
        self.tissue_button.setStyleSheet("QPushButton { font-weight: 700; }")
        self.view_button = make_button("Predict here", _VIEW, lambda: self.asked.emit("view"))
        self.region_button = make_button(
            "Predict region", _REGION, lambda: self.asked.emit("region")
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.grid_row)
        column.addWidget(self.tissue_button)
        row = make_row(self.view_button, self.region_button, stretch=0)
        row.setStretch(1, 1)
        column.addLayout(row)

    @property
    def grid(self) -> GridSettings:
        """The grid to lay where there are no spots."""
        return GridSettings(pitch_um=self.pitch_box.value())

    def show_state(
        self, *, ready: bool, running: bool, lacks_spots: bool, on_mask: bool = False
    ) -> None:
        """Enable what can be done, and say what 'Predict' is about."""
        self.tissue_button.setToolTip(_TISSUE.format(_ON_MASK if on_mask else _EVERY_SPOT))
        self.grid_row.setVisible(lacks_spots)
        self.tissue_button.setText("Predicting …" if running else "Predict")
        self.tissue_button.setEnabled(ready)
        self.view_button.setEnabled(ready)

    def show_regions(self, n_regions: int, n_selected: int) -> None:
        """Say how many regions would be predicted."""
        self.region_button.setEnabled(self.tissue_button.isEnabled() and n_regions > 0)
        chosen = n_selected or n_regions
        several = chosen > 1
        self.region_button.setText(f"Predict {chosen:,} regions" if several else "Predict region")
        self.region_button.setToolTip(
            _REGION if n_regions else "Draw a region in the tab Annotations first."
        )

    def _make_grid_row(self) -> QWidget:
        self.pitch_box: QDoubleSpinBox = ignore_idle_wheel(QDoubleSpinBox())
        self.pitch_box.setRange(1, 10_000)
        self.pitch_box.setDecimals(0)
        self.pitch_box.setValue(GridSettings().pitch_um)
        self.pitch_box.setSuffix(" µm")
        self.pitch_box.setToolTip(_PITCH)
        label = QLabel("Distance of virtual spots")
        label.setToolTip(_PITCH)
        widget = QWidget()
        widget.setLayout(make_row(label, self.pitch_box, stretch=1))
        return widget
