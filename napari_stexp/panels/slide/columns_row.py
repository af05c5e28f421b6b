"""Asks about tables and stores of spots, and offers to ask again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QDialog, QHBoxLayout, QWidget

from napari_stexp.panels.slide.columns_dialog import ColumnsDialog
from napari_stexp.panels.slide.store_dialog import StoreDialog
from napari_stexp.panels.widgets import make_button
from napari_stexp.session.opening.spot_questions import ColumnMemory

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session.opening.spot_questions import SpotsQuestion
    from napari_stexp.spots import SpotOptions

__all__ = ["ColumnsRow"]

_ENDS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")


class ColumnsRow(QWidget):
    """Opens the dialogs when the controller asks; hidden for spots of which nothing was asked.

    Parameters
    ----------
    controller : Controller
        Reads the spots.
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._source: Path | None = None
        self.dialog: QDialog | None = None
        self.button = make_button(
            "Columns…",
            "Choose which column of the table is what, or other spots of the store, and read it "
            "again.",
            self._ask_again,
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        row.addStretch(1)
        controller.spots_asked.connect(self._on_asked)
        controller.can_ask = True
        self.hide()

    def show_state(self, spots: Any, busy: bool) -> None:
        """Show whether the session's spots (AnnData or None) leave a choice."""
        record = {} if spots is None else spots.uns.get("stexp_spots", {})
        path = Path(str(record.get("source", "")))
        free = path.name.lower().endswith(_ENDS) and "technology" not in record
        self._source = path if free or "frame" in record else None
        self.button.setText("Other spots…" if "frame" in record else "Columns…")
        self.setVisible(self._source is not None)
        self.button.setEnabled(not busy)

    def _ask_again(self) -> None:
        if self._source is not None:
            self._controller.load_spots(self._source, again=True)

    def _on_asked(self, question: SpotsQuestion, then: Callable[[], None] | None) -> None:
        """Open the dialog for a question; the spots are read when it is answered."""
        if self.dialog is not None:
            self.dialog.close()
        session = self._controller.session
        path = question.path
        if question.store is not None:
            store = StoreDialog(question, self)
            store.answered.connect(
                lambda options, name: self._controller.load_spots(
                    path, None, then, section=name, options=options
                )
            )
            self.dialog = store
        else:
            table = ColumnsDialog(question, session.slide, session.hides_values, self)

            def read(options: SpotOptions, counts: Path | None, keep: bool) -> None:
                if keep and question.look is not None:
                    ColumnMemory().keep(question.look, options)
                self._controller.load_spots(path, counts, then, options=options)

            table.answered.connect(read)
            self.dialog = table
        self.dialog.open()
