"""Rules that hold for each widget of each dock: it explains itself, in plain words."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.gui

# What only a programmer or the method's authors would say.
JARGON = re.compile(
    r"\b(bundle|embedding|embeddings|encoder|tensor|obs|obsm|uns|dataframe|bool|None"
    r"|float|boolean|kwargs|traceback|backend|callback)\b"
)


def _panels(window):
    from napari_stexp.panels.registry import PANELS, open_train

    docks = {title: window.controller for title in PANELS}
    panels = {}
    from qtpy.QtWidgets import QDockWidget

    for dock in window.slide.window().findChildren(QDockWidget):
        title = dock.windowTitle().replace("&&", "&")
        if title in docks:
            panels[title] = dock.widget()
    panels["Train"] = open_train(window.viewer)
    assert set(panels) == {*PANELS, "Train"}
    return panels


def _explains_itself(widget) -> bool:
    """Whether it or what it is part of has a tooltip."""
    from napari_stexp.panels.panel import Panel

    while widget is not None and not isinstance(widget, Panel):
        if widget.toolTip():
            return True
        widget = widget.parent()
    return False


def test_whatever_can_be_used_has_a_tooltip(window):
    from qtpy.QtWidgets import (
        QAbstractButton,
        QAbstractItemView,
        QAbstractSlider,
        QAbstractSpinBox,
        QComboBox,
        QHeaderView,
        QLineEdit,
        QScrollBar,
        QTabBar,
    )

    kinds = (QAbstractButton, QComboBox, QLineEdit, QAbstractSlider, QAbstractSpinBox,
             QAbstractItemView)  # fmt: skip
    silent = []
    for title, panel in _panels(window).items():
        for kind in kinds:
            for widget in panel.findChildren(kind):
                inner = (
                    isinstance(widget, (QScrollBar, QHeaderView))
                    or isinstance(widget.parent(), QTabBar)  # its arrows
                    or widget.objectName().startswith("qt_")
                )
                if not inner and not _explains_itself(widget):
                    text = widget.text() if hasattr(widget, "text") else ""
                    silent.append(f"{title}: {type(widget).__name__} {text!r}")
    assert not silent, "\n".join(silent)


def test_no_word_needs_a_programmer(window):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit

    found = []
    panels = _panels(window)
    del panels["Train"]  # its settings are those of the method, under the method's names
    for title, panel in panels.items():
        texts = [w.text() for w in (*panel.findChildren(QLabel),
                                    *panel.findChildren(QAbstractButton))]  # fmt: skip
        texts += [w.placeholderText() for w in panel.findChildren(QLineEdit)]
        for box in panel.findChildren(QComboBox):
            texts += [box.itemText(i) for i in range(box.count())]
        texts += [w.toolTip() for w in panel.findChildren(QAbstractButton)]
        found += [f"{title}: {text!r}" for text in texts if JARGON.search(text)]
    assert not found, "\n".join(found)


def test_an_empty_dock_says_what_to_do_next(window):
    """Each dock of an empty window has a visible sentence that asks for something."""
    from napari_stexp.panels.widgets import Notice

    asks = re.compile(r"\b(open|load|drop|choose|add|press|predict)\b", re.IGNORECASE)
    for title, panel in _panels(window).items():
        sentences = [n.text() for n in panel.findChildren(Notice) if not n.isHidden()]
        assert any(asks.search(text) for text in sentences), (title, sentences)
