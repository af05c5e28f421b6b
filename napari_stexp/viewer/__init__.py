"""napari without Qt: layers that follow a session, colours, readers, writers, sample data.

The functions that the manifest names import napari, dask and anndata only when called, so
that the plugin adds nothing to napari's start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.viewer.colour import SpotColours as SpotColours
    from napari_stexp.viewer.colour import colour_spots as colour_spots
    from napari_stexp.viewer.colour import map_values as map_values
    from napari_stexp.viewer.layers import LayerAdapter as LayerAdapter
    from napari_stexp.viewer.sample import SampleFiles as SampleFiles
    from napari_stexp.viewer.sample import sample_files as sample_files

_EXPORTS = {
    "LayerAdapter": "layers",
    "SampleFiles": "sample",
    "SpotColours": "colour",
    "colour_spots": "colour",
    "map_values": "colour",
    "sample_files": "sample",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
