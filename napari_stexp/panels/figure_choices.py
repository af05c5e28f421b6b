"""What the dialog *Export figure* offers, in words."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_stexp.panels.annotate.export_form import split_genes

__all__ = ["BOUNDS", "PATTERNS", "SLIDE", "WHAT", "make_box", "split_names"]

WHAT = {
    "view": ("What is shown now", "The picture, or the pictures side by side, as they are."),
    "grid": ("Several genes in one figure", "Small multiples of the genes named below."),
    "list": ("One figure per gene", "Pages of a PDF; as PNG or SVG a file for each gene."),
}
BOUNDS = {
    "spots": ("Spots and regions", "The rectangle around all of them."),
    "view": ("What is in view", "The part of the slide that the window shows."),
    "slide": ("The whole slide", "From corner to corner."),
}
SLIDE = {
    "faded": ("Faded behind the spots", "The tissue steps back, so that colours are read well."),
    "plain": ("As it is", "As the window shows it, with regions in the colours of their classes."),
    "none": ("Left out", "Spots and regions on white."),
}
PATTERNS = "PDF (*.pdf);;SVG (*.svg);;PNG (*.png)"


def split_names(text: str, signatures: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names in a list; those of signatures may have blanks in them.

    Parameters
    ----------
    text : str
        Names separated by commas or semicolons, those of genes by blanks, too.
    signatures : tuple of str
        What is not to be broken.
    """
    found: list[str] = []
    for part in text.replace(";", ",").split(","):
        name = part.strip()
        found += [name] if name in signatures else split_genes(name)
    return tuple(dict.fromkeys(found))


def make_box(items: dict[str, tuple[str, str]], tooltip: str) -> QComboBox:
    """Return a box of choices, each with a tooltip."""
    box = QComboBox()
    box.setToolTip(tooltip)
    for number, (key, (title, explanation)) in enumerate(items.items()):
        box.addItem(title, key)
        box.setItemData(number, explanation, Qt.ItemDataRole.ToolTipRole)
    return box
