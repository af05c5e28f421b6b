"""Trains on one or two CPU processes: a script, which Fabric starts again for the second.

python tests/train/two_devices.py FOLDER DEVICES
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from napari_stexp.progress import exhaust
from napari_stexp.train import train_model
from tests.train.conftest import build_data, tiny

SETTINGS = {
    "encoder": "timm:test_vit",  # batch norm needs a GPU to be shared
    "feature_norm": "none",
    "epochs": 2,
    "batch_size": 20,
    "jitter": (0, 0, 0),
    "flips": False,
    "rotation": "none",
    "learn_temperature": True,
    "learning_rate": 1e-3,
}

if __name__ == "__main__":
    folder, devices = Path(sys.argv[1]), int(sys.argv[2])
    losses: list[float] = []
    bundle = exhaust(
        train_model(
            build_data(("a", 40), ("b", 40)),
            tiny(**SETTINGS),
            folder=folder,
            validation=build_data(("v", 12)),
            device="cpu",
            devices=devices,
        ),
        lambda r: losses.append(r.new.loss) if r.new and not r.new.validation else None,
    )
    if bundle.path:
        (folder / "losses.json").write_text(json.dumps(losses))
