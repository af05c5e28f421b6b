"""Which spots of a session are predicted, into what, and under which name."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import box

from napari_stexp.errors import AnnotationError, PredictionError
from napari_stexp.predict import EmbeddingStore, PredictParams, SpotBatch, suggest_name
from napari_stexp.progress import exhaust
from napari_stexp.session import Session
from napari_stexp.session.prediction.steps import (
    StartedPrediction,
    find_rows,
    predict_steps,
    request_prediction,
)
from tests.predict.conftest import build_bundle, build_spots, slide_path  # noqa: F401

SIDE = 4  # spots


@pytest.fixture
def session(slide_path):  # noqa: F811
    session = Session()
    session.open_slide(slide_path)
    y, x = np.divmod(np.arange(SIDE * SIDE), SIDE)
    session.set_spots(build_spots(np.column_stack([100 + 150 * x, 60 + 130 * y])))
    session.set_bundle(build_bundle())
    session.params = PredictParams(device="cpu", batch_size=4)
    yield session
    session.close()


def run(session, where="tissue", bounds=None, **options):
    """Do what a window does with the reports."""
    request = request_prediction(session, where, bounds)
    filled = []

    def take(progress):
        new = progress.new
        if isinstance(new, StartedPrediction):
            name = session.predictions.free_name(new.name) if new.is_new else None
            session.set_prediction(new.prediction, name)
        elif isinstance(new, SpotBatch):
            filled.extend(new.index.tolist())
            session.add_batch(new, session.prediction)

    started = exhaust(predict_steps(request, **options), take)
    assert started.n_spots == len(filled)
    return sorted(filled)


def test_view_then_region_then_tissue_fill_one_prediction(session):
    assert run(session, "view", (0, 0, 300, 200)) == [0, 1, 4, 5]
    session.regions.add(box(200, 0, 450, 100))  # spots 1 and 2
    assert run(session, "region") == [2]
    assert run(session) == sorted({*range(16)} - {0, 1, 2, 4, 5})
    assert run(session) == []
    assert list(session.predictions) == ["tiny"]
    facts = session.prediction.adata.uns["stexp"]["runs"]
    assert [facts[key].get("where", "tissue") for key in sorted(facts)] == [
        "view", "region", "tissue",
    ]  # fmt: skip
    found = session.prediction.adata.X.copy()
    session.drop_prediction("tiny")
    run(session)
    np.testing.assert_allclose(found, session.prediction.adata.X, atol=1e-5)


def test_other_settings_make_another_prediction_and_old_ones_go_on(session):
    store = EmbeddingStore()
    run(session, "view", (0, 0, 300, 200), embeddings=store)
    session.params = PredictParams(device="cpu", batch_size=4, k=9, metric="l2")
    assert run(session, embeddings=store) == list(range(16))
    assert list(session.predictions) == ["tiny", "tiny, k 9, L2"]
    session.params = PredictParams(device="cpu", batch_size=4)
    assert len(run(session, embeddings=store)) == 12  # the first one is filled up, and shown
    assert session.predictions.active == "tiny"
    assert session.prediction.finished


def test_regions_that_are_selected_count_else_all(session):
    first = session.regions.add(box(80, 40, 120, 80))  # spot 0
    session.regions.add(box(230, 40, 270, 80))  # spot 1
    session.regions.select([])
    assert find_rows(request_prediction(session, "region")).nonzero()[0].tolist() == [0, 1]
    session.regions.select([first.id])
    assert find_rows(request_prediction(session, "region")).nonzero()[0].tolist() == [0]


def test_what_cant_be_predicted_is_told(session):
    with pytest.raises(AnnotationError, match="no region"):
        request_prediction(session, "region")
    with pytest.raises(PredictionError, match="in view"):
        request_prediction(session, "view")
    with pytest.raises(PredictionError, match="no such part"):
        request_prediction(session, "moon")
    with pytest.raises(PredictionError, match="no spots in view"):
        run(session, "view", (700, 500, 710, 510))
    session.regions.add(box(700, 500, 710, 510))
    with pytest.raises(PredictionError, match="no spots in the region"):
        run(session, "region")
    session.set_bundle(None)
    with pytest.raises(PredictionError, match="Load a model"):
        request_prediction(session)
    assert session.prediction is None


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "tiny"),
        ({"k": 5, "metric": "l1", "scale": "spot"}, "tiny"),  # the model's own, spelled out
        ({"k": 50}, "tiny, k 50"),
        ({"metric": "softmax:0.2", "scale": "gene"}, "tiny, softmax, T = 0.2, per gene"),
        ({"exclude_patients": ("A",)}, "tiny, without A"),
    ],
)
def test_names_tell_what_was_chosen(params, name):
    assert suggest_name(build_bundle(), PredictParams(**params)) == name
