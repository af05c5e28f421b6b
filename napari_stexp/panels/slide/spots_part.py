"""The spots: measured ones that are read, virtual ones on a grid, and what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stexp.panels.align.fit_row import FitRow
from napari_stexp.panels.describe import describe_spots
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.registry import open_align
from napari_stexp.panels.slide.bins_row import BinsRow
from napari_stexp.panels.slide.columns_row import ColumnsRow
from napari_stexp.panels.slide.grid_form import GridForm
from napari_stexp.panels.widgets import Facts, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel

__all__ = ["SpotsPart"]

_SPOTS = "Spots (*.h5ad *.h5 *.parquet *.csv *.tsv *.txt *.gz);;All files (*)"
_COUNTS = "Counts (*.tsv *.tsv.gz);;All files (*)"


class SpotsPart(QWidget):
    """Loads and removes spots, lays grids, and offers what can be changed about the spots.

    Parameters
    ----------
    panel : Panel
        Whose part it is.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self.controller, self.session = panel.controller, panel.session
        self._spot_file: Path | None = None  # the last one asked for, in case counts are missing
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._build(column)
        self._connect()

    def _build(self, column: QVBoxLayout) -> None:
        self._build_buttons(column)
        self.grid_form = GridForm()
        self.grid_fold = Fold(
            "Grid of virtual spots",
            "Where nothing was measured: lay spots on the tissue, to be predicted.",
            opened=True,
        )
        self.grid_fold.column.addWidget(self.grid_form)
        column.addWidget(self.grid_fold)
        self._panel.add_area("spots", "reading the spots", column)
        self.counts_button = make_button(
            "Choose the counts file…",
            "No counts were found for this spot file: choose the table that belongs to it.",
            self._ask_counts,
        )
        self.counts_button.hide()
        column.addWidget(self.counts_button)
        self.facts = Facts()
        column.addWidget(self.facts)
        self.bins_row = BinsRow()
        column.addWidget(self.bins_row)
        self.columns_row = ColumnsRow(self.controller)
        column.addWidget(self.columns_row)

    def _build_buttons(self, column: QVBoxLayout) -> None:
        self.load_button = make_button(
            "Load spots…",
            "Measured spots: an .h5ad file, a *_selection.tsv spot file of the HER2ST kind, or the "
            "tissue_positions of a Space Ranger run. Of a run you can also drop the whole folder "
            "on this window: its slide is opened, too.",
            self._ask_spots,
        )
        self.clear_button = make_button(
            "Remove", "Take the spots off the slide, and the prediction with them."
        )
        self.fit_row = FitRow(self.controller)
        align_button = self.fit_row.align_button
        column.addLayout(make_row(self.load_button, self.clear_button, align_button))
        column.addWidget(self.fit_row)

    def _connect(self) -> None:
        controller, session, watch = self.controller, self.session, self._panel.watch
        self.bins_row.chosen.connect(controller.load_bins)
        self.clear_button.clicked.connect(controller.clear_spots)
        self.fit_row.align_button.clicked.connect(self._open_align)
        self.grid_form.requested.connect(self._ask_grid)
        self.grid_form.count_wanted.connect(controller.tissue.count_grid)
        controller.tissue.counted.connect(self.grid_form.show_counts)
        for signal in (session.tissue.changed, session.regions.changed):
            watch(signal, self._on_grid_ground)
        watch(session.aligning.checked, self.fit_row.refresh)
        watch(session.spots_changed, self._fold_grid)

    # ---- showing -------------------------------------------------------------------------

    def _fold_grid(self, spots: Any) -> None:
        """Make room for what is known of the spots once there are any."""
        self.grid_fold.set_opened(spots is None)

    def _on_grid_ground(self, _new: Any = None) -> None:
        session = self.session
        self.grid_form.show_regions(session.regions.items)
        self.grid_form.lie_on(session.slide, session.tissue.mask)

    def refresh(self) -> None:
        """Show the session's spots."""
        session, spots, busy = self.session, self.session.spots, self.controller.busy("spots")
        self._on_grid_ground()
        self.facts.show_facts(describe_spots(spots) if spots is not None else {})
        self.bins_row.show_state(spots, busy)
        self.columns_row.show_state(spots, busy)
        self._show_counts_button()
        self.load_button.setEnabled(not busy)
        self.clear_button.setEnabled(spots is not None and not busy)
        self.grid_form.show_state(session.slide, busy)
        self.fit_row.refresh()

    def _show_counts_button(self) -> None:
        """Offer to choose the counts where a spot file was read without any."""
        spots, file = self.session.spots, self._spot_file
        lacking = spots is not None and spots.n_vars == 0 and not self.controller.busy("spots")
        self.counts_button.setVisible(lacking and file is not None and ".tsv" in file.name)

    # ---- asking --------------------------------------------------------------------------

    def _ask_spots(self) -> None:
        if path := self._panel.ask_file("Load spots", _SPOTS):
            self.load(path)

    def _open_align(self) -> None:
        open_align(self._panel.viewer)

    def load(self, path: Path, counts: Path | None = None) -> None:
        """Read spots of a file, with a table of counts where it has none of its own."""
        self._spot_file = path
        self.controller.load_spots(path, counts)

    def _ask_grid(self, settings: Any) -> None:
        self._spot_file = None
        self.controller.make_grid(settings)

    def _ask_counts(self) -> None:
        if self._spot_file and (path := self._panel.ask_file("Choose the counts", _COUNTS)):
            self.load(self._spot_file, path)
