"""Moran's I against scanpy on squidpy's graphs, and the graphs themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_stexp.errors import SpotsError
from napari_stexp.gene import find_morans_i, is_lattice, neighbour_graph
from napari_stexp.progress import exhaust


def hexagonal(rows=9, columns=8, pitch=100.0):
    y, x = np.mgrid[:rows, :columns].astype(float)
    return np.column_stack([((x + y % 2 / 2) * pitch).ravel(), (y * pitch * 3**0.5 / 2).ravel()])


def square(rows=9, columns=8, pitch=256.0):
    y, x = np.mgrid[:rows, :columns].astype(float)
    return np.column_stack([x.ravel(), y.ravel()]) * pitch


def scattered(n=60):
    return np.random.default_rng(0).uniform(0, 1000, (n, 2))


def degrees(graph):
    return np.diff(graph.indptr)


@pytest.mark.parametrize(
    ("positions", "lattice"), [(hexagonal(), True), (square(), True), (scattered(), False)]
)
def test_a_lattice_is_told_from_scattered_cells(positions, lattice):
    rng = np.random.default_rng(1)
    assert is_lattice(positions) is lattice
    assert is_lattice(positions + rng.normal(0, 2, positions.shape)) is lattice  # printed arrays
    kept = rng.random(len(positions)) < 0.7  # spots off the tissue are missing
    assert is_lattice(positions[kept]) is lattice


def test_inner_spots_have_six_neighbours_on_a_hexagonal_lattice_and_four_on_a_square_one():
    for positions, expected, pitch in ((hexagonal(), 6, 100.0), (square(), 4, 256.0)):
        graph = neighbour_graph(positions)
        assert degrees(graph).max() == expected
        inner = [3 * 8 + 4, 5 * 8 + 3]
        assert list(degrees(graph)[inner]) == [expected] * 2
        rows, columns = graph.nonzero()
        distance = np.linalg.norm(positions[rows] - positions[columns], axis=1)
        assert distance == pytest.approx(pitch)
        assert np.asarray(graph.sum(axis=1)).ravel() == pytest.approx(1)


def test_scattered_cells_have_their_six_nearest():
    positions = scattered()
    graph = neighbour_graph(positions)
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    np.fill_diagonal(distance, np.inf)
    for row in range(len(positions)):
        nearest = set(np.argsort(distance[row])[:6])
        assert set(graph[row].indices) == nearest


def squidpy_graph(positions, grid):
    """squidpy's own steps: NearestNeighbors, its cutoff for grids, scikit-learn's normalize."""
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import normalize

    n = len(positions)
    distances, columns = (
        found.reshape(-1) for found in NearestNeighbors(n_neighbors=6).fit(positions).kneighbors()
    )
    rows = np.repeat(np.arange(n), 6)
    kept = distances < np.median(distances) * 1.3 if grid else np.ones(len(distances), bool)
    graph = sparse.csr_matrix((np.ones(kept.sum()), (rows[kept], columns[kept])), shape=(n, n))
    return normalize(graph, norm="l1", axis=1)


@settings(max_examples=25, deadline=None)  # numba compiles scanpy's part at first
@given(
    st.sampled_from(["hexagonal", "square", "scattered"]),
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from([0, 1, 7]),
)
def test_equals_scanpy_on_squidpy_s_graph(layout, seed, is_sparse, missing):
    from scanpy.metrics import morans_i

    rng = np.random.default_rng(seed)
    positions = {"hexagonal": hexagonal, "square": square, "scattered": scattered}[layout]()
    values = rng.poisson(0.7, (len(positions), 5)).astype(np.float32)
    values[:, 0] = positions[:, 0] / 100
    gone = rng.permutation(len(positions))[:missing]
    rows = np.setdiff1d(np.arange(len(positions)), gone)
    if not is_sparse:
        values[gone] = np.nan
    else:
        rows = np.arange(len(positions))
    given_values = sparse.csr_matrix(values) if is_sparse else values
    found = exhaust(find_morans_i(positions, given_values))
    graph = squidpy_graph(positions[rows], layout != "scattered")
    expected = morans_i(graph, np.ascontiguousarray(values[rows].T, dtype=np.float64))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_patterns_are_told_from_noise():
    positions = square(20, 20)
    x, y = (positions / 256).T
    noise = np.random.default_rng(0).normal(size=400)
    values = np.column_stack([x, (x + y) % 2, noise])
    trend, chessboard, random = exhaust(find_morans_i(positions, values))
    assert trend > 0.9
    assert chessboard == pytest.approx(-1)
    assert abs(random + 1 / 399) < 0.1


def test_a_constant_gene_has_none():
    values = np.column_stack([np.full(72, 0.1, np.float32), np.zeros(72), np.arange(72)])
    found = exhaust(find_morans_i(square(), values))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2])


def test_two_spots_have_no_pattern():
    with pytest.raises(SpotsError, match="three spots"):
        neighbour_graph(np.zeros((2, 2)))
    values = np.full((72, 3), np.nan)
    values[:2] = 1.0
    assert np.isnan(exhaust(find_morans_i(square(), values))).all()


def test_few_spots_take_all_others_for_neighbours():
    graph = neighbour_graph(scattered(4))
    assert list(degrees(graph)) == [3, 3, 3, 3]


def test_spots_in_one_place_are_neighbours_and_none_is_its_own():
    positions = np.zeros((9, 2))
    positions[8] = 5.0
    graph = neighbour_graph(positions)
    assert graph.diagonal().sum() == 0
    assert list(degrees(graph)) == [6] * 9


def test_goes_on_in_blocks_and_can_be_stopped(monkeypatch):
    from napari_stexp.gene import spatial

    values = np.random.default_rng(0).random((72, 10))
    whole = exhaust(find_morans_i(square(), values))
    monkeypatch.setattr(spatial, "_VALUES_AT_ONCE", 72 * 3)
    steps = []
    assert exhaust(find_morans_i(square(), values), steps.append) == pytest.approx(whole)
    assert [step.done for step in steps] == [0, 0, 3, 6, 9, 10]
    task = find_morans_i(square(), values)
    next(task)
    task.close()
