"""A session, and a record of what it says."""

from __future__ import annotations

import pytest

from napari_stexp.session import Session

SIGNALS = (
    "slide_changed",
    "spots_changed",
    "bundle_changed",
    "prediction_changed",
    "prediction_updated",
    "gene_changed",
    "source_changed",
    "display_changed",
    "annotations_changed",
    "noticed",
)


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def heard(session):
    """Names and values of the signals emitted so far."""
    record = []
    for name in SIGNALS:
        getattr(session, name).connect(
            lambda value, name=name: record.append((name, value)), check_nargs=False
        )
    return record
