"""The dock *Slide & spots*: what is looked at, and where values are wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QDoubleSpinBox, QLabel

from napari_stexp.panels.align.fit_row import FitRow
from napari_stexp.panels.describe import describe_slide, describe_spots
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import open_align
from napari_stexp.panels.slide.bins_row import BinsRow
from napari_stexp.panels.slide.columns_row import ColumnsRow
from napari_stexp.panels.slide.grid_form import GridForm
from napari_stexp.panels.slide.slide_extras import SlideExtras
from napari_stexp.panels.slide.tissue_form import TissueForm
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    ignore_idle_wheel,
    make_button,
    make_heading,
    make_row,
)
from napari_stexp.panels.workspace.drop_catcher import local_paths
from napari_stexp.panels.workspace.workspace_row import WorkspaceRow

__all__ = ["SlidePanel"]

_SLIDES = (
    "Slides (*.svs *.tif *.tiff *.btf *.jpg *.jpeg *.png *.ndpi *.scn *.bif *.mrxs *.dcm *.czi "
    "*.vms *.vmu *.svslide *.zarr.zip zarr.json .zattrs)"
    ";;All files (*)"
)
_SPOTS = "Spots (*.h5ad *.h5 *.parquet *.csv *.tsv *.txt *.gz);;All files (*)"
_COUNTS = "Counts (*.tsv *.tsv.gz);;All files (*)"
_REGIONS = "Annotations (*.geojson *.json *.xml *.ndpa *.geojson.gz *.zip);;All files (*)"


class SlidePanel(Panel):
    """Opens slide, spots and annotations, and settles the size of a pixel."""

    open_requested = Signal(object)  # Path
    close_requested = Signal()
    mpp_requested = Signal(float)
    mpp_from_spots_requested = Signal()
    spots_requested = Signal(object, object)  # Path, counts Path or None
    grid_requested = Signal(object)  # GridSettings
    clear_spots_requested = Signal()
    annotations_requested = Signal(object)  # Path
    clear_annotations_requested = Signal()
    model_requested = Signal(object)  # Path, dropped on this panel

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.viewer = napari_viewer
        self.setAcceptDrops(True)
        self._spot_file: Path | None = None  # the last one asked for, in case counts are missing
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.work = WorkspaceRow(self)
        self.column.addWidget(self.work)
        self._build_slide()
        self._build_spots()
        self._build_annotations()
        self._connect()
        self.refresh()

    # ---- building ------------------------------------------------------------------------

    def _build_slide(self) -> None:
        self.column.addWidget(make_heading("Slide"))
        self.open_button = make_button(
            "Open slide…",
            "Open an H&E slide of any scanner, or a JPEG or PNG. Of a slide that is a folder "
            "(OME-Zarr, DICOM, MIRAX), choose any file in it. You can also drop it here.",
            self._ask_slide,
        )
        self.close_button = make_button(
            "Close", "Close the slide. Its spots and prediction go with it.", self._close_slide
        )
        self.web_button = make_button(
            "From web…",
            "Open a slide from a web address (https://, s3://); only what you look at is fetched.",
            self._ask_address,
        )
        self.column.addLayout(make_row(self.open_button, self.web_button, self.close_button))
        self.add_area("slide", "opening the slide")
        self.slide_facts = Facts()
        self.column.addWidget(self.slide_facts)
        self.mpp_box = ignore_idle_wheel(QDoubleSpinBox())
        self.mpp_box.setDecimals(4)
        self.mpp_box.setRange(0.0, 100.0)
        self.mpp_box.setSingleStep(0.01)
        self.mpp_box.setKeyboardTracking(False)
        self.mpp_box.setMinimumWidth(116)  # "unknown", and four decimals beside the arrows
        self.mpp_box.setSpecialValueText("unknown")
        self.mpp_box.setToolTip(
            "How many µm one pixel of the slide's finest level is wide. "
            "It is read from the file where the scanner wrote it; type it if it is missing or "
            "wrong."
        )
        self.mpp_label = QLabel("Pixel size, µm")
        self.mpp_label.setStyleSheet("QLabel { font-weight: 600; }")
        self.mpp_label.setToolTip(self.mpp_box.toolTip())
        self.mpp_button = make_button("Set", "Use this size of a pixel from now on.", self._ask_mpp)
        self.column.addLayout(make_row(self.mpp_label, self.mpp_box, self.mpp_button))
        self.scale_notice = Notice("warning")
        self.column.addWidget(self.scale_notice)
        self.from_spots_button = make_button(
            "Take it from the spots",
            "Set the size of a pixel so that the spots are as far apart as their technology says.",
        )
        self.column.addWidget(self.from_spots_button)
        self.extras = SlideExtras(self)
        self.column.addWidget(self.extras)
        self.tissue_form = TissueForm(self, self.controller.tissue)
        self.column.addWidget(self.tissue_form)

    def _build_spots(self) -> None:
        self.column.addWidget(make_heading("Spots"))
        self.spots_button = make_button(
            "Load spots…",
            "Measured spots: an .h5ad file, a *_selection.tsv spot file of the HER2ST kind, or the "
            "tissue_positions of a Space Ranger run. Of a run you can also drop the whole folder "
            "on this window: its slide is opened, too.",
            self._ask_spots,
        )
        self.clear_spots_button = make_button(
            "Remove", "Take the spots off the slide, and the prediction with them."
        )
        self.fit_row = FitRow(self.controller)
        align_button = self.fit_row.align_button
        self.column.addLayout(make_row(self.spots_button, self.clear_spots_button, align_button))
        self.column.addWidget(self.fit_row)
        self.grid_form = GridForm()
        self.grid_fold = Fold(
            "Grid of virtual spots",
            "Where nothing was measured: lay spots on the tissue, to be predicted.",
            opened=True,
        )
        self.grid_fold.column.addWidget(self.grid_form)
        self.column.addWidget(self.grid_fold)
        self.add_area("spots", "reading the spots")
        self.counts_button = make_button(
            "Choose the counts file…",
            "No counts were found for this spot file: choose the table that belongs to it.",
            self._ask_counts,
        )
        self.counts_button.hide()
        self.column.addWidget(self.counts_button)
        self.spots_facts = Facts()
        self.column.addWidget(self.spots_facts)
        self.bins_row = BinsRow()
        self.column.addWidget(self.bins_row)
        self.columns_row = ColumnsRow(self.controller)
        self.column.addWidget(self.columns_row)

    def _build_annotations(self) -> None:
        self.column.addWidget(make_heading("Annotations"))
        self.annotations_button = make_button(
            "Load annotations…",
            "A pathologist's regions: GeoJSON (QuPath), XML (ImageScope, ASAP) or NDPA. Draw your "
            "own in the tab Annotations.",
            self._ask_annotations,
        )
        self.clear_annotations_button = make_button("Remove", "Take the regions off the slide.")
        self.column.addLayout(make_row(self.annotations_button, self.clear_annotations_button))
        self.add_area("annotations", "reading the annotations")
        self.annotations_line = QLabel()
        self.annotations_line.setWordWrap(True)
        self.column.addWidget(self.annotations_line)

    def _connect(self) -> None:
        controller, session = self.controller, self.session
        self.open_requested.connect(controller.workspace.leaving.open_slide)
        self.close_requested.connect(controller.workspace.leaving.close_slide)
        self.mpp_requested.connect(controller.set_mpp)
        self.mpp_from_spots_requested.connect(controller.take_mpp_from_spots)
        self.spots_requested.connect(controller.load_spots)
        self.bins_row.chosen.connect(controller.load_bins)
        self.clear_spots_requested.connect(controller.clear_spots)
        self.annotations_requested.connect(controller.annotating.open)
        self.clear_annotations_requested.connect(controller.annotating.clear)
        self.model_requested.connect(controller.load_bundle)
        self.grid_form.requested.connect(self._ask_grid)
        self.grid_form.count_wanted.connect(controller.tissue.count_grid)
        controller.tissue.counted.connect(self.grid_form.show_counts)
        for signal in (session.tissue.changed, session.regions.changed):
            self.watch(signal, self._on_grid_ground)
        self.grid_requested.connect(controller.make_grid)
        self.from_spots_button.clicked.connect(self.mpp_from_spots_requested)
        self.clear_spots_button.clicked.connect(self.clear_spots_requested)
        self.clear_annotations_button.clicked.connect(self.clear_annotations_requested)
        self.mpp_box.lineEdit().returnPressed.connect(self._ask_mpp)
        self.fit_row.align_button.clicked.connect(self._open_align)
        self.watch(session.aligning.checked, self.fit_row.refresh)
        self.mpp_box.valueChanged.connect(self._show_mpp_button)
        controller.scale_conflict.connect(self._on_scale_conflict)
        controller.workspace.changed.connect(self._say_next_step)
        for signal in (
            session.slide_changed,
            session.spots_changed,
            session.annotations_changed,
            session.regions.blinding_changed,
        ):
            self.watch(signal, self._on_changed)
        self.watch(session.spots_changed, self._fold_grid)
        for signal in (session.bundle_changed, session.prediction_changed):
            self.watch(signal, self._on_step_taken)

    # ---- showing -------------------------------------------------------------------------

    def _on_changed(self, _new: Any) -> None:
        self.refresh()

    def _fold_grid(self, spots: Any) -> None:
        """Make room for what is known of the spots once there are any."""
        self.grid_fold.set_opened(spots is None)

    def _on_grid_ground(self, _new: Any = None) -> None:
        self.grid_form.show_regions(self.session.regions.items)
        self.grid_form.count_again()

    def _on_step_taken(self, _new: Any) -> None:
        self._say_next_step()

    def _say_next_step(self) -> None:
        self.guide.say("hint", self._next_step())

    def _on_scale_conflict(self, _spots: Any) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show the session's slide, spots and annotations."""
        session, busy = self.session, self.controller.busy
        slide, spots, regions = session.slide, session.spots, session.annotations
        self.guide.say("hint", self._next_step())
        self.slide_facts.show_facts(describe_slide(slide) if slide is not None else {})
        for widget in (self.mpp_label, self.mpp_box):
            widget.setVisible(slide is not None)
        self.mpp_box.blockSignals(True)
        self.mpp_box.setValue((slide.mpp or 0.0) if slide is not None else 0.0)
        self.mpp_box.blockSignals(False)
        self._show_mpp_button()
        self._show_scale()
        self.extras.refresh()
        self.tissue_form.refresh()
        self.grid_form.show_regions(session.regions.items)
        self.spots_facts.show_facts(describe_spots(spots) if spots is not None else {})
        self.bins_row.show_state(spots, busy("spots"))
        self.columns_row.show_state(spots, busy("spots"))
        self._show_counts_button()
        self.annotations_line.setText(count(len(regions), "region") if regions else "")
        self.annotations_line.setVisible(bool(regions))
        self.open_button.setEnabled(not busy("slide"))
        self.web_button.setEnabled(not busy("slide"))
        self.close_button.setEnabled(slide is not None and not busy("slide"))
        self.spots_button.setEnabled(not busy("spots"))
        self.clear_spots_button.setEnabled(spots is not None and not busy("spots"))
        self.grid_form.show_state(slide, busy("spots"))
        self.fit_row.refresh()
        editable = not session.regions.blinding.forbids_edits
        self.annotations_button.setEnabled(
            slide is not None and editable and not busy("annotations")
        )
        self.clear_annotations_button.setEnabled(regions is not None and editable)

    def _next_step(self) -> str:
        session = self.session
        if session.slide is None and self.controller.workspace.missing:
            return ""
        if session.slide is None:
            return "Start here: open an H&E slide, or drop its file anywhere on this window."
        if session.spots is None:
            return "Next: load the spots that were measured, or make a grid of virtual ones."
        if session.bundle is None and session.prediction is None:
            return "Next: load a model, in the tab Model."
        if session.prediction is None:
            return "Ready: press Predict, in the tab Predict."
        return ""

    def _show_mpp_button(self, _value: float = 0.0) -> None:
        slide = self.session.slide
        shown = round(slide.mpp or 0.0, 4) if slide is not None else 0.0
        self.mpp_button.setVisible(slide is not None)
        self.mpp_button.setEnabled(abs(self.mpp_box.value() - shown) > 1e-6)

    def _show_scale(self) -> None:
        slide, session = self.session.slide, self.session
        unknown = slide is not None and slide.mpp is None
        conflict = self.controller.conflicting_spots is not None
        suggested = session.suggested_mpp if unknown else None
        self.scale_notice.say(
            "warning",
            "Pixel size unknown: type it, or load spots of known pitch. Until then there is no "
            "scale bar, and no grid in µm."
            if unknown
            else "",
        )
        if suggested is not None:
            self.scale_notice.say(
                "warning",
                f"Pixel size unknown. The spots' pitch says {suggested:.4g} µm: "
                "take that, or type another.",
            )
        self.from_spots_button.setVisible(conflict or suggested is not None)

    def _show_counts_button(self) -> None:
        """Offer to choose the counts where a spot file was read without any."""
        spots, file = self.session.spots, self._spot_file
        lacking = spots is not None and spots.n_vars == 0 and not self.controller.busy("spots")
        self.counts_button.setVisible(lacking and file is not None and ".tsv" in file.name)

    # ---- asking --------------------------------------------------------------------------

    def _ask_slide(self) -> None:
        if path := self.ask_file("Open slide", _SLIDES):
            self.open_requested.emit(path)

    def _open_align(self) -> None:
        open_align(self.viewer)

    def _ask_address(self) -> None:
        from napari_stexp.panels.slide.address_dialog import AddressDialog

        if place := AddressDialog(self).ask():
            self.open_requested.emit(place)

    def _close_slide(self) -> None:
        self.close_requested.emit()

    def _ask_mpp(self) -> None:
        if self.mpp_button.isEnabled():
            self.mpp_requested.emit(self.mpp_box.value())
            self.refresh()  # a refused value gives way to the present one

    def _ask_spots(self) -> None:
        if path := self.ask_file("Load spots", _SPOTS):
            self._request_spots(path)

    def _request_spots(self, path: Path, counts: Path | None = None) -> None:
        self._spot_file = path
        self.spots_requested.emit(path, counts)

    def _ask_grid(self, settings: Any) -> None:
        self._spot_file = None
        self.grid_requested.emit(settings)

    def _ask_counts(self) -> None:
        if self._spot_file and (path := self.ask_file("Choose the counts", _COUNTS)):
            self._request_spots(self._spot_file, path)

    def _ask_annotations(self) -> None:
        if path := self.ask_file("Load annotations", _REGIONS):
            self.annotations_requested.emit(path)

    # ---- dropping ------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped, by its kind."""
        self.controller.workspace.drops.open(local_paths(event.mimeData()))
        event.acceptProposedAction()

    def open_path(self, path: Path) -> None:
        """Ask for a file to be opened as what its name says it is."""
        name = path.name.lower()
        if name.endswith((".h5ad", ".tsv", ".tsv.gz", ".parquet")):
            self._request_spots(path)
        elif name.endswith((".geojson", ".json", ".xml", ".ndpa", ".geojson.gz", ".csv", ".zip")):
            self.annotations_requested.emit(path)
        elif name.endswith(".safetensors"):
            self.model_requested.emit(path)
        else:
            self.open_requested.emit(path)
