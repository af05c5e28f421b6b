"""The course of a training as curves."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.session import TrainingLog
from napari_stexp.train import TrainingReport


def report(step, loss, per_epoch=4, validation=None):
    return TrainingReport((step - 1) // per_epoch + 1, step, loss, 1e-4, validation)


def test_an_empty_log_has_empty_curves():
    log = TrainingLog()
    assert len(log) == 0
    assert all(len(x) == 0 for curve in (log.steps, log.epoch_means) for x in curve)
    assert log.last_loss is None
    assert log.epochs_done == 0


def test_means_of_whole_and_begun_epochs():
    log = TrainingLog(steps_per_epoch=4, epochs=3)
    log.add(report(step, float(step)) for step in range(1, 7))
    x, y = log.steps
    np.testing.assert_allclose(x, np.arange(1, 7) / 4)
    np.testing.assert_allclose(y, np.arange(1, 7))
    ends, means = log.epoch_means
    np.testing.assert_allclose(ends, [1.0, 1.5])
    np.testing.assert_allclose(means, [2.5, 5.5])
    assert log.epochs_done == 1
    assert log.last_loss == 5.5


def test_validation_belongs_to_the_last_step_of_its_epoch():
    log = TrainingLog(steps_per_epoch=2)
    log.add([report(1, 3.0, 2), report(2, 1.0, 2)])
    log.add([TrainingReport(1, 2, 2.0, 1e-4, {"loss": 4.0, "acg_pcc_spot": 0.25})])
    assert log.validation_names == ["loss", "acg_pcc_spot"]
    x, y = log.validation("acg_pcc_spot")
    np.testing.assert_allclose(x, [1.0])
    np.testing.assert_allclose(y, [0.25])
    np.testing.assert_allclose(log.steps[1], [3.0, 1.0])  # the epoch's mean is no step


def test_a_repeated_step_replaces_all_after_it():
    log = TrainingLog(steps_per_epoch=4)
    log.add(report(step, 1.0) for step in range(1, 9))
    log.add([TrainingReport(2, 8, 1.0, 1e-4, {"acg_pcc_spot": 0.1})])
    log.add([report(5, 9.0)])
    np.testing.assert_allclose(log.steps[1], [1, 1, 1, 1, 9])
    assert len(log.validation("acg_pcc_spot")[0]) == 0


def test_thinning_keeps_the_mean():
    log = TrainingLog(steps_per_epoch=100)
    losses = np.random.default_rng(0).normal(size=5000)
    log.add(report(i + 1, loss, 100) for i, loss in enumerate(losses))
    x, y = log.thinned(500)
    assert len(x) == 500
    assert y.mean() == pytest.approx(losses.mean())
    np.testing.assert_array_equal(log.thinned(5000)[1], losses)


def test_an_earlier_run_s_table_is_read(tmp_path):
    (tmp_path / "log.csv").write_text(
        "epoch,step,loss,learning_rate,temperature,seconds,validation_acg_pcc_spot\n"
        "1,46,2.5,0.0001,1.0,10.0,\n"
        "2,92,2.0,0.0001,1.0,20.0,0.125\n"
        "3,138,1.5,0.0001,1.0"  # cut off while written
    )
    log = TrainingLog.read(tmp_path)
    assert log.steps_per_epoch == 46
    assert log.epochs_done == 2
    np.testing.assert_allclose(log.epoch_means, [[1, 2], [2.5, 2.0]])
    np.testing.assert_allclose(log.validation("acg_pcc_spot"), [[2.0], [0.125]])
    log.add([TrainingReport(3, 93, 1.0, 1e-4)])  # resumed
    np.testing.assert_allclose(log.epoch_means[1], [2.5, 2.0, 1.0])
    assert len(TrainingLog.read(tmp_path / "none")) == 0
