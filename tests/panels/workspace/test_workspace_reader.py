"""A workspace through napari's own ways of opening a file."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.progress import exhaust
from napari_stexp.session import start_saving
from napari_stexp.viewer.reader import read_workspace_layers
from tests.panels.conftest import Desk, end
from tests.session.workspaces import full_session, write_slide

pytestmark = pytest.mark.gui


def test_viewer_open_opens_the_whole_work(make_napari_viewer, qtbot, monkeypatch, tmp_path):
    session = full_session(write_slide(tmp_path / "slide.ome.tif"))
    path = exhaust(start_saving(session, tmp_path / "work.stexp"))
    values = session.values().copy()
    session.close()
    viewer = make_napari_viewer()
    assert viewer.open(str(path), plugin="napari-stexp") == []  # what there is comes in another way
    desk = Desk(viewer, qtbot, monkeypatch)
    try:
        opened = desk.session
        assert list(opened.predictions) == ["first", "second"]
        assert [one.name for one in opened.signatures.items] == ["T cells"]
        assert (opened.gene, opened.views.kind, opened.labelling.added[0].title) == (
            "KRT19", "genes", "by me",
        )  # fmt: skip
        np.testing.assert_array_equal(opened.values(), values)
        assert desk.controller.workspace.path == path
        titles = {title for title in viewer.window.dock_widgets if "napari-stexp" in title}
        assert len(titles) == 7
        assert [str(layer.units[0]) for layer in viewer.layers] == ["micrometer"] * len(
            viewer.layers
        )
        bad = tmp_path / "bad.stexp"
        bad.write_bytes(b"PK\x03\x04 nothing")
        assert viewer.open(str(bad), plugin="napari-stexp") == []
        assert ["no workspace" in error.message for _, error in desk.errors] == [True]
        assert opened.gene == "KRT19"
    finally:
        end(desk)


def test_without_a_window_layers_are_read(tmp_path):
    from napari_stexp.panels.workspace.workspace_reader import get_workspace_reader

    session = full_session(write_slide(tmp_path / "slide.ome.tif"))
    path = exhaust(start_saving(session, tmp_path / "work.stexp"))
    session.close()
    found = [get_workspace_reader(str(path))(str(path)), read_workspace_layers(str(path))]
    assert [kind for _, _, kind in found[0]] == [kind for _, _, kind in found[1]] != []
    for layers in found:
        layers[0][1]["metadata"]["stexp_slide"].close()
    assert get_workspace_reader(str(tmp_path / "none.stexp")) is None
