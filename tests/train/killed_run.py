"""Trains in processes that are killed at random moments, then to the end: a script.

    python tests/train/killed_run.py FOLDER SEED KILLS

Every training is a process of its own, ended by SIGKILL.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import lightning_fabric  # noqa: F401 - before the fork, so that each process starts at once
import skimage.color  # noqa: F401
import timm.layers  # noqa: F401
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from napari_stexp.progress import exhaust
from napari_stexp.train import train_model
from tests.train.conftest import build_data, tiny

SETTINGS = {
    "encoder": "timm:test_resnet",
    "epochs": 3,
    "batch_size": 8,
    "dropout": 0.1,
    "learn_temperature": True,
    "schedule": "cosine",
    "recalibrate_norm": True,
    "patience": 20,
    "checkpoint_minutes": 0.0005,
    "workers": 1,
}


def train(folder: Path, **changes: int) -> None:
    task = train_model(
        build_data(("a", 20), ("b", 20)),
        tiny(**(SETTINGS | changes)),
        folder=folder,
        validation=build_data(("v", 12)),
        resume=True,
        device="cpu",
    )
    exhaust(task)


def train_for(folder: Path, seconds: float) -> bool:
    """Train in another process; kill it after so many seconds. Return whether it ended itself."""
    child = os.fork()
    if not child:
        try:
            train(folder)
        except BaseException as error:  # noqa: BLE001 - the parent process reports it
            sys.stderr.write(f"{error}\n")
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                sys.exit(f"the training failed with status {status}")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, seed, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    train(folder / "warm", epochs=1)  # loads what is loaded late
    start = time.monotonic()
    assert train_for(folder / "whole", 300)
    took = time.monotonic() - start
    print(f"{took:.2f} s for the whole training")
    killed = 0
    while killed < kills:
        if train_for(folder / "killed", random.uniform(0.1, 0.5) * took):
            # Ended before it was killed often enough: the first run was slower than this one.
            shutil.rmtree(folder / "killed")
            killed, took = 0, took * 0.7
        else:
            killed += 1
    train_for(folder / "killed", 300)
    print(f"killed {killed}")
