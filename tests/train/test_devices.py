from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from napari_stexp.errors import TrainingError
from napari_stexp.model import load_bundle
from napari_stexp.progress import exhaust
from napari_stexp.train import train_model

from .conftest import build_data, tiny


@pytest.mark.slow
def test_two_processes_train_as_one_on_the_whole_batch(tmp_path: Path) -> None:
    """All pairs of the batch are negatives, whichever process they are in."""
    for devices in ("1", "2"):
        done = subprocess.run(
            [
                sys.executable,
                Path(__file__).with_name("two_devices.py"),
                tmp_path / devices,
                devices,
            ],
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    losses = [json.loads((tmp_path / name / "losses.json").read_text()) for name in "12"]
    assert len(losses[0]) == 8
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    one, two = (load_bundle(tmp_path / name / "model.safetensors") for name in "12")
    moments = [
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["optimizer"]["state"]
        for name in "12"
    ]
    for index, state in moments[0].items():  # averages of the gradients
        wanted, found = state["exp_avg"], moments[1][index]["exp_avg"]
        scale = float(wanted.abs().max())
        torch.testing.assert_close(found, wanted, atol=2e-3 * scale + 1e-9, rtol=1e-2)
    assert set(one.state) == set(two.state)
    assert two.header.training["run"]["devices"] == 2


def test_several_devices_need_a_script() -> None:
    raised: list[TrainingError] = []

    def run() -> None:
        try:
            exhaust(train_model(build_data(("a", 20)), tiny(), device="cpu", devices=2))
        except TrainingError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "scripts and the command line only" in str(raised[0])
    with pytest.raises(TrainingError, match="at least 1"):
        exhaust(train_model(build_data(("a", 20)), tiny(), device="cpu", devices=0))
