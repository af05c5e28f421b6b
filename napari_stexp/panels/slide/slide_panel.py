"""The dock *Slide & spots*: what is looked at, and where values are wanted."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QLabel

from napari_stexp.panels.describe import describe_slide
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.slide.pixel_size import PixelSize
from napari_stexp.panels.slide.slide_extras import SlideExtras
from napari_stexp.panels.slide.spots_part import SpotsPart
from napari_stexp.panels.slide.tissue_form import TissueForm
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Facts, Notice, make_button, make_heading, make_row
from napari_stexp.panels.workspace.drop_catcher import local_paths
from napari_stexp.panels.workspace.workspace_row import WorkspaceRow

__all__ = ["SlidePanel"]

_SLIDES = (
    "Slides (*.svs *.tif *.tiff *.btf *.jpg *.jpeg *.png *.ndpi *.scn *.bif *.mrxs *.dcm *.czi "
    "*.vms *.vmu *.svslide *.zarr.zip zarr.json .zattrs)"
    ";;All files (*)"
)
_REGIONS = "Annotations (*.geojson *.json *.xml *.ndpa *.geojson.gz *.zip);;All files (*)"


class SlidePanel(Panel):
    """Opens slide, spots and annotations, and settles the size of a pixel."""

    open_requested = Signal(object)  # Path, or RemotePath
    annotations_requested = Signal(object)  # Path

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.viewer = napari_viewer
        self.setAcceptDrops(True)
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.work = WorkspaceRow(self)
        self.column.addWidget(self.work)
        self._build_slide()
        self.column.addWidget(make_heading("Spots"))
        self.spots = SpotsPart(self)
        self.column.addWidget(self.spots)
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
        self.pixel_size = PixelSize(self.controller)
        self.column.addWidget(self.pixel_size)
        self.extras = SlideExtras(self)
        self.column.addWidget(self.extras)
        self.tissue_form = TissueForm(self, self.controller.tissue)
        self.column.addWidget(self.tissue_form)

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
        self.annotations_requested.connect(controller.annotating.open)
        self.clear_annotations_button.clicked.connect(controller.annotating.clear)
        controller.scale_conflict.connect(self._on_scale_conflict)
        controller.workspace.changed.connect(self._say_next_step)
        for signal in (
            session.slide_changed,
            session.spots_changed,
            session.annotations_changed,
            session.regions.blinding_changed,
        ):
            self.watch(signal, self._on_changed)
        for signal in (session.bundle_changed, session.prediction_changed):
            self.watch(signal, self._on_step_taken)

    # ---- showing -------------------------------------------------------------------------

    def _on_changed(self, _new: Any) -> None:
        self.refresh()

    def _on_step_taken(self, _new: Any) -> None:
        self._say_next_step()

    def _say_next_step(self) -> None:
        self.guide.say("hint", self._next_step())

    def _on_scale_conflict(self, _spots: Any) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show the session's slide, spots and annotations."""
        session, busy = self.session, self.controller.busy
        slide, regions = session.slide, session.annotations
        self.guide.say("hint", self._next_step())
        self.slide_facts.show_facts(describe_slide(slide) if slide is not None else {})
        self.pixel_size.refresh()
        self.extras.refresh()
        self.tissue_form.refresh()
        self.spots.refresh()
        self.annotations_line.setText(count(len(regions), "region") if regions else "")
        self.annotations_line.setVisible(bool(regions))
        self.open_button.setEnabled(not busy("slide"))
        self.web_button.setEnabled(not busy("slide"))
        self.close_button.setEnabled(slide is not None and not busy("slide"))
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

    # ---- asking --------------------------------------------------------------------------

    def _ask_slide(self) -> None:
        if path := self.ask_file("Open slide", _SLIDES):
            self.open_requested.emit(path)

    def _ask_address(self) -> None:
        from napari_stexp.panels.slide.address_dialog import AddressDialog

        if place := AddressDialog(self).ask():
            self.open_requested.emit(place)

    def _close_slide(self) -> None:
        self.controller.workspace.leaving.close_slide()

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
