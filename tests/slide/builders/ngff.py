"""OME-Zarr images, v0.4 and v0.5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from PIL import Image

UNITS = {"x": "micrometer", "y": "micrometer", "z": "micrometer"}


def write_ngff(
    path: Path | Any,
    image: np.ndarray,
    *,
    version: str = "0.5",
    axes: str = "cyx",
    levels: int = 2,
    chunk: int = 128,
    shard: int | None = None,
    mpp: float = 0.5,
    unit: str | None = "micrometer",
    name: str = "slide",
) -> Any:
    """Write (h, w, channels) pixels as a pyramid by means over 2 x 2; return ``path``."""
    group = zarr.open_group(path, mode="a", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for level in range(levels):
        order = {"y": 0, "x": 1, "c": 2}
        data = image.transpose([order[a] for a in axes if a in order])
        data = data[tuple(slice(None) if a in order else None for a in axes)]
        chunks = tuple(chunk if a in "yx" else 1 for a in axes)
        options: dict[str, Any] = {"chunks": chunks}
        if shard is not None:
            options["shards"] = tuple(shard if a in "yx" else data.shape[n]
                                      for n, a in enumerate(axes))  # fmt: skip
        array = group.create_array(
            str(level), shape=data.shape, dtype=data.dtype, fill_value=255, **options
        )
        array[...] = data
        scale = [mpp * 2**level if a in "yx" else 1.0 for a in axes]
        transforms = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
        if image.shape[2] == 3 and image.dtype == np.uint8:
            image = np.asarray(Image.fromarray(image).reduce(2))
    kinds = {"t": "time", "c": "channel"}
    listed = [{"name": a, "type": kinds.get(a, "space")}
              | ({"unit": unit} if unit and a in "zyx" else {}) for a in axes]  # fmt: skip
    facts = {"multiscales": [{"name": name, "axes": listed, "datasets": datasets}]}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, **facts}
    else:
        facts["multiscales"][0]["version"] = version
        group.attrs.update(facts)
    return path
