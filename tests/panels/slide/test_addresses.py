"""A slide of a web address in the window: asked for, dropped, shown, among recent files."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QMimeData, QUrl

from napari_stexp.panels.slide.address_dialog import AddressDialog
from napari_stexp.panels.workspace.drop_catcher import local_paths
from napari_stexp.session.opening.dropped import recognise_dropped
from napari_stexp.slide.location import RemotePath


def test_dialog_takes_addresses_only(qtbot) -> None:
    dialog = AddressDialog()
    qtbot.addWidget(dialog)
    for text, good in (("", False), ("/a/b.svs", False), (" https://u:hush@h.org/a.svs ", True)):
        dialog.line.setText(text)
        assert dialog.open_button.isEnabled() == good
        assert dialog.warning.isVisibleTo(dialog) == (bool(text) and not good)
    dialog.exec = lambda: AddressDialog.DialogCode.Accepted
    assert str(dialog.ask()) == "https://h.org/a.svs"


def test_dropped_address_is_a_slide(tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://h.org/a%20b.svs"), QUrl.fromLocalFile(str(tmp_path / "x.h5ad"))])
    address, file = local_paths(mime)
    assert (str(address), address.name) == ("https://h.org/a%20b.svs", "a b.svs")
    assert file == tmp_path / "x.h5ad"
    found = recognise_dropped(address)
    assert (found.kind, found.path) == ("slide", RemotePath("https://h.org/a%20b.svs"))
