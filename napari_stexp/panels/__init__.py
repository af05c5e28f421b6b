"""Qt dock widgets and workers: the only room that knows qtpy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.panels.genes_panel import GenesPanel
    from napari_stexp.panels.launcher import AllPanels
    from napari_stexp.panels.model_panel import ModelPanel
    from napari_stexp.panels.predict_panel import PredictPanel
    from napari_stexp.panels.registry import get_adapter, get_controller, get_session, open_all
    from napari_stexp.panels.slide_panel import SlidePanel
    from napari_stexp.panels.workers import TaskHandle, run_task

_EXPORTS = {
    "AllPanels": "launcher",
    "Controller": "controller",
    "GenesPanel": "genes_panel",
    "ModelPanel": "model_panel",
    "PredictPanel": "predict_panel",
    "SlidePanel": "slide_panel",
    "TaskHandle": "workers",
    "get_adapter": "registry",
    "get_controller": "registry",
    "get_session": "registry",
    "open_all": "registry",
    "run_task": "workers",
}

__all__ = [
    "AllPanels",
    "Controller",
    "GenesPanel",
    "ModelPanel",
    "PredictPanel",
    "SlidePanel",
    "TaskHandle",
    "get_adapter",
    "get_controller",
    "get_session",
    "open_all",
    "run_task",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
