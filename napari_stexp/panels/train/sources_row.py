"""Where the sections of a training come from: a folder, a list, the sample, the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_stexp.panels.widgets import make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel
    from napari_stexp.panels.train.training_memory import TrainingMemory

__all__ = ["SourcesRow"]

_LISTS = "Lists of sections (*.csv *.tsv);;One section (*.h5ad);;All files (*)"


class SourcesRow(QWidget):
    """Four buttons; they ask, and change nothing themselves.

    Parameters
    ----------
    panel : Panel
        Asks for files and folders.
    memory : TrainingMemory
        What was open last.
    """

    find_requested = Signal(object)  # Path
    sample_requested = Signal()
    data_requested = Signal(object)  # folder of prepared data
    reopen_requested = Signal(object)  # folder of a run

    def __init__(self, panel: Panel, memory: TrainingMemory) -> None:
        super().__init__()
        self._panel, self._memory = panel, memory
        self.folder_button = make_button(
            "Folder…",
            "A folder of sections in the HER2ST, cSCC or Space Ranger layout, or of .h5ad files. "
            "A folder that was prepared before is opened at once.",
            self._ask_folder,
        )
        self.list_button = make_button(
            "List…",
            "A table (.csv, .tsv) with a row per section: slide, spots, counts, section, patient, "
            "organ.",
            self._ask_list,
        )
        self.sample_button = make_button(
            "Sample",
            "Six small synthetic sections of three “patients”, drawn by a program: to try it out.",
        )
        self.sample_button.clicked.connect(self.sample_requested)
        self.last_button = make_button("Last training", "", self._ask_last)
        self.setLayout(
            make_row(self.folder_button, self.list_button, self.sample_button, self.last_button)
        )

    def show_state(self, *, listed: bool, busy: bool) -> None:
        """Show the buttons while no section is listed; offer what was open last."""
        self.setVisible(not listed)
        for button in (self.folder_button, self.list_button, self.sample_button):
            button.setEnabled(not busy)
        memory = self._memory
        last = memory.run or memory.dataset
        self.last_button.setVisible(last is not None)
        self.last_button.setEnabled(not busy)
        self.last_button.setText("Last training" if memory.run else "Last data")
        self.last_button.setToolTip(f"Go on with {last or 'what was open last'}.")

    def _ask_folder(self) -> None:
        if path := self._panel.ask_folder("Choose a folder of sections, or of prepared data"):
            self.find_requested.emit(path)

    def _ask_list(self) -> None:
        if path := self._panel.ask_file("Choose a list of sections", _LISTS):
            self.find_requested.emit(path)

    def _ask_last(self) -> None:
        memory = self._memory
        if memory.run is not None:
            self.reopen_requested.emit(memory.run)
        elif memory.dataset is not None:
            self.data_requested.emit(memory.dataset)
