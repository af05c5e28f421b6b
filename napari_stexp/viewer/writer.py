"""The writers for *File → Save*: spots as ``.h5ad`` or ``.csv``, regions as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_stexp.errors import OutputError
from napari_stexp.viewer.layer_data import PREDICTION, REGIONS, SPOTS, LayerData

__all__ = ["write_regions", "write_spots"]


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


def write_regions(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write regions, shapes or labels as GeoJSON, which QuPath opens.

    Parameters
    ----------
    path : str
        Ends in ``.geojson``.
    layers : sequence of (data, attributes, type)
        One layer: the regions that napari-stexp shows, or shapes or labels that were
        drawn with napari itself; their own pixels are taken for those of the slide.

    Returns
    -------
    list of str
        The path written.

    Raises
    ------
    OutputError
        The layer is an image that shows no regions.
    AnnotationError
        The shapes or labels enclose no area.
    """
    from napari_stexp.annotation import write_geojson

    data, attributes, kind = next(layer for layer in layers if layer[2] != "tracks")
    regions = attributes.get("metadata", {}).get(REGIONS)
    if regions is None:
        regions = _find_regions(path, data, attributes, kind)
    return [str(write_geojson(regions, path))]


def _find_regions(path: str, data: Any, attributes: dict[str, Any], kind: str) -> list[Any]:
    from napari.layers import Labels, Shapes

    from napari_stexp.viewer.from_labels import regions_from_labels
    from napari_stexp.viewer.from_shapes import regions_from_shapes, scale_of

    if kind == "shapes":
        shapes = Shapes(data, **attributes)
        return regions_from_shapes(shapes, scale_of(shapes))
    if kind == "labels":
        labels = Labels(data, **attributes)
        return regions_from_labels(labels, scale_of(labels))
    raise OutputError(
        "this image shows no regions",
        path=path,
        expected="the layer 'Annotation', or a layer of shapes or labels",
        found=repr(attributes.get("name", "an image")),
    )
