"""Asks for the address of a slide that lies on another machine."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.slide.location import as_location, is_address

__all__ = ["AddressDialog"]

_WORDS = (
    "Address of a tiled slide (SVS, NDPI, SCN, pyramidal TIFF) or of an OME-Zarr folder. Only the "
    "parts that you look at are fetched. Passwords and signatures in it are used, and never saved."
)
_WRONG = "An address begins with https://, http:// or s3://."


class AddressDialog(QDialog):
    """Asks for an address."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open from a web address")
        self.setMinimumWidth(520)
        column = QVBoxLayout(self)
        words = QLabel(_WORDS)
        words.setWordWrap(True)
        column.addWidget(words)
        self.line = QLineEdit()
        self.line.setPlaceholderText("https://example.org/slides/slide.svs")
        self.line.setToolTip("Paste the slide's address here.")
        self.line.setClearButtonEnabled(True)
        column.addWidget(self.line)
        self.warning = QLabel(_WRONG)
        self.warning.setWordWrap(True)
        self.warning.setVisible(False)
        column.addWidget(self.warning)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = buttons.button(QDialogButtonBox.StandardButton.Open)
        self.open_button.setToolTip("Open the slide at this address.")
        self.open_button.setEnabled(False)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setToolTip("Open nothing.")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.line.textChanged.connect(self._check)

    def _check(self, text: str) -> None:
        good = is_address(text.strip())
        self.open_button.setEnabled(good)
        self.warning.setVisible(bool(text.strip()) and not good)

    def ask(self) -> Any:
        """Return the address (a ``RemotePath``), None where there is none."""
        if self.exec() != QDialog.DialogCode.Accepted or not self.open_button.isEnabled():
            return None
        return as_location(self.line.text().strip())
