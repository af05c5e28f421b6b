"""Several predictions of the same spots: switched, renamed, compared, removed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


def test_discard(ready, engine):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    w.click(w.predict.discard_button)
    assert w.session.prediction is None
    assert w.session.source == "measured"
    assert w.predict.predict_button.isEnabled()


def change_k(window, k):
    """Type a number of reference spots into its field."""
    window.predict.settings_fold.set_opened(True)
    box = window.predict.settings.k_box
    box.setValue(k)
    box.editingFinished.emit()


def test_another_k_is_another_prediction_without_encoding_again(ready, monkeypatch):
    from napari_stexp.predict import PatchEncoder

    w, encoded = ready, []
    encode = PatchEncoder._encode
    monkeypatch.setattr(
        PatchEncoder, "_encode", lambda self, px: (encoded.append(len(px)), encode(self, px))[1]
    )
    w.click(w.predict.predict_button)
    w.settle()
    assert sum(encoded) == 30
    change_k(w, 12)
    assert w.session.params.k == 12
    w.click(w.predict.predict_button)
    w.settle()
    assert sum(encoded) == 30
    assert list(w.session.predictions) == ["tiny", "tiny, k 12"]
    one, two = (w.session.predictions[name].adata for name in w.session.predictions)
    assert two.uns["stexp"]["parameters"]["k"] == 12
    assert abs(one.X - two.X).max() > 0.01
    w.click(w.predict.settings.reset_button)
    assert w.session.params.k is None
    assert w.errors == []


def test_predictions_are_switched_renamed_compared_and_removed(ready, engine):
    from qtpy.QtCore import Qt

    engine(pause=0.0)
    w = ready
    listed = w.predict.list
    assert listed.isHidden()
    w.click(w.predict.predict_button)
    w.settle()
    assert not w.predict.compare_button.isEnabled()
    change_k(w, 12)
    w.click(w.predict.predict_button)
    w.settle()
    assert listed.names() == ["tiny", "tiny, k 12"]
    assert [listed.topLevelItem(i).text(1) for i in range(2)] == ["k 5, L1", "k 12, L1"]
    assert [listed.topLevelItem(i).text(2) for i in range(2)] == ["30", "30"]
    assert listed.currentItem().text(0) == "tiny, k 12"
    place = listed.visualItemRect(listed.topLevelItem(0)).center()
    w.qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert w.session.predictions.active == "tiny"
    listed.topLevelItem(0).setText(0, "first")  # as the editor does
    assert list(w.session.predictions) == ["first", "tiny, k 12"]
    assert listed.names() == ["first", "tiny, k 12"]
    listed.topLevelItem(0).setText(0, "tiny, k 12")
    assert [area for area, _ in w.errors] == ["predict"]
    assert listed.topLevelItem(0).text(0) == "first"
    w.click(w.predict.compare_button)
    assert w.session.views.kind == "models"
    w.click(w.predict.compare_button)
    assert w.session.views.kind == "single"
    w.session.views.show("models")
    assert w.predict.compare_button.isChecked()
    w.session.views.show("single")
    w.press(listed, "Delete")
    assert list(w.session.predictions) == ["tiny, k 12"]
    assert w.session.predictions.active == "tiny, k 12"
    w.click(w.predict.discard_button)
    assert listed.isHidden()
    assert w.session.prediction is None


def test_removing_the_one_that_is_filled_ends_the_run(ready, engine):
    fake, w = engine(pause=0.05), ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 2)
    w.press(w.predict.list, "Delete")
    w.settle()
    w.wait(lambda: fake.closed == 1)
    assert w.session.prediction is None
    assert w.errors == []


def test_another_one_can_be_looked_at_while_one_is_filled(ready, engine):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    change_k(w, 12)
    engine(pause=0.03)
    w.click(w.predict.predict_button)
    w.wait(lambda: len(w.session.predictions) == 2)
    w.session.show_model("tiny")
    w.settle()
    assert w.session.predictions.active == "tiny"
    assert w.session.predictions["tiny, k 12"].finished
    assert w.predict.list.topLevelItem(1).text(2) == "30"
    assert w.errors == []
