"""Whose classes the prediction is compared with, and their colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.session import Labelling, LabelSource

__all__ = ["LabelChooser"]


class LabelChooser(QWidget):
    """Chooses a source of labels; with its legend."""

    chosen = Signal(str)
    show_requested = Signal(bool)
    remove_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = ignore_idle_wheel(QComboBox())
        self.box.setToolTip(
            "Whose class each spot has: that of your regions, of a column of the spots, of a "
            "table that you opened under Annotations, or of domains that were found below."
        )
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.activated.connect(lambda _at: self.chosen.emit(self.box.currentData()))
        label = QLabel("Labels")
        label.setToolTip(self.box.toolTip())
        self.remove_button = make_button(
            "Remove",
            "Take these labels away (Ctrl+Z brings them back).",
            lambda: self.remove_requested.emit(self.box.currentData()),
        )
        self.check = QCheckBox("colour spots by class")
        self.check.setToolTip("Show the class of every spot on the slide instead of the gene.")
        self.check.clicked.connect(self.show_requested)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(make_row(label, self.box, self.remove_button, stretch=1))
        layout.addWidget(self.check)
        layout.addWidget(self.legend)

    def show_labelling(self, labelling: Labelling) -> None:
        """Show the sources that there are, and the colours of the one in use."""
        titles = labelling.titles
        present = {self.box.itemData(i): self.box.itemText(i) for i in range(self.box.count())}
        if titles != present or list(titles) != list(present):
            self.box.clear()
            for key, title in titles.items():
                self.box.addItem(title, key)
        self.box.setCurrentIndex(self.box.findData(labelling.active))
        self.check.setChecked(labelling.shown)
        source = labelling.source_now
        self.remove_button.setVisible(source is not None and source in labelling.added)
        shown = source is not None and labelling.shown
        self.legend.setText(write_legend(source) if source is not None and shown else "")
        self.legend.setVisible(shown)


def write_legend(source: LabelSource) -> str:
    """Return classes with colour and number of spots, as rich text."""
    parts = []
    for name, n in source.count().items():
        red, green, blue = source.colours[name]
        words = escape(name).replace(" ", "&nbsp;")
        parts.append(
            f'<span style="color: rgb({red},{green},{blue})">&#9632;</span>&nbsp;{words}&nbsp;'
            f'<span style="color: gray">{n:,}</span>'
        )
    rest = int((source.values == "").sum())
    if rest:
        parts.append(f'<span style="color: gray">no&nbsp;class&nbsp;{rest:,}</span>')
    return " &nbsp; ".join(parts)
