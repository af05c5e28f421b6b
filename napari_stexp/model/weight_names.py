"""Names of pretrained parameters: torchvision's and timm's to those of the encoders here."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from napari_stexp.model.encoder_names import ENCODERS
from napari_stexp.model.encoders import ImageEncoder

__all__ = ["State", "to_our_names"]

State = dict[str, Tensor]

_OWN = ("weights/image_encoder.", "image_encoder.")  # of a bundle, of a state dict of mclSTExp
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)$")


def to_our_names(state: Mapping[str, Tensor], part: ImageEncoder, name: str) -> State:
    """Rename parameters to the encoder's, and leave out the classifier.

    Parameters
    ----------
    state : mapping
        By the names of torchvision, timm, or mclSTExp (a checkpoint, a bundle).
    part : ImageEncoder
    name : str
        Of the encoder.

    Returns
    -------
    dict
        What it has no name for keeps its own.
    """
    state = {re.sub(r"^(module\.)+", "", key): tensor for key, tensor in state.items()}
    for prefix in _OWN:
        if any(key.startswith(prefix) for key in state):
            return {
                key.removeprefix(prefix): tensor
                for key, tensor in state.items()
                if key.startswith(prefix)
            }
    own = part.state_dict()
    if all(key in own for key in state):
        return state
    if name in ENCODERS and not name.startswith("vit_"):
        renamed = _from_torchvision_names(state, name)
    else:
        renamed = _from_timm_names(state, part)
    for key, tensor in own.items():  # counters that old files lack
        if key.endswith("num_batches_tracked"):
            renamed.setdefault(key, tensor)
    return renamed


def _from_torchvision_names(state: Mapping[str, Tensor], name: str) -> State:
    from torchvision import models

    with torch.device("meta"):
        children = [child for child, _ in getattr(models, name)(weights=None).named_children()]
    places = {child: f"model.{i}" for i, child in enumerate(children[:-1])}
    result = {}
    for key, tensor in state.items():
        child, _, rest = _OLD_DENSENET.sub(r"\1\2", key).partition(".")
        if child != children[-1]:
            result[f"{places.get(child, child)}.{rest}"] = tensor
    return result


def _from_timm_names(state: State, part: ImageEncoder) -> State:
    network: Any = part.model
    state = _filter(state, network)
    classifiers = network.pretrained_cfg.get("classifier") or ()
    if isinstance(classifiers, str):
        classifiers = (classifiers,)
    ignored = tuple(f"{classifier}." for classifier in classifiers)
    own = network.state_dict()
    if "fc_norm.weight" in own and "norm.weight" not in own and "fc_norm.weight" not in state:
        ignored += ("norm.",)
        state |= {key: own[key] for key in own if key.startswith("fc_norm.")}
    return {
        f"model.{key}": tensor
        for key, tensor in state.items()
        if key in own or not key.startswith(ignored)
    }


def _filter(state: State, network: nn.Module) -> State:
    """Do what timm does to this family's files: older names, size of the position table."""
    module = sys.modules[type(network).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(dict(state), network))
    except Exception:  # noqa: BLE001 - a file of another network; the comparison will say so
        return state
