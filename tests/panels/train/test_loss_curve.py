"""What the loss curve draws, and how long that takes."""

from __future__ import annotations

import pytest

from napari_stexp.session import TrainingLog

pytestmark = pytest.mark.gui


def make_log(epochs=4, steps=3, check=True):
    from napari_stexp.train import TrainingReport

    log = TrainingLog(steps, epochs)
    for step in range(1, epochs * steps + 1):
        epoch = (step - 1) // steps + 1
        log.add([TrainingReport(epoch, step, 4 / step, 1e-3)])
        if check and step % steps == 0:
            log.add([TrainingReport(epoch, step, 4 / step, 1e-3, {"acg_pcc_spot": 0.1 * epoch})])
    return log


@pytest.fixture
def curve(qtbot):
    from napari_stexp.panels.train.loss_curve import LossCurve

    curve = LossCurve()
    qtbot.addWidget(curve)
    curve.resize(320, 210)
    return curve


def draw(curve, log, qtbot):
    curve.draw_ms = 0.0
    curve.show_log(log)
    qtbot.waitUntil(lambda: curve.draw_ms > 0, timeout=30_000)
    return {line.get_label(): line for axes in curve._figure.axes for line in axes.get_lines()}


def legend_of(curve):
    (legend,) = curve._figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_an_empty_log_shows_nothing(curve):
    curve.show_log(TrainingLog())
    assert curve.isHidden()


def test_lines_legend_and_units(curve, qtbot):
    lines = draw(curve, make_log(), qtbot)
    assert legend_of(curve) == ["loss, each step", "loss, each epoch", "check, r"] == list(lines)
    assert len(lines["loss, each step"].get_xdata()) == 12
    assert lines["loss, each epoch"].get_xdata().tolist() == [1, 2, 3, 4]
    assert lines["check, r"].get_ydata().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    left, right = curve._figure.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("Epoch", "Training loss")
    assert right.get_ylabel() == "Mean correlation, per spot"


def test_a_growing_log_is_followed(curve, qtbot):
    assert len(draw(curve, make_log(1, check=False), qtbot)) == 2
    lines = draw(curve, make_log(9, check=False), qtbot)
    assert lines["loss, each epoch"].get_xdata()[-1] == 9
    (axes,) = curve._figure.axes
    assert axes.get_xlim()[1] >= 9
    assert "check, r" in draw(curve, make_log(9), qtbot)
    assert legend_of(curve)[-1] == "check, r"


def test_no_text_leaves_the_figure(curve, qtbot):
    draw(curve, make_log(), qtbot)
    whole = curve._figure.bbox
    for axes in curve._figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.x1 <= whole.width
        assert box.y0 >= 0
        assert box.y1 <= whole.height


def test_nearly_equal_scores_are_not_blown_up(curve, qtbot):
    from napari_stexp.train import TrainingReport

    log = make_log(2, check=False)
    log.add([TrainingReport(2, 6, 0.1, 1e-3, {"acg_pcc_spot": 0.2})])
    draw(curve, log, qtbot)
    low, high = curve._figure.axes[1].get_ylim()
    assert high - low == pytest.approx(0.05)
