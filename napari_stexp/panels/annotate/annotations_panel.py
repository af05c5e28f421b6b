"""The dock *Annotations*: outline regions, class by class, and take them in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QLabel

from napari_stexp.panels.annotate.annotation_control import write_clock
from napari_stexp.panels.annotate.annotation_sources import AnnotationSources
from napari_stexp.panels.annotate.annotation_tasks import FORMATS
from napari_stexp.panels.annotate.blinding_row import BlindingRow
from napari_stexp.panels.annotate.class_palette import ClassPalette
from napari_stexp.panels.annotate.export_form import ExportForm, split_genes
from napari_stexp.panels.annotate.region_list import RegionList
from napari_stexp.panels.annotate.region_model import write_area
from napari_stexp.panels.annotate.region_numbers import count_by_class
from napari_stexp.panels.annotate.tool_row import ToolRow
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import get_adapter
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Notice

__all__ = ["AnnotationsPanel"]

_PATTERNS = {
    "geojson": "GeoJSON (*.geojson)",
    "qupath": "GeoJSON (*.geojson)",
    "h5ad": "AnnData (*.h5ad)",
    "spatialdata": "SpatialData (*.zarr)",
}
_NUMBERS_MS = 150  # how long after an edit areas are added up


class AnnotationsPanel(Panel):
    """Shows the session's regions and asks for every change to them."""

    fills = True

    open_requested = Signal(object, object)  # Path, column or None
    export_requested = Signal(str, object, object)  # kind, Path, genes

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.setAcceptDrops(True)
        self.control = self.controller.annotating
        self.regions = self.session.regions
        self.adapter = get_adapter(napari_viewer)
        self.guide = Notice("hint")
        self.column.addWidget(self.guide)
        self.sources = AnnotationSources(self)
        self.column.addWidget(self.sources)
        self._build_drawing()
        self._build_rest()
        self._numbers_timer = QTimer(self)
        self._numbers_timer.setSingleShot(True)
        self._numbers_timer.setInterval(_NUMBERS_MS)
        self._numbers_timer.timeout.connect(self._show_classes)
        self._connect()
        self.refresh()

    # ---- building ------------------------------------------------------------------------

    def _build_drawing(self) -> None:
        self.tools = ToolRow()
        self.palette_view = ClassPalette()
        self.list = RegionList()
        self.column.addWidget(self.tools)
        self.column.addWidget(self.palette_view)
        self.add_area("edit", "this")
        self.column.addWidget(self.list, 1)
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.column.addWidget(self.line)

    def _build_rest(self) -> None:
        self.blinding = BlindingRow()
        self.column.addWidget(self.blinding)
        self.export_fold = Fold("Export", "Regions, spots and labels for other programs.")
        self.export_form = ExportForm()
        self.export_fold.column.addWidget(self.export_form)
        self.column.addWidget(self.export_fold)
        self.add_area("export", "writing")
        self.column.addStretch(0)

    def _connect(self) -> None:
        control, regions, edit = self.control, self.regions, self.control.edit
        asks: dict[Any, Callable[..., Any]] = {
            self.open_requested: control.open,
            self.sources.open_requested: self.open_requested,
            self.sources.take_requested: control.take_layer,
            self.export_requested: control.export,
            self.export_form.export_requested: self._ask_export,
            self.palette_view.active_requested: lambda name: control.set("active_class", name),
            self.palette_view.add_requested: lambda name: edit("add_class", name),
            self.palette_view.rename_requested: lambda *names: edit("rename_class", *names),
            self.palette_view.color_requested: lambda *new: edit("recolor_class", *new),
            self.palette_view.remove_requested: lambda name: edit("remove_class", name),
            self.tools.tool_requested: self._ask_tool,
            self.tools.brush_requested: lambda size: control.set("brush_um", size),
            self.tools.undo_requested: self._ask_undo,
            self.tools.redo_requested: self._ask_redo,
            self.list.select_requested: lambda ids: edit("select", ids),
            self.list.fly_requested: self._fly,
            self.list.remove_requested: lambda ids: edit("remove", ids),
            self.list.classify_requested: lambda ids, name: edit("classify", ids, name),
            self.list.rename_requested: lambda id_, name: edit("rename", id_, name),
            self.list.lock_requested: lambda ids, locked: edit("set_locked", ids, locked),
            self.blinding.start_requested: lambda: edit("start_blinded"),
            self.blinding.lock_requested: lambda: edit("lock"),
            self.blinding.unlock_requested: lambda: edit("unlock"),
            self.blinding.stop_requested: lambda: edit("end_blinded"),
            control.autosaver.saved: self._show_line,
        }
        for signal, slot in asks.items():
            signal.connect(slot)
        for signal in (self.session.slide_changed, self.session.spots_changed,
                       self.session.prediction_changed):  # fmt: skip
            self.watch(signal, self._on_changed)
        self.watch(regions.changed, self._on_regions)
        self.watch(regions.classes_changed, self._on_regions)
        self.watch(regions.active_class_changed, self._on_active)
        self.watch(regions.tool_changed, self._on_tool)
        self.watch(regions.brush_changed, self._on_brush)
        self.watch(regions.selection_changed, self.list.show_selected)
        self.watch(regions.history_changed, self._show_history)
        self.watch(regions.blinding_changed, self._on_changed)

    # ---- session -------------------------------------------------------------------------

    def _on_changed(self, _new: Any) -> None:
        self.refresh()

    def _on_regions(self, _new: Any) -> None:
        self._show_regions()
        if not self._numbers_timer.isActive():
            self._numbers_timer.start()

    def _on_active(self, _name: Any) -> None:
        self._show_classes()

    def _on_tool(self, tool: str) -> None:
        self.tools.show_tool(tool)

    def _on_brush(self, _diameter: float) -> None:
        unit = "px" if self.session.world_mpp is None else "µm"
        self.tools.show_brush(self.regions.brush_um, unit)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the session's regions and what can be done to them."""
        session = self.session
        there = session.slide is not None
        editable = not self.regions.blinding.forbids_edits
        self.sources.refresh()
        self.tools.set_usable(editable, there or session.spots is not None)
        self.tools.show_tool(self.regions.tool)
        self.palette_view.set_editable(editable)
        self._on_brush(0.0)
        self.blinding.show_blinding(
            self.regions.blinding, there=there, seen=self.regions.values_were_seen
        )
        self._show_regions()
        self._show_classes()
        self._show_history()
        self._show_line()

    def _show_regions(self) -> None:
        regions, session = self.regions, self.session
        there = bool(regions.items)
        self.guide.say("hint", "" if there else self._what_next())
        self.list.show_regions(regions.items, regions.classes, session.world_mpp)
        self.list.show_selected(regions.selected)
        self.list.setVisible(there)
        self.sources.clear_button.setEnabled(there and not regions.blinding.forbids_edits)
        self.export_form.show_state(
            regions=there,
            spots=session.spots is not None,
            hidden=session.hides_values,
            busy=self.controller.busy("export"),
        )

    def _what_next(self) -> str:
        if self.session.slide is None and self.session.spots is None:
            return "First open a slide, in the tab Slide & spots."
        return (
            "Choose a class, then a tool, and outline it on the slide; or open regions that were "
            "drawn in QuPath, ImageScope, ASAP or NDP.view."
        )

    def _show_classes(self) -> None:
        regions, mpp = self.regions, self.session.world_mpp
        numbers = {
            name: (n, write_area(area, mpp))
            for name, (n, area) in count_by_class(regions.items).items()
        }
        self.palette_view.show_classes(regions.classes, regions.active_class, numbers)

    def _show_history(self) -> None:
        editable = not self.regions.blinding.forbids_edits
        undo, redo = self.regions.undo_text, self.regions.redo_text
        self.tools.show_history(undo if editable else "", redo if editable else "")

    def _show_line(self) -> None:
        parts = [count(len(self.regions.items), "region")] if self.regions.items else []
        saver = self.control.autosaver
        if saver.problem:
            parts.append(f"not saved: {saver.problem}")
        elif moment := saver.saved_at:
            parts.append(f"saved automatically {write_clock(moment)}")
        text = " · ".join(parts)
        self.line.setText(text[:1].upper() + text[1:])
        self.line.setVisible(bool(text))

    # ---- asking --------------------------------------------------------------------------

    def _ask_tool(self, tool: str) -> None:
        self.control.set("tool", tool)
        self.tools.show_tool(self.regions.tool)  # one that was refused isn't marked

    def _ask_undo(self) -> None:
        self.control.edit("undo")

    def _ask_redo(self) -> None:
        self.control.edit("redo")

    def _fly(self, region: Any) -> None:
        self.controller.guard("edit", self.adapter.fly_to_region, region.id)

    def _ask_export(self, kind: str) -> None:
        slide = self.session.slide
        stem = Path(slide.name).stem if slide is not None else "slide"
        end = {"geojson": "_regions", "qupath": "_qupath", "h5ad": "_labelled"}.get(kind, "")
        title = self.export_form.buttons[kind].text().rstrip("…")
        path = self.ask_save(f"Export: {title}", f"{stem}{end}{FORMATS[kind]}", _PATTERNS[kind])
        if path is None:
            return
        genes = split_genes(self.export_form.genes.text())
        if not genes and self.session.gene is not None:
            genes = (self.session.gene,)
        path = path if path.suffix else path.with_suffix(FORMATS[kind])
        self.export_requested.emit(kind, path, genes)

    # ---- dropping ------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Accept files."""
        if event.mimeData().hasUrls() and self.sources.open_button.isEnabled():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_requested.emit(Path(url.toLocalFile()), None)
        event.acceptProposedAction()
