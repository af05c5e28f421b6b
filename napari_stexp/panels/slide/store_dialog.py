"""Asks which spots of a SpatialData store are meant, and whose pixels are the slide's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import Notice, make_button, make_row
from napari_stexp.spots import SpotOptions

if TYPE_CHECKING:
    from napari_stexp.session.opening.spot_questions import SpotsQuestion

__all__ = ["StoreDialog"]


class StoreDialog(QDialog):
    """Offers a store's tables with their regions, and its images and coordinate systems.

    Parameters
    ----------
    question : SpotsQuestion
        About a store.
    parent : QWidget, optional
    """

    answered = Signal(object, str)  # SpotOptions, the spots' name

    def __init__(self, question: SpotsQuestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert question.store is not None
        self._store = question.store
        self.setWindowTitle(f"Which spots? — {question.path.name}")
        self.setMinimumWidth(480)
        self.spots = QComboBox()
        self.spots.setToolTip("Tables of the store, each with the shapes that its rows are about.")
        for name, one in self._store.names.items():
            self.spots.addItem(f"{one.region} ({one.kind}), table {one.table}", name)
        self.frame = QComboBox()
        self.frame.setToolTip(
            "The image of the store that is the open slide, or the coordinate system that "
            "counts the slide's pixels from its top left corner."
        )
        self.notice = Notice("hint")
        self.read_button = make_button("Read spots", "Read these spots.", self._read)
        self.read_button.setDefault(True)
        cancel = make_button("Cancel", "Leave the spots as they are.", self.reject)
        form = QFormLayout()
        form.addRow(QLabel("Spots"), self.spots)
        form.addRow(QLabel("The slide's pixels are"), self.frame)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.notice)
        column.addLayout(make_row(cancel, self.read_button))
        self.spots.currentIndexChanged.connect(lambda _: self._show_frames())
        self._show_frames()

    def _show_frames(self) -> None:
        spots = self._store.names[self.spots.currentData()]
        known, likely = self._store.all_frames(spots), self._store.pixel_frames(spots)
        images = {one.name: one for one in self._store.images}
        self.frame.clear()
        for name in sorted(known, key=lambda one: one not in likely):
            image = images.get(name)
            height, width = image.shape if image is not None else (0, 0)
            title = f"those of image {name}, {width:,} by {height:,} px" if image else f"of {name}"
            self.frame.addItem(title, name)
        sure = len(likely) == 1
        self.notice.say(
            "hint" if sure else "warning",
            "" if sure else "Nothing says which of these is the open slide: choose.",
        )

    def _read(self) -> None:
        options = SpotOptions(frame=self.frame.currentData())
        self.answered.emit(options, self.spots.currentData())
        self.accept()
