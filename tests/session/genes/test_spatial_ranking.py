"""Moran's I in the session: kept with its source, ranked by, forgotten when spots come."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.errors import PredictionError
from napari_stexp.gene import find_morans_i
from napari_stexp.progress import exhaust
from napari_stexp.session import Session, start_morans_i
from napari_stexp.session.genes.measurement import MeasuredExpression
from tests.session.fakes import make_batch, make_prediction, make_spots

GENES = ["CHESS", "TREND", "REST"]


@pytest.fixture
def session():
    session = Session()
    spots = make_spots(8, GENES, [[i % 2 * 5, i, 900 - i - i % 2 * 5] for i in range(8)])
    session.set_spots(spots)
    return session


def test_genes_are_ranked_by_it_once_it_is_known(session):
    assert "morans_i" not in session.gene_table().columns
    assert session.rank_genes("morans_i") == GENES  # unknown: the source's own order
    found = exhaust(start_morans_i(session))
    expected = exhaust(
        find_morans_i(session.spots.obsm["spatial"], session.measurement.matrix().toarray())
    )
    assert found == pytest.approx(expected, nan_ok=True)
    assert session.gene_table()["morans_i"].to_numpy() == pytest.approx(found, nan_ok=True)
    assert session.rank_genes("morans_i")[0] == "TREND"


def test_new_spots_make_it_unknown_again():
    session = Session()
    spots = make_spots(6)
    prediction = make_prediction(spots, ["A", "B"])
    session.set_spots(spots)
    session.set_prediction(prediction)
    session.add_batch(make_batch(range(5), np.arange(10).reshape(5, 2)))
    exhaust(start_morans_i(session))
    assert "morans_i" in session.gene_table().columns
    session.add_batch(make_batch([5], [[1.0, 2.0]]))
    assert "morans_i" not in session.gene_table().columns


def test_hidden_or_missing_genes_have_none(session):
    with pytest.raises(PredictionError, match="no genes"):
        start_morans_i(Session())
    session.regions.start_blinded()
    with pytest.raises(PredictionError, match="no genes"):
        start_morans_i(session)


def test_only_known_rankings(session):
    with pytest.raises(ValueError, match="morans_i"):
        session.rank_genes("moran")


def test_a_large_measurement_shows_a_provisional_gene_first(monkeypatch):
    monkeypatch.setattr(MeasuredExpression, "has_statistics", property(lambda self: False))
    session = Session()
    session.set_spots(make_spots(8, GENES, [[3, i % 2 * 50, 9] for i in range(8)]))
    assert session.gene == "CHESS"  # the first one
    heard = []
    session.gene_changed.connect(heard.append)
    monkeypatch.setattr(MeasuredExpression, "has_statistics", property(lambda self: True))
    session.improve_default()
    assert session.gene == "TREND"
    assert heard == ["TREND"]
    session.gene = "REST"
    session.improve_default()
    assert session.gene == "REST"
