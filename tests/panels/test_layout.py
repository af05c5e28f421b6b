"""Every control explains itself, and the docks hold at 1280 x 800 without sideways scrolling."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui

WIDEST = 380
TABS = ("slide", "model", "predict", "genes", "annotations", "compare")


def controls_of(panel):
    from qtpy.QtWidgets import (
        QAbstractButton,
        QAbstractSpinBox,
        QComboBox,
        QLineEdit,
        QListWidget,
        QScrollBar,
        QSlider,
        QTabBar,
        QTableView,
    )

    kinds = (
        QAbstractButton,
        QAbstractSpinBox,
        QComboBox,
        QLineEdit,
        QListWidget,
        QSlider,
        QTableView,
    )
    for kind in kinds:
        for widget in panel.findChildren(kind):
            inner = isinstance(widget.parent(), (QAbstractSpinBox, QComboBox, QLineEdit, QTabBar))
            corner = isinstance(widget.parent(), QTableView)
            if not inner and not corner and not isinstance(widget, QScrollBar):
                yield widget


@pytest.mark.parametrize("name", TABS)
def test_every_control_has_a_tooltip(window, name):
    found = list(controls_of(getattr(window, name)))
    assert found
    silent = [f"{type(w).__name__} {getattr(w, 'text', str)()}" for w in found if not w.toolTip()]
    assert silent == []


@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
def test_nothing_is_wider_than_the_dock(window, full, slide_file, spots_file, bundle_file):
    from qtpy.QtWidgets import QScrollArea

    w = window
    if full:
        w.open(slide_file, spots_file, bundle_file)
        w.model.import_button.setChecked(True)
        w.click(w.predict.predict_button)
        w.settle()
        long = "/a/very/long/path_without_any_space_in_it/" * 5
        w.slide.notice("slide").say("error", long)
        w.genes.list.search.setText("nothing is called that")
        w.predict.notice("save").say("done", long)
    for name in TABS:
        panel = getattr(w, name)
        area = panel.findChild(QScrollArea)
        assert area.widget().minimumSizeHint().width() <= WIDEST, name
        assert panel.minimumSizeHint().width() <= WIDEST, name


def test_docks_leave_room_for_the_slide(make_napari_viewer, qtbot):
    from napari_stexp.panels import open_all

    viewer = make_napari_viewer(show=True)
    panels = open_all(viewer)
    window = panels["Genes"].window()
    window.resize(1280, 800)
    qtbot.wait(300)
    for panel in panels.values():
        panel.parent().raise_()
        qtbot.wait(100)
        assert panel.width() <= WIDEST
    assert window.width() == 1280
    assert window.height() <= 800
