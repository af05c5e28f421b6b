"""The writer for *File → Save*: a layer of spots becomes ``.h5ad`` or ``.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_stexp.errors import OutputError
from napari_stexp.viewer.layer_data import PREDICTION, REGIONS, SPOTS, LayerData

__all__ = ["write_spots"]


def write_spots(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write the prediction that a layer of spots shows, or the spots themselves.

    Parameters
    ----------
    path : str
        Ends in ``.h5ad`` or ``.csv``.
    layers : sequence of (data, attributes, type)
        One layer of points that napari-stexp made; layers of regions beside it
        add the class of each spot as ``obs['region']``.

    Returns
    -------
    list of str
        The path written.

    Raises
    ------
    OutputError
        The points were not made by napari-stexp, or the place can't be written.
    """
    metadata = next(attributes.get("metadata", {}) for _, attributes, kind in layers
                    if kind == "points")  # fmt: skip
    prediction, spots = metadata.get(PREDICTION), metadata.get(SPOTS)
    if prediction is None and spots is None:
        raise OutputError(
            "these points hold neither spots nor a prediction",
            path=path,
            expected="the layer that the panels of napari-stexp made",
            hint="Choose 'napari builtin points' as the kind of file to save plain points.",
        )
    adata = prediction if prediction is not None else spots
    regions = [region for _, attributes, _ in layers
               for region in attributes.get("metadata", {}).get(REGIONS, ())]  # fmt: skip
    if regions:
        adata = _with_regions(adata, regions)
    if prediction is None:
        _write_plain_spots(adata, path)
    else:
        from napari_stexp.predict import write_prediction

        write_prediction(adata, path)
    return [path]


def _with_regions(adata: Any, regions: list[Any]) -> Any:
    from napari_stexp.annotation import label_spots

    labelled = adata.copy()  # what the session shows must not change
    labelled.obs["region"] = label_spots(adata, regions)
    return labelled


def _write_plain_spots(spots: Any, path: str) -> None:
    if not path.lower().endswith(".h5ad"):
        raise OutputError(
            "spots without a prediction are written as h5ad", path=path, expected=".h5ad"
        )
    from napari_stexp.spots import write_spots as write_h5ad

    write_h5ad(spots, path)
