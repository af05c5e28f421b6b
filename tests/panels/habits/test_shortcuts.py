"""Keys in the real window: each does what the list says."""

from __future__ import annotations

import pytest

from napari_stexp.panels.habits.actions import Actions
from napari_stexp.panels.habits.shortcuts import SHORTCUTS, keys_of

pytestmark = pytest.mark.gui


@pytest.fixture
def ready(shown_window, slide_file, spots_file, bundle_file):
    w = shown_window
    w.open(slide_file, spots_file, bundle_file)
    return w


def _press(w, keys: str) -> None:
    """Activate a window's key as Qt does once it has found it."""
    from qtpy.QtGui import QKeySequence, QShortcut

    found = [s for s in w.slide.window().findChildren(QShortcut) if s.key() == QKeySequence(keys)]
    assert len(found) == 1, keys
    found[0].activated.emit()
    w.qtbot.wait(20)


def test_no_key_means_two_things(ready):
    """Also not one of napari's menus, where Qt would call neither."""
    from qtpy.QtGui import QAction, QKeySequence, QShortcut

    ours = [s.key() for s in ready.slide.window().findChildren(QShortcut)
            if s.parent() is ready.slide.window()]  # fmt: skip
    assert len(ours) == len({key.toString() for key in ours})
    theirs = {
        key.toString()
        for action in ready.slide.window().findChildren(QAction)
        for key in action.shortcuts()
    }
    assert not {key.toString() for key in ours} & theirs
    assert QKeySequence("Ctrl+F") in ours


def test_every_action_is_there():
    for shortcut in SHORTCUTS:
        if shortcut.action:
            assert callable(getattr(Actions, shortcut.action))
    assert keys_of("find_gene").endswith("F")
    assert keys_of("nothing of the kind") == ""


def test_tabs(ready):
    _press(ready, "Alt+4")
    assert not ready.genes.visibleRegion().isEmpty()
    _press(ready, "Alt+1")
    assert not ready.slide.visibleRegion().isEmpty()


def test_a_tab_that_was_closed_is_opened_again(ready):
    ready.genes.parent().close()
    _press(ready, "Ctrl+F")
    from napari_stexp.panels.habits.actions import find_dock

    assert find_dock(ready.slide.window(), "Genes") is not None


def test_find_and_step_through_genes(ready):
    _press(ready, "Ctrl+F")
    assert ready.slide.window().focusWidget() is ready.genes.list.search
    first = ready.session.gene
    _press(ready, "Ctrl+PgDown")
    assert ready.session.gene != first
    _press(ready, "Ctrl+PgUp")
    assert ready.session.gene == first


def test_a_favourite(ready):
    gene = ready.session.gene
    _press(ready, "Ctrl+D")
    assert ready.session.marks.is_favourite(gene)
    _press(ready, "Ctrl+D")
    assert not ready.session.marks.is_favourite(gene)


def test_predict_switch_source_and_hide(ready):
    _press(ready, "F5")
    ready.settle()
    assert ready.session.prediction.finished
    assert ready.session.source == "predicted"
    _press(ready, "F6")
    assert ready.session.source == "measured"
    _press(ready, "F8")
    assert not ready.session.display.visible
    _press(ready, "F8")
    _press(ready, "F9")
    assert ready.session.display.mode == "heat map"
    _press(ready, "F7")
    assert ready.session.comparison.side_by_side
    _press(ready, "F7")
    assert not ready.session.comparison.side_by_side
    assert ready.errors == []


def test_undo_takes_back_what_was_done_last(ready):
    from qtpy.QtCore import Qt

    _press(ready, "F5")
    ready.settle()
    prediction = ready.session.prediction
    ready.bring_forward(ready.predict)
    ready.controller.predicting.clear()
    assert ready.session.prediction is None
    ready.qtbot.keyClick(ready.predict, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert ready.session.prediction is prediction
    _press(ready, "F9")
    assert ready.session.display.mode == "heat map"
    Actions(ready.viewer, ready.slide.window()).undo()
    assert ready.session.display.mode == "spots"
    assert ready.errors == []


def test_the_list_of_keys_can_be_searched(ready):
    from napari_stexp.panels.habits.shortcuts_dialog import ShortcutsDialog

    _press(ready, "F1")
    (dialog,) = ready.slide.window().findChildren(ShortcutsDialog)
    assert len(dialog.rows) == len(SHORTCUTS)
    ready.qtbot.keyClicks(dialog.search, "favourite")
    shown = [text.text() for _, keys, text in dialog.rows if keys.isVisible()]
    assert shown == ["Make the gene a favourite, or no longer"]
    dialog.close()


def test_hidden_values_stay_hidden_by_any_key(ready):
    ready.session.regions.start_blinded()
    for keys in ("F6", "F7", "F9", "Ctrl+PgDown"):
        _press(ready, keys)
    assert ready.session.values() is None
    assert ready.session.views.kind == "single"
