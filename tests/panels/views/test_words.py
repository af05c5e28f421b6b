"""What the pictures beside each other are called."""

from __future__ import annotations

import pytest

from napari_stexp.panels.views.words import describe_units, describe_views
from napari_stexp.session import Session, Signature
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

_LOG = "log10(1+CP10K)"


@pytest.fixture
def session() -> Session:
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    session.set_prediction(make_prediction(session.spots, ("A", "B")), "tiny")
    session.add_batch(make_batch([0, 1], [[1, 2], [4, 5]]))
    session.signatures.add(Signature("T cells", ("A", "B")))
    return session


def test_genes_have_their_own_unit_while_a_signature_is_the_active_one(session):
    session.gene = "T cells"
    session.views.show("genes", ["A", "B"])
    assert describe_units(session) == _LOG
    assert describe_views(session).startswith("2 genes, predicted")


def test_both_units_are_named_where_genes_and_signatures_are_mixed(session):
    session.views.show("genes", ["A", "T cells"])
    assert describe_units(session) == f"{_LOG} / signature score"


def test_of_models_it_is_the_active_genes(session):
    session.gene = "T cells"
    session.views.show("models")
    assert describe_units(session) == "signature score"
    assert describe_views(session) == "T cells in 1 prediction"
