"""Form for virtual spots: layout, pitch, diameter, in tissue only, finer in some regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QWidget

from napari_stexp.panels.slide.grid_table import GridTable
from napari_stexp.panels.tasks import GridSettings
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button
from napari_stexp.session.placing.grid_steps import REST, areas_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_stexp.annotation import Region
    from napari_stexp.slide import Slide, TissueMask

__all__ = ["GridForm"]


class GridForm(QWidget):
    """Asks for a grid of virtual spots, and for how many it would have.

    Its spots are counted when somebody changes the form, and when what is counted on
    changes, as soon as the form is looked at.
    """

    requested = Signal(object)  # GridSettings
    count_wanted = Signal(object, bool)  # GridSettings (None: nothing), and whether unasked

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
        self.rest_box = QCheckBox("also outside of them")
        self.rest_box.setChecked(True)
        self.rest_box.setToolTip("Lay spots outside of the regions too, at the pitch above.")
        self.table = GridTable()
        self.number = QLabel("")
        self.number.setWordWrap(True)
        self.number.hide()  # as long as it says nothing
        form.addRow(self.table)
        form.addRow(self.rest_box)
        form.addRow(self.number)
        form.addRow(self.tissue_box, self.button)
        self._regions: Sequence[Region] = ()
        self._ready = False
        self._ground: tuple[Slide | None, TissueMask | None, float | None] = (None, None, None)
        self._counted: GridSettings | None = None  # what was asked about last
        for signal in (
            self.layout_box.currentIndexChanged, self.pitch_box.valueChanged,
            self.diameter_box.valueChanged, self.tissue_box.toggled, self.rest_box.toggled,
            self.table.changed,
        ):  # fmt: skip
            signal.connect(self._want_count)

    def settings(self) -> GridSettings:
        """Return what is in the form."""
        areas, pitches = (), self.table.pitches
        if pitches or not self.rest_box.isChecked():
            own = pitches or dict.fromkeys(self.table.rows, self.pitch_box.value())
            rest = self.pitch_box.value() if self.rest_box.isChecked() else None
            areas = areas_of(self._regions, own, rest)
        return GridSettings(
            areas=areas,
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

    def show_regions(self, regions: Sequence[Region]) -> None:
        """Offer a pitch for each class of these regions."""
        self._regions = regions
        names = dict.fromkeys(one.class_name or one.name or "" for one in regions)
        self.table.show_classes(tuple(names), self.pitch_box.value())
        self.rest_box.setVisible(bool(regions))
        if not regions:
            self.rest_box.setChecked(True)

    def show_counts(self, counts: dict[str, int], problem: str) -> None:
        """Say how many spots the grid would have."""
        self.table.show_counts(counts)
        total, rest = sum(counts.values()), counts.get(REST)
        text = f"{total:,} spots"
        if rest is not None and len(counts) > 1:
            text += f", {rest:,} of them outside the regions"
        self._say(problem.capitalize() if problem else text + ".")

    def _say(self, text: str) -> None:
        self.number.setText(text)
        self.number.setVisible(bool(text))

    def lie_on(self, slide: Slide | None, mask: TissueMask | None) -> None:
        """Count again, once it is looked at, if slide, scale, tissue or regions are others."""
        mpp = None if slide is None else slide.mpp
        before, self._ground = self._ground, (slide, mask, mpp)
        self._ready = mpp is not None
        same = before[0] is slide and before[1] is mask and before[2] == mpp
        if not same or (self._counted is not None and self._counted != self.settings()):
            self._forget_count()
            self.count_wanted.emit(None, True)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Count what nobody has counted yet: a form that is painted is looked at."""
        super().paintEvent(event)
        if self._ready and self._counted is None:
            self._counted = self.settings()
            QTimer.singleShot(0, self._count_unasked)

    def _count_unasked(self) -> None:
        if self._counted is not None:
            self.count_wanted.emit(self._counted, True)

    def _want_count(self, _: object = None) -> None:
        self._forget_count()
        if self._ready and self.isVisible():
            self._counted = self.settings()
        self.count_wanted.emit(self._counted, False)

    def _forget_count(self) -> None:
        self._counted = None
        self._say("")
        self.table.show_counts({})

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
