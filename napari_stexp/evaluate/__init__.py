"""Compare predictions with measurements: metrics per gene and overall, each with its scale."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_EXPORTS = {
    "EvaluationResult": "compare",
    "compare_prediction": "compare",
    "score_genes": "metrics",
    "summarize": "metrics",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605

if TYPE_CHECKING:
    from napari_stexp.evaluate.compare import EvaluationResult as EvaluationResult
    from napari_stexp.evaluate.compare import compare_prediction as compare_prediction
    from napari_stexp.evaluate.metrics import score_genes as score_genes
    from napari_stexp.evaluate.metrics import summarize as summarize


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        module = importlib.import_module(f"{__name__}.{_EXPORTS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
