"""The files that a workspace consists of, beside its JSON: tables, outlines, labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_stexp.errors import OutputError, StexpError, WorkspaceError
from napari_stexp.files import atomic_path
from napari_stexp.session.placing.tissue_files import read_mask_words, write_mask_words
from napari_stexp.session.workspace.results import read_results, write_results
from napari_stexp.session.workspace.words import labels_to_words, words_to_labels
from napari_stexp.session.workspace.workspace import KeptPrediction, Workspace

__all__ = ["MODEL", "Part", "parts_of", "read_part_files"]

MODEL = "model.safetensors"


@dataclass(frozen=True)
class Part:
    """One file of a workspace.

    Attributes
    ----------
    key : str
        'spots', 'regions', 'labels', 'results', 'model', or a prediction's.
    file : str
        Its name.
    stage : str
        What is being done while it is written.
    of : tuple
        What it is made of; the file is still good while these are the same objects.
    write : callable
        Writes it to a path, whole or not at all.
    """

    key: str
    file: str
    stage: str
    of: tuple[Any, ...]
    write: Callable[[Path], object]


def parts_of(workspace: Workspace) -> list[Part]:
    """Return the files that a workspace consists of."""
    spots, regions, bundle = workspace.spots, workspace.regions, workspace.bundle
    parts = []
    if spots is not None:
        write = _writer(_write_table, spots, "gzip")
        parts.append(Part("spots", "spots.h5ad", "saving the spots", (spots,), write))
    for kept in workspace.predictions:
        of = (kept.prediction, kept.done)
        write = _writer(_write_prediction, kept)
        file = f"prediction-{kept.key}.h5ad"
        parts.append(Part(kept.key, file, f"saving the prediction {kept.name}", of, write))
    if regions:
        write = _writer(_write_regions, regions)
        parts.append(Part("regions", "regions.geojson", "saving the regions", (regions,), write))
    if workspace.tissue is not None:
        write = _writer(_write_tissue, workspace.tissue)
        mask = (workspace.tissue,)
        parts.append(Part("tissue", "tissue.json", "saving the tissue mask", mask, write))
    if workspace.labels:
        write = _writer(_write_labels, workspace.labels)
        parts.append(Part("labels", "labels.json", "saving the labels", workspace.labels, write))
    if results := workspace.results.parts:
        write = _writer(write_results, workspace.results)
        parts.append(Part("results", "results.json", "saving what was compared", results, write))
    if bundle is not None and (bundle.path is None or bundle.sha256 is None):
        write = _writer(_write_model, bundle)  # one that is in no file of its own
        parts.append(Part("model", MODEL, "saving the model", (bundle,), write))
    return parts


def _writer(function: Callable[..., object], *arguments: Any) -> Callable[[Path], object]:
    return lambda path: function(path, *arguments)


def _write_table(path: Path, adata: Any, compression: Any = None) -> None:
    with atomic_path(path) as temporary:
        try:
            # the strongest compression takes ten times as long and saves little
            options = {"compression": compression, "compression_opts": 1} if compression else {}
            adata.write_h5ad(temporary, **options)
        except OSError:
            raise  # the place, not the content
        except Exception as error:
            # anndata raises kinds of its own for what HDF5 can't hold.
            raise OutputError(
                "something in the table can't be stored in h5ad", path=path, found=error
            ) from error


def _write_prediction(path: Path, kept: KeptPrediction) -> None:
    from anndata import AnnData

    adata = kept.prediction.adata
    _write_table(
        path, AnnData(adata.X, obs=kept.obs, var=adata.var, obsm=dict(adata.obsm), uns=kept.uns)
    )


def _write_regions(path: Path, regions: Any) -> None:
    from napari_stexp.annotation import write_geojson

    write_geojson(regions, path)


def _write_tissue(path: Path, mask: Any) -> None:
    write_mask_words(path, mask)


def _write_labels(path: Path, *sources: Any) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(labels_to_words(*sources)), encoding="utf-8")


def _write_model(path: Path, bundle: Any) -> None:
    from napari_stexp.model import save_bundle

    save_bundle(bundle, path)


# ---- back --------------------------------------------------------------------------------


def read_part_files(
    workspace: Workspace, words: dict[str, Any], folder: Path, path: Path
) -> Workspace:
    """Return a workspace with what its files hold.

    Parameters
    ----------
    workspace : Workspace
        Of the JSON.
    words : dict
        That JSON; names the files.
    folder : Path
        Where they are.
    path : Path
        The workspace, for messages.

    Raises
    ------
    WorkspaceError
        A file is damaged.
    """
    files = words.get("files", {})
    readers: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "spots": ("spots", _read_spots),
        "regions": ("regions", _read_regions),
        "tissue": ("tissue", read_mask_words),
        "labels": ("labels", _read_labels),
        "results": ("results", read_results),
        "model": ("bundle", _read_model),
    }
    found: dict[str, Any] = {}
    for name, file in files.items():
        if name in readers:
            field, reader = readers[name]
            found[field] = _guard(reader, folder / file, path)
    found["predictions"] = tuple(
        _guard(_read_prediction, folder / one["file"], path, one)
        for one in words.get("predictions", [])
    )
    return replace(workspace, **found)


def _guard(reader: Callable[..., Any], file: Path, path: Path, *arguments: Any) -> Any:
    try:
        return reader(file, *arguments)
    except (
        StexpError, OSError, KeyError, TypeError, ValueError, IndexError, AttributeError,
    ) as error:  # fmt: skip
        what = error.what if isinstance(error, StexpError) else f"{type(error).__name__}: {error}"
        raise WorkspaceError(
            f"the workspace is damaged: {file.name} in it can't be read",
            path=path,
            found=str(what).splitlines()[0],
        ) from error


def _read_spots(file: Path) -> Any:
    import anndata

    from napari_stexp.spots import check_spots

    spots = anndata.read_h5ad(file)
    check_spots(spots)
    return spots


def _read_prediction(file: Path, words: dict[str, Any]) -> KeptPrediction:
    from napari_stexp.predict import Prediction, read_prediction

    adata = read_prediction(file)
    pending = np.asarray(adata.obs["status"].astype(str)) == "pending"
    if pending.any() and isinstance(adata.X, np.ndarray):
        adata.X[pending] = np.nan  # they came after the status had been taken
    kept = KeptPrediction.take(str(words["name"]), Prediction(adata))
    return replace(kept, saved=int(words.get("saved", 0)))


def _read_regions(file: Path) -> Any:
    from napari_stexp.annotation import read_regions

    return tuple(read_regions(file, detections=True))


def _read_labels(file: Path) -> Any:
    return words_to_labels(json.loads(file.read_text(encoding="utf-8")))


def _read_model(file: Path) -> Any:
    from napari_stexp.model import load_bundle

    return replace(load_bundle(file), path=None, sha256=None)
