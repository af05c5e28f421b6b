"""Pretrained weights of image encoders, from torchvision, the timm hub, or a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from napari_stexp.errors import CheckpointError
from napari_stexp.model.encoder_names import STAIN_STATISTICS, is_timm
from napari_stexp.model.encoders import ImageEncoder, encoder_parts
from napari_stexp.model.state import compare_state, describe_state
from napari_stexp.model.tensor_file import read_tensors
from napari_stexp.model.weight_names import State, to_our_names

__all__ = ["IMAGENET", "Normalization", "load_pretrained"]

Result = TypeVar("Result")

HUB = "hf-hub:"
_SOURCES = f"'imagenet', '{HUB}OWNER/NAME', or a .pt, .pth or .safetensors file"
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
    fitted = to_our_names(state, part, name)
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
