"""Names of image encoders: what a bundle's header may say, checked without torch.

``densenet121`` and the four others of the paper; ``timm:NAME`` for any network of
timm; ``stain_statistics`` for statistics of colour, without weights; and
``A+B``, whose features are those of A followed by those of B.
"""

from __future__ import annotations

import re
from typing import Any

from napari_stexp.errors import BundleError

__all__ = [
    "ENCODERS",
    "EXPECTED",
    "STAGES",
    "STAIN_STATISTICS",
    "check_encoder",
    "encoder_problem",
    "is_timm",
    "read_timm_name",
    "split_encoder",
]

#: Encoder name -> width of its pooled features.
ENCODERS: dict[str, int] = {
    "densenet121": 1024,
    "resnet18": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "vit_base_patch32_224": 768,
}

#: The encoder that has no weights (`napari_stexp.model.statistics`).
STAIN_STATISTICS = "stain_statistics"

#: What may follow a timm model's name, ``,key=value``: what published pathology
#: models change about a timm vision transformer, and ``features=stages``, which takes
#: mean and standard deviation of every stage's map in place of the network's own pooling.
_OPTIONS: dict[str, type] = {
    "act_layer": str,
    "depth": int,
    "embed_dim": int,
    "features": str,
    "global_pool": str,
    "init_values": float,
    "mlp_layer": str,
    "mlp_ratio": float,
    "no_embed_class": bool,
    "num_heads": int,
    "patch_size": int,
    "reg_tokens": int,
}
_TIMM = "timm:"
#: The value of ``features`` that takes all stages.
STAGES = "stages"
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")  # no hub address, no path
_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LARGEST = 10_000
_MOST_PARTS = 8
EXPECTED = f"one of {', '.join(ENCODERS)}, {STAIN_STATISTICS}, timm:NAME, or several joined by '+'"


def check_encoder(name: object) -> str:
    """Check the name of an image encoder; needs neither torch nor timm.

    Whether the installed timm knows the network shows when it is built.

    Parameters
    ----------
    name : str
        For instance ``densenet121``, ``timm:vit_small_patch16_224``,
        ``timm:vit_large_patch16_224,init_values=1e-5``,
        ``timm:resnet50,features=stages`` (mean and standard deviation of every
        stage's map) or ``resnet50+stain_statistics``.

    Returns
    -------
    str
        The name.

    Raises
    ------
    BundleError
        There is no such encoder.
    """
    problem = encoder_problem(name)
    if problem:
        raise BundleError("unknown image encoder", expected=EXPECTED, found=problem)
    return str(name)


def encoder_problem(name: object) -> str:
    """Say what is wrong with an encoder's name; empty text where nothing is."""
    if not isinstance(name, str):
        return repr(name)[:80]
    parts = split_encoder(name)
    if len(parts) > _MOST_PARTS:
        return f"{len(parts)} encoders joined, more than {_MOST_PARTS}"
    for part in parts:
        if part in ENCODERS or part == STAIN_STATISTICS:
            continue
        if not is_timm(part):
            return repr(part[:80])
        try:
            read_timm_name(part)
        except ValueError as error:
            return f"{part[:80]!r} ({error})"
    twice = {part for part in parts if parts.count(part) > 1}
    return f"{', '.join(sorted(twice))} more than once" if twice else ""


def split_encoder(name: str) -> tuple[str, ...]:
    """Return the parts of ``A+B``."""
    return tuple(name.split("+"))


def is_timm(part: str) -> bool:
    """Whether this is a network of timm by name."""
    return part.startswith(_TIMM)


def read_timm_name(part: str) -> tuple[str, dict[str, Any]]:
    """Return the model's name and its options of ``timm:NAME,key=value,...``.

    Raises
    ------
    ValueError
        Something in it is no name, no option, or no value of the option.
    """
    model, *options = part.removeprefix(_TIMM).split(",")
    if not _MODEL.fullmatch(model):
        raise ValueError(f"no name of a timm model: {model[:40]!r}")
    values: dict[str, Any] = {}
    for option in options:
        key, _, text = option.partition("=")
        if key not in _OPTIONS or key in values:
            raise ValueError(f"no option, or twice: {key[:40]!r}; known are {', '.join(_OPTIONS)}")
        values[key] = _read_value(key, text)
    if values.get("features", STAGES) != STAGES:
        raise ValueError(f"features can be '{STAGES}' only")
    return model, values


def _read_value(key: str, text: str) -> Any:
    kind = _OPTIONS[key]
    if kind is str:
        if not _TEXT.fullmatch(text):
            raise ValueError(f"{key} is a word, not {text[:40]!r}")
        return text
    if kind is bool:
        if text not in ("True", "False"):
            raise ValueError(f"{key} is True or False, not {text[:40]!r}")
        return text == "True"
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"{key} is a number, not {text[:40]!r}") from None
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"{key} is a number from 0 to {_LARGEST}, not {text[:40]!r}")
    return number
