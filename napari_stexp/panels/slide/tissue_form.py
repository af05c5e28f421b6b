"""Where the tissue is: found, tidied, painted; below the slide's facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_stexp.panels.fold import Fold
from napari_stexp.panels.registry import get_adapter
from napari_stexp.panels.slide.tissue_control import AREA, TissueControl
from napari_stexp.panels.widgets import ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel

__all__ = ["TissueForm"]

_FILES = "Tissue mask (*.png *.tif *.tiff *.geojson *.json)"
_SAVED = "Outline, GeoJSON (*.geojson);;Picture (*.png)"
_TOOLS = {
    "paint": ("Brush", "Paint tissue where it was missed. [ and ] change the size of the brush."),
    "erase": ("Eraser", "Erase what is no tissue: pen, folds, dirt."),
    "drop": ("Drop piece", "Click a piece to leave it out."),
    "fill": ("Fill hole", "Click a hole to fill it."),
}


class TissueForm(Fold):
    """Finds the tissue, and lets the user correct it.

    Parameters
    ----------
    panel : Panel
        The panel that it is a part of.
    control : TissueControl
    """

    def __init__(self, panel: Panel, control: TissueControl) -> None:
        super().__init__("Tissue", "Where spots are laid and predicted: found, or as you paint it.")
        self._panel, self.control = panel, control
        self.controller, self.session = panel.controller, panel.session
        self._build()
        panel.add_area(AREA, "finding the tissue", self.column)
        tissue = self.session.tissue
        for signal in (tissue.changed, tissue.shown_changed, tissue.tool_changed,
                       tissue.limits_changed):  # fmt: skip
            panel.watch(signal, self._on_changed)

    def _build(self) -> None:
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.find_button = make_button(
            "Find tissue", "Find the tissue by its stain; pen, shadow and dust are left out.",
            self._find,
        )  # fmt: skip
        self.edit_button = make_button("Edit", "Correct the mask by hand.", self._edit)
        self.edit_button.setCheckable(True)
        self.shown_box = QCheckBox("show")
        self.shown_box.setToolTip("Draw the mask over the slide.")
        self.shown_box.clicked.connect(self._show_mask)
        self.column.addWidget(self.line)
        self.column.addLayout(make_row(self.find_button, self.edit_button, self.shown_box))
        self.tools = self._make_tools()
        self.column.addWidget(self.tools)
        sizes = QGridLayout()
        sizes.setVerticalSpacing(3)
        self.piece_box = self._make_area(
            sizes, 0, "Smallest piece", "Smaller pieces of tissue are left out."
        )
        self.hole_box = self._make_area(
            sizes, 1, "Largest hole filled", "Smaller holes count as tissue; larger ones stay open."
        )
        self.column.addLayout(sizes)
        self.limits_box = QCheckBox("Predict only spots on it")
        self.limits_box.setToolTip("“Predict” leaves out spots off the mask.")
        self.limits_box.clicked.connect(
            lambda: setattr(self.session.tissue, "limits", self.limits_box.isChecked())
        )
        self.column.addWidget(self.limits_box)
        self.load_button = make_button(
            "Load…", "Use a mask from a file: a picture of the whole slide, or GeoJSON.", self._load
        )
        self.save_button = make_button("Save…", "Write the mask: GeoJSON or PNG.", self._save)
        self.discard_button = make_button(
            "Discard", "Use no mask of your own: tissue is found anew when it is needed.",
            self.control.discard,
        )  # fmt: skip
        self.column.addLayout(make_row(self.load_button, self.save_button, self.discard_button))

    def _make_tools(self) -> QWidget:
        self.tool_buttons = {}
        for tool, (text, tooltip) in _TOOLS.items():
            button = make_button(text, tooltip, lambda tool=tool: self._take(tool))
            button.setCheckable(True)
            self.tool_buttons[tool] = button
        self.brush_box = ignore_idle_wheel(QDoubleSpinBox())
        self.brush_box.setDecimals(0)
        self.brush_box.setRange(1, 100_000)
        self.brush_box.setValue(200)
        self.brush_box.setSuffix(" µm")
        self.brush_box.setToolTip("Diameter of brush and eraser.")
        self.brush_box.valueChanged.connect(self._set_brush)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        for i, button in enumerate(self.tool_buttons.values()):
            grid.addWidget(button, i // 2, i % 2)
        label = QLabel("Brush size")
        label.setToolTip(self.brush_box.toolTip())
        grid.addWidget(label, 2, 0)
        grid.addWidget(self.brush_box, 2, 1)
        widget = QWidget()
        widget.setLayout(grid)
        return widget

    def _make_area(self, grid: QGridLayout, row: int, text: str, tooltip: str) -> QDoubleSpinBox:
        box: QDoubleSpinBox = ignore_idle_wheel(QDoubleSpinBox())
        box.setDecimals(3)
        box.setRange(0, 10_000)
        box.setSingleStep(0.01)
        box.setSuffix(" mm²")
        box.setToolTip(tooltip)
        box.valueChanged.connect(self._tidy)
        label = QLabel(text)
        label.setToolTip(tooltip)
        grid.addWidget(label, row, 0)
        grid.addWidget(box, row, 1)
        return box

    # ---- showing -------------------------------------------------------------------------

    def _on_changed(self, _: Any = None) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show what the session has."""
        tissue, slide = self.session.tissue, self.session.slide
        mask, busy = tissue.mask, self.controller.busy(AREA)
        self.setVisible(slide is not None)
        editing = tissue.tool != "none"
        self.line.setText(self._describe())
        self.find_button.setEnabled(slide is not None and not busy)
        for widget in (self.edit_button, self.save_button, self.discard_button, self.shown_box,
                       self.limits_box):  # fmt: skip
            widget.setEnabled(mask is not None)
        self.load_button.setEnabled(slide is not None and not busy)
        self.edit_button.setChecked(editing)
        self.edit_button.setText("Done" if editing else "Edit")
        self.shown_box.setChecked(mask is not None and tissue.shown)
        self.limits_box.setChecked(tissue.limits)
        self.tools.setVisible(editing)
        for tool, button in self.tool_buttons.items():
            button.setChecked(tool == tissue.tool)
        scaled = slide is not None and slide.mpp is not None
        settings = None if mask is None else mask.settings
        for box, name in ((self.piece_box, "min_piece_mm2"), (self.hole_box, "max_hole_mm2")):
            box.setEnabled(scaled)
            value = None if settings is None else getattr(settings, name)
            if slide is not None and scaled and value is None:
                value = slide.shape[0] * slide.shape[1] * slide.mpp**2 / 1e9
            if value is not None and not box.hasFocus():
                box.blockSignals(True)
                box.setValue(value)
                box.blockSignals(False)

    def _describe(self) -> str:
        mask, slide = self.session.tissue.mask, self.session.slide
        if mask is None or slide is None:
            return "Found by itself when spots are laid. Find it here to see and correct it."
        area = mask.area_mm2(slide.mpp)
        share = mask.n_pixels / max(mask.shape[0] * mask.shape[1], 1)
        size = f"{share:.0%} of the slide" + (f", {area:,.2f} mm²" if area is not None else "")
        return f"{size}; {'edited by hand' if mask.edited else mask.source}."

    # ---- asking --------------------------------------------------------------------------

    def _settings(self) -> Any:
        from napari_stexp.slide import TissueSettings

        slide = self.session.slide
        if slide is None or slide.mpp is None:
            return TissueSettings()
        return TissueSettings(self.piece_box.value(), self.hole_box.value())

    def _find(self) -> None:
        self.session.tissue.shown = True
        self.control.find(self._settings())

    def _tidy(self, _: Any = None) -> None:
        if self.session.tissue.mask is not None:
            self.control.tidy(self._settings())

    def _edit(self) -> None:
        tissue = self.session.tissue
        self._take("paint" if tissue.tool == "none" else "none")

    def _take(self, tool: str) -> None:
        self.session.tissue.tool = tool
        self._set_brush()
        self.refresh()

    def _set_brush(self, _: Any = None) -> None:
        get_adapter(self._panel.viewer).tissue.brush_um = self.brush_box.value()  # type: ignore[attr-defined]

    def _show_mask(self) -> None:
        self.session.tissue.shown = self.shown_box.isChecked()

    def _load(self) -> None:
        if path := self._panel.ask_file("Load a tissue mask", _FILES):
            self.control.open(path)

    def _save(self) -> None:
        slide = self.session.slide
        name = "tissue.geojson" if slide is None else f"{slide.name}.tissue.geojson"
        if path := self._panel.ask_save("Save the tissue mask", name, _SAVED):
            self.control.save(path)
