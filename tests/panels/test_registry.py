"""One session per viewer; docks in one command, closed and opened at will."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

pytestmark = pytest.mark.gui

TITLES = ["Slide & spots", "Model", "Predict", "Genes", "Annotations", "Compare", "Plots"]


def docks_of(viewer):
    from qtpy.QtWidgets import QDockWidget

    panels = viewer.window.dock_widgets
    found = [panels[name].parent() for name in panels if name.endswith("(napari-stexp)")]
    assert all(isinstance(dock, QDockWidget) for dock in found)
    return found


def test_importing_the_room_is_cheap():
    code = (
        "import sys, napari_stexp.panels as panels; panels.__all__;"
        "heavy = {'torch', 'napari', 'qtpy', 'anndata', 'dask', 'superqt'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_export_is_there():
    from napari_stexp import panels

    assert all(getattr(panels, name) is not None for name in panels.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = panels.Nothing


def test_manifest_and_titles_agree():
    from npe2 import PluginManifest

    from napari_stexp.panels.registry import PANELS, TRAIN

    manifest = PluginManifest.from_distribution("napari-stexp")
    named = {w.display_name: w.command for w in manifest.contributions.widgets}
    commands = {c.id: c.python_name for c in manifest.contributions.commands}
    for title, kind in (*PANELS.items(), TRAIN):
        assert commands[named[title]] == f"napari_stexp.panels:{kind}"
    assert commands[named["All panels"]] == "napari_stexp.panels:AllPanels"


def test_session_is_one_per_viewer_also_through_napari_s_proxy(make_napari_viewer):
    from napari.utils._proxies import PublicOnlyProxy

    from napari_stexp.panels import get_session

    first, second = make_napari_viewer(), make_napari_viewer()
    session = get_session(PublicOnlyProxy(first))
    gc.collect()
    assert get_session(first) is session
    assert get_session(PublicOnlyProxy(first)) is session
    assert get_session(second) is not session


def test_open_all_tabs_the_docks_and_does_so_once(make_napari_viewer):
    from napari_stexp.panels import open_all

    viewer = make_napari_viewer()
    panels = open_all(viewer)
    assert list(panels) == TITLES
    docks = [panel.parent() for panel in panels.values()]
    main = docks[0].parent()
    assert set(main.tabifiedDockWidgets(docks[0])) == set(docks[1:])
    assert open_all(viewer) == panels
    assert len(docks_of(viewer)) == len(TITLES)


def test_train_joins_the_tabs_and_is_opened_once(make_napari_viewer):
    from napari_stexp.panels import open_all, open_train

    viewer = make_napari_viewer()
    others = [panel.parent() for panel in open_all(viewer).values()]
    panel = open_train(viewer)
    dock = panel.parent()
    assert dock.windowTitle() == "Train"
    assert set(dock.parent().tabifiedDockWidgets(dock)) == set(others)
    assert open_train(viewer) is panel


def test_open_all_raises_what_was_hidden(make_napari_viewer):
    from napari_stexp.panels import open_all

    viewer = make_napari_viewer()
    panels = open_all(viewer)
    panels["Genes"].parent().hide()
    assert open_all(viewer)["Genes"] is panels["Genes"]
    assert not panels["Genes"].parent().isHidden()


def test_all_panels_opens_them_and_leaves(make_napari_viewer, qtbot):
    from napari_stexp.panels.widgets import PANEL_WIDTH

    viewer = make_napari_viewer(show=True)
    viewer.window.add_plugin_dock_widget("napari-stexp", "All panels")
    qtbot.waitUntil(lambda: len(docks_of(viewer)) == len(TITLES), timeout=10_000)
    assert {dock.windowTitle().replace("&&", "&") for dock in docks_of(viewer)} == set(TITLES)
    # The placeholder was narrow: the panels must not inherit that.
    qtbot.waitUntil(lambda: max(dock.width() for dock in docks_of(viewer)) >= PANEL_WIDTH)
    viewer.window.add_plugin_dock_widget("napari-stexp", "All panels")
    assert len(docks_of(viewer)) == len(TITLES) + 1
    qtbot.waitUntil(lambda: len(docks_of(viewer)) == len(TITLES), timeout=10_000)
    qtbot.wait(200)
    assert len(docks_of(viewer)) == len(TITLES)


def test_panel_closed_and_opened_again_shows_the_session(window, slide_file, qtbot):
    from napari_stexp.panels import open_all

    w = window
    w.open(slide_file)
    old = w.slide
    w.viewer.window.remove_dock_widget(old)
    w.session.set_slide(None)  # must not reach the closed panel
    panels = open_all(w.viewer)
    assert panels["Slide & spots"] is not old
    assert "Start here" in panels["Slide & spots"].guide.text()
    panels["Slide & spots"].open_requested.emit(slide_file)
    w.settle()
    assert panels["Slide & spots"].slide_facts.text("Name")


def test_panel_opened_during_a_task_shows_it(window, qtbot, monkeypatch):
    from napari_stexp.panels import open_all

    w = window
    handle = w.controller.start("slide", endless(), title="Something long", on_return=print)
    w.viewer.window.remove_dock_widget(w.slide)
    panel = open_all(w.viewer)["Slide & spots"]
    assert not panel.row("slide").isHidden()
    panel.row("slide").cancel_button.click()
    w.settle()
    assert not handle.running
    assert panel.row("slide").isHidden()


def endless():
    import time

    from napari_stexp.progress import Progress

    while True:
        time.sleep(0.01)
        yield Progress(0, 0, "something long")


def test_nothing_of_a_closed_viewer_is_kept(make_napari_viewer, qtbot):
    from napari_stexp.panels import get_controller, open_all, registry

    viewer = make_napari_viewer(show=True)
    open_all(viewer)
    controller = get_controller(viewer)
    handle = controller.start("slide", endless(), title="Something long", on_return=print)
    stop = handle._stop
    kept = weakref.ref(controller.session)
    viewer.close()
    qtbot.waitUntil(lambda: viewer not in registry._CONTROLLERS, timeout=5000)
    qtbot.waitUntil(stop.is_set, timeout=5000)
    del handle, controller
    qtbot.wait(100)
    gc.collect()
    assert kept() is None
