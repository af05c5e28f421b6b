"""A window that is ready to predict, and an engine that takes its time."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_stexp.progress import PAUSED, Progress


@pytest.fixture
def ready(window, slide_file, spots_file, bundle_file):
    """Return the window with all that a prediction needs."""
    window.open(slide_file, spots_file, bundle_file)
    return window


class SlowPrediction:
    """Stands in for the engine: a spot every ``pause`` s, and a step that takes ``stuck`` s."""

    def __init__(self, pause=0.05, stuck_at=None, stuck=0.0, fail_at=None, error=None):
        self.pause, self.stuck_at, self.stuck = pause, stuck_at, stuck
        self.fail_at, self.error = fail_at, error
        self.closed = 0
        self.calls, self.views, self.priority = [], [], None

    def __call__(self, slide, spots, bundle, params, *, rows, priority, pause, embeddings):
        from napari_stexp.predict import SpotBatch

        self.calls.append(rows.tolist())
        self.views.append(priority.bounds)
        self.priority = priority
        n = len(rows)
        try:
            for i, row in enumerate(rows):
                time.sleep(self.stuck if i == self.stuck_at else self.pause)
                while pause.is_set():
                    yield Progress(i, n, PAUSED)
                    time.sleep(0.02)
                if i == self.fail_at:
                    raise self.error
                level = np.full(1, 0.5, np.float32)
                yield Progress(
                    i + 1,
                    n,
                    "predicting",
                    new=SpotBatch(
                        index=np.array([row]),
                        values=np.full((1, len(bundle.genes)), row, np.float32),
                        similarity=level,
                        effective_k=level,
                        confidence=level,
                        status=np.array(["ok"], dtype="<U10"),
                    ),
                )
        finally:
            self.closed += 1


@pytest.fixture
def engine(monkeypatch):
    def replace(**options):
        import napari_stexp.predict

        fake = SlowPrediction(**options)
        monkeypatch.setattr(napari_stexp.predict, "predict_batches", fake, raising=False)
        return fake

    return replace
