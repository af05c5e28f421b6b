"""Networks of timm as image encoders: made for a patch size, and what they give."""

from __future__ import annotations

from typing import Any

from torch import nn

from napari_stexp.errors import BundleError
from napari_stexp.model.encoder_names import read_timm_name

__all__ = ["features_of", "make_network", "stage_widths"]


def make_network(name: str, patch_px: int) -> nn.Module:
    """Make a network of timm with random weights, without its classifier.

    Parameters
    ----------
    name : str
        With ``timm:`` and its options (`napari_stexp.model.encoder_names.read_timm_name`).
    patch_px : int
        Side of the patches in px.

    Raises
    ------
    BundleError
        timm has no such network, or can't make it for patches of this size.
    """
    import timm

    model, options = read_timm_name(name)
    if not timm.is_model(model):
        raise BundleError(
            f"the installed timm {timm.__version__} has no model '{model}'",
            expected="a name that timm.list_models() gives",
            found=name,
            hint=_similar(model) or "Update timm.",
        )
    options = _resolve({key: value for key, value in options.items() if key != "features"})
    try:
        try:
            network = timm.create_model(
                model, pretrained=False, num_classes=0, img_size=patch_px, **options
            )
        except TypeError:  # most networks without a table of positions take any size
            network = timm.create_model(model, pretrained=False, num_classes=0, **options)
    except Exception as error:  # whatever a constructor makes of sizes that don't fit
        raise BundleError(
            "timm can't make this image encoder",
            expected=f"a network for patches of {patch_px} px",
            found=f"{name}: {error}",
        ) from error
    _check_tiles(network, name, patch_px)
    made: nn.Module = network
    return made


def _resolve(options: dict[str, Any]) -> dict[str, Any]:
    """Turn the name of a layer into the layer; timm takes names of activations itself."""
    from timm import layers

    if "mlp_layer" in options:
        kinds = {"Mlp": layers.Mlp, "SwiGLU": layers.SwiGLU, "SwiGLUPacked": layers.SwiGLUPacked}
        if options["mlp_layer"] not in kinds:
            raise BundleError(
                "unknown mlp_layer",
                expected=f"one of {', '.join(kinds)}",
                found=options["mlp_layer"],
            )
        options = options | {"mlp_layer": kinds[options["mlp_layer"]]}
    return options


def _similar(model: str) -> str:
    """Suggest names that look alike."""
    import difflib

    import timm

    close = difflib.get_close_matches(model.partition(".")[0], timm.list_models(), n=3)
    return f"Similar names: {', '.join(close)}." if close else ""


def _check_tiles(network: nn.Module, name: str, patch_px: int) -> None:
    tiles = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    if isinstance(tiles, int):
        tiles = (tiles, tiles)
    if isinstance(tiles, tuple) and any(patch_px < side or patch_px % side for side in tiles):
        raise BundleError(
            f"{name} cuts patches into {tiles[0]}-px tiles",
            expected=f"a patch size that is a multiple of {tiles[0]} px",
            found=f"{patch_px} px",
        )


def features_of(network: nn.Module) -> int:
    """Say how many features come out: some networks have a layer behind their pooling."""
    width = getattr(network, "head_hidden_size", None) or getattr(network, "num_features", None)
    if not isinstance(width, int):
        raise BundleError("this timm network doesn't say how many features it gives")
    return width


def stage_widths(network: nn.Module) -> list[int]:
    """Say how many channels the map of each stage has.

    Raises
    ------
    BundleError
        The network doesn't give its stages' maps.
    """
    info = getattr(network, "feature_info", None)
    if not info or not hasattr(network, "forward_intermediates"):
        raise BundleError(
            "this timm network doesn't give the maps of its stages",
            found=type(network).__name__,
            hint="Leave out features=stages.",
        )
    return [int(stage["num_chs"]) for stage in info]
