"""Predict many slides on a dask.distributed cluster (needs the ``cluster`` extra)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_EXPORTS = {
    "CohortJob": "jobs",
    "CohortResult": "jobs",
    "GridSettings": "jobs",
    "JobProgress": "jobs",
    "predict_cohort": "cluster",
    "read_manifest": "manifest",
    "run_job": "worker",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605

if TYPE_CHECKING:
    from napari_stexp.cohort.cluster import predict_cohort as predict_cohort
    from napari_stexp.cohort.jobs import CohortJob as CohortJob
    from napari_stexp.cohort.jobs import CohortResult as CohortResult
    from napari_stexp.cohort.jobs import GridSettings as GridSettings
    from napari_stexp.cohort.jobs import JobProgress as JobProgress
    from napari_stexp.cohort.manifest import read_manifest as read_manifest
    from napari_stexp.cohort.worker import run_job as run_job


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        module = importlib.import_module(f"{__name__}.{_EXPORTS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
