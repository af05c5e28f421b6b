from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import GeneListError, TrainingError
from napari_stexp.model import InputContract
from tests.train.conftest import GENES


def test_rows_run_over_all_sections(make_section) -> None:
    (pa, a), (pb, b) = make_section("a", 5, seed=1), make_section("b", 7, seed=2)
    contract = InputContract(patch_px=pa.shape[1])
    data = TrainingSet.from_arrays([(pa, a), (pb, b)], GENES, contract)
    both = np.concatenate([pa, pb])[:, None]
    assert len(data) == 12
    assert data.genes == tuple(GENES)
    rows = [11, 0, 4, 5, 5, 3]
    found = data.read(rows)
    np.testing.assert_array_equal(found, both[rows])
    found[:] = 0  # the caller's own
    np.testing.assert_array_equal(data.read(np.arange(12)), both)
    assert data.read([]).shape == (0, *both.shape[1:])
    assert data.usable.all()
    assert [info.name for info in data.reference.sections] == ["a", "b"]


def test_it_says_what_does_not_fit(make_section) -> None:
    pixels, a = make_section("a", 5)
    contract = InputContract(patch_px=pixels.shape[1])
    with pytest.raises(TrainingError, match=r"section a .*expected uint8 \(5, 1,"):
        TrainingSet.from_arrays([(pixels[:4], a)], GENES, contract)
    with pytest.raises(TrainingError, match="float64"):
        TrainingSet.from_arrays([(pixels / 2, a)], GENES, contract)
    with pytest.raises(TrainingError, match="no sections"):
        TrainingSet.from_arrays([], GENES, contract)
    with pytest.raises(GeneListError, match="missing"):
        TrainingSet.from_arrays([(pixels, a)], [*GENES, "OTHER"], contract)
    with pytest.raises(TrainingError, match="usable"):
        TrainingSet.from_arrays([(pixels, a)], GENES, contract, usable=[[True]])
    data = TrainingSet.from_arrays([(pixels, a)], GENES, contract, usable=[[True] * 4 + [False]])
    assert data.usable.tolist() == [True] * 4 + [False]
    for rows in ([5], [-1]):
        with pytest.raises(TrainingError, match="no such spot"):
            data.read(rows)
