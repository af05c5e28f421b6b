"""The core's work as generators of `Progress`, ready for a worker thread. Knows no Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress
from napari_stexp.session.annotation.label_source import LabelSource, Question, label_by_regions
from napari_stexp.session.opening.importing import ImportRequest, import_steps
from napari_stexp.session.opening.steps import (
    GridSettings,
    load_bundle_steps,
    make_grid_steps,
    open_slide_steps,
    read_annotations_steps,
    read_spots_or_prediction_steps,
    save_steps,
)

if TYPE_CHECKING:
    pass

__all__ = [
    "GridSettings",
    "ImportRequest",
    "draw_first_steps",
    "find_labels_steps",
    "find_statistics_steps",
    "import_steps",
    "list_devices_steps",
    "load_bundle_steps",
    "make_grid_steps",
    "open_slide_steps",
    "read_annotations_steps",
    "read_spots_or_prediction_steps",
    "save_steps",
    "warm_up_steps",
]

Steps = Generator[Progress, None, Any]


def warm_up_steps() -> Steps:
    """Import what opening a slide needs, while the user is still choosing one."""
    from napari_stexp.viewer.garbage import spare_what_is_there, without_collecting

    with without_collecting():
        yield Progress(0, 0, "getting ready")
        import dask.array

        yield Progress(0, 0, "getting ready")
        from napari_stexp.slide import open_slide, prepare_slide  # noqa: F401

        yield Progress(0, 0, "getting ready")
        with contextlib.suppress(ImportError):  # where it is installed, dask asks for a scheduler
            import dask.distributed  # noqa: F401
        yield Progress(0, 0, "getting ready")
        import anndata  # noqa: F401
        import scipy.sparse  # noqa: F401

        from napari_stexp.viewer.warm_up import warm_up_layers

        for _ in warm_up_layers():
            yield Progress(0, 0, "getting ready")
        spare_what_is_there()


def draw_first_steps(reading: Steps) -> Steps:
    """Begin the picture of many spots that are read, before they are shown."""
    from napari_stexp.viewer.spots_layer import MOST_POINTS

    table, kind = yield from reading
    if kind not in ("question", "prediction") and table.n_obs > MOST_POINTS:
        from napari_stexp.viewer.spots_ready import prepare_picture

        yield Progress(0, 0, "drawing the spots")
        prepare_picture(table)
    return table, kind


def list_devices_steps() -> Steps:
    """List the compute devices; the first time this loads torch, which takes seconds."""
    yield Progress(0, 0, "looking for devices")
    import torch  # noqa: F401 - its import takes seconds: let a cancel in after it

    yield Progress(0, 0, "looking for devices")
    from napari_stexp.predict import available_devices

    return available_devices()


def find_statistics_steps(expression: Any) -> Steps:
    """Find the mean of every gene of a source; it keeps them."""
    yield Progress(0, 0, "averaging the genes")
    return expression.statistics


def find_labels_steps(question: Question) -> Generator[Progress, None, LabelSource]:
    """Find which regions many spots lie in."""
    yield Progress(0, 0, "finding the spots of each class")
    return label_by_regions(*question)
