"""Pretrained weights of image encoders, from torchvision, the timm hub, or a file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from napari_stexp.errors import CheckpointError
from napari_stexp.model.encoder_names import ENCODERS, STAIN_STATISTICS, is_timm
from napari_stexp.model.encoders import ImageEncoder, encoder_parts
from napari_stexp.model.state import compare_state, describe_state
from napari_stexp.model.tensor_file import read_tensors

__all__ = ["IMAGENET", "Normalization", "load_pretrained"]

State = dict[str, Tensor]
Result = TypeVar("Result")

HUB = "hf-hub:"
_SOURCES = f"'imagenet', '{HUB}OWNER/NAME', or a .pt, .pth or .safetensors file"
_OWN = ("weights/image_encoder.", "image_encoder.")  # of a bundle, of a state dict of mclSTExp
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)$")
_REACH = 10  # seconds


class Normalization(NamedTuple):
    """What weights want their input to be normalised by, RGB in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


#: That of torchvision's weights.
IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def load_pretrained(encoder: nn.Module, name: str, source: str | Path) -> Normalization:
    """Put pretrained weights into an image encoder, in place.

    Parameters
    ----------
    encoder : nn.Module
        From `napari_stexp.model.build_encoder`, or a model's ``image_encoder``.
    name : str
        Its name. Of ``A+stain_statistics``, A is filled.
    source : str or Path
        - ``'imagenet'``: torchvision's ImageNet weights (version 1, those that
          the released code begins with); for the vision transformer and
          ``timm:`` networks those that timm lists for the name, whatever they
          were trained on. Downloaded once, then kept by torch or the hub.
        - ``'hf-hub:OWNER/NAME'``: a timm model of the Hugging Face hub.
        - a file: ``.safetensors``, or a state dict of ``torch.save`` (nothing in
          it is executed), under the parameter names of torchvision or timm, or
          of mclSTExp (a checkpoint, a bundle). A classifier is ignored.

    Returns
    -------
    Normalization
        Mean and standard deviation of RGB in 0..1 that these weights want. For a
        file those of a ``config.json`` beside it (as the hub has), else what
        torchvision or timm say of the network. The released code trains without
        any.

    Raises
    ------
    CheckpointError
        The weights can't be downloaded or read, or don't fit; missing,
        unexpected and mis-shaped parameters are all listed.

    Notes
    -----
    As in timm: tables of positions are resampled to the patch size, and a
    network that pools before its last norm begins with a fresh one.
    """
    wanting = [(n, part) for n, part in encoder_parts(encoder, name) if n != STAIN_STATISTICS]
    if not wanting:
        raise CheckpointError(
            f"the encoder {name} has no weights to load", found=f"weights from {source}"
        )
    if len(wanting) > 1 and source != "imagenet":
        raise CheckpointError(
            f"one set of weights can't fill {len(wanting)} encoders",
            expected="'imagenet', or a single encoder with weights",
            found=f"{source} for {name}",
        )
    norms = [_load_part(part, part_name, source) for part_name, part in wanting]
    if len(set(norms)) > 1:
        raise CheckpointError(
            "the weights of these encoders want differently normalised images",
            expected="one mean and standard deviation for all",
            found="; ".join(
                f"{n}: {norm.mean}" for (n, _), norm in zip(wanting, norms, strict=True)
            ),
        )
    return norms[0]


def _load_part(part: nn.Module, name: str, source: str | Path) -> Normalization:
    assert isinstance(part, ImageEncoder)  # the only kind with weights
    state, norm = _fetch(part, name, source)
    fitted = _fit(state, part, name)
    problems = compare_state(describe_state(fitted), part)
    if problems:
        raise CheckpointError(
            f"the weights don't fit {name}: " + "; ".join(problems),
            path=None if _is_remote(source) else source,
            found=None if not _is_remote(source) else source,
        )
    part.load_state_dict(fitted, strict=True)
    return norm


def _is_remote(source: str | Path) -> bool:
    return isinstance(source, str) and (source == "imagenet" or source.startswith(HUB))


# -- where weights come from -------------------------------------------------


def _fetch(part: ImageEncoder, name: str, source: str | Path) -> tuple[State, Normalization]:
    in_timm = is_timm(name) or name.startswith("vit_")
    usual = _timm_norm(part) if in_timm else IMAGENET
    if source == "imagenet":
        return (_from_timm(part, name) if in_timm else _from_torchvision(name)), usual
    if _is_remote(source):
        repository = str(source).removeprefix(HUB)
        config = _hub_file(repository, ("config.json",), name)
        weights = _hub_file(repository, ("model.safetensors", "pytorch_model.bin"), name)
        return read_tensors(weights), _configured(config) or usual
    path = Path(source)
    if not path.exists():
        raise CheckpointError(
            "there are no such weights", path=path, expected=_SOURCES, found="no such file"
        )
    return read_tensors(path), _configured(path.with_name("config.json")) or usual


def _from_torchvision(name: str) -> State:
    from torchvision import models

    weights: Any = models.get_model_weights(name).IMAGENET1K_V1
    return _download(
        lambda: weights.get_state_dict(progress=False, check_hash=True, weights_only=True),
        name,
        weights.url,
    )


def _from_timm(part: ImageEncoder, name: str) -> State:
    config = _timm_config(part)
    repository, url = config.get("hf_hub_id"), config.get("url")
    if repository:
        files = ("model.safetensors", "pytorch_model.bin")
        chosen = config.get("hf_hub_filename")
        return read_tensors(_hub_file(repository, (chosen,) if chosen else files, name))
    if url:
        return _download(
            lambda: torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=False, check_hash=True, weights_only=True
            ),
            name,
            url,
        )
    raise CheckpointError(
        f"timm lists no pretrained weights for {name}", hint="Give a file of weights."
    )


def _hub_file(repository: str, names: tuple[str, ...], encoder: str) -> Path:
    """Return the first of these files of a repository, from the cache where it is there."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    address = f"{constants.ENDPOINT}/{repository}"

    def fetch() -> Path:
        for local in (True, False):
            if not local:
                _reach(constants.ENDPOINT)  # the hub's own client would try for a minute
            for name in names:
                try:
                    return Path(hf_hub_download(repository, name, local_files_only=local))
                except LocalEntryNotFoundError:
                    continue
                except EntryNotFoundError:
                    if name == names[-1]:
                        raise
        raise FileNotFoundError(f"no {' or '.join(names)} in {address}")

    return _download(fetch, encoder, address)


def _reach(url: str) -> None:
    """Raise OSError where a server can't be reached; what it answers doesn't matter."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_REACH).close()
    except urllib.error.HTTPError as error:
        error.close()


def _download(fetch: Callable[[], Result], name: str, url: str) -> Result:
    try:
        return fetch()
    except CheckpointError:
        raise
    except Exception as error:  # each client has its own tree of errors
        lines = str(error).strip().splitlines()
        raise CheckpointError(
            f"the pretrained weights of {name} can't be downloaded",
            expected=url,
            found=lines[0][:200] if lines else type(error).__name__,
            hint="Without a connection: fetch that file where there is one, and give its path "
            "instead.",
        ) from error


def _timm_config(part: ImageEncoder) -> Mapping[str, Any]:
    network: Any = part.model
    config: Mapping[str, Any] = network.pretrained_cfg
    return config


def _timm_norm(part: ImageEncoder) -> Normalization:
    config = _timm_config(part)
    mean, std = config.get("mean"), config.get("std")
    return Normalization(_three(mean), _three(std)) if mean and std else IMAGENET


def _configured(path: Path) -> Normalization | None:
    """Read the normalisation of timm's ``config.json``; None where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        config = content.get("pretrained_cfg", content)
        return Normalization(_three(config["mean"]), _three(config["std"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


# -- from other names to ours ------------------------------------------------


def _fit(state: Mapping[str, Tensor], part: ImageEncoder, name: str) -> State:
    """Rename parameters to the encoder's, and leave out the classifier."""
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
