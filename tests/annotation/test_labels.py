from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
import shapely
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.annotation import Region, label_spots
from napari_stexp.errors import AnnotationError

from .test_geojson import random_polygon


def _spots(xy):
    return AnnData(
        obs=pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]),
        obsm={"spatial": np.asarray(xy, dtype=float).reshape(-1, 2)},
    )


def _values(labels):
    return [None if pd.isna(label) else label for label in labels]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(0, 6))
def test_equal_to_asking_shapely_one_by_one(seed, n_regions):
    rng = np.random.default_rng(seed)
    regions = [
        Region(random_polygon(rng, parts=rng.integers(1, 3)), class_name=f"c{i % 4}", name=f"n{i}")
        for i in range(n_regions)
    ]
    xy = rng.uniform(-300, 1300, (300, 2))
    by_area = sorted(regions, key=lambda region: region.geometry.area)
    expected = [
        next((r.name for r in by_area if r.geometry.contains(shapely.Point(point))), None)
        for point in xy
    ]
    labels = label_spots(_spots(xy), regions, by="name")
    assert _values(labels) == expected
    class_of = {region.name: region.class_name for region in regions}
    assert _values(label_spots(_spots(xy), regions)) == [class_of.get(name) for name in expected]


def test_holes_are_outside():
    ring = Region(shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 6, 6)), "Tumor")
    assert _values(label_spots(_spots([[1, 1], [5, 5], [20, 1]]), [ring])) == ["Tumor", None, None]


def test_a_centre_on_the_border_is_outside():
    square = Region(shapely.box(0, 0, 10, 10), "Tumor")
    points = [[0, 5], [10, 5], [0, 0], [1e-9, 5]]
    assert _values(label_spots(_spots(points), [square])) == [None, None, None, "Tumor"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_smallest_of_overlapping_regions_wins(order):
    regions = [
        Region(shapely.box(0, 0, 100, 100), "Tissue"),
        Region(shapely.box(0, 0, 50, 50), "Tumor"),
        Region(shapely.box(0, 0, 10, 10), "Necrosis"),
    ][::order]
    labels = label_spots(_spots([[5, 5], [20, 20], [70, 70]]), regions)
    assert _values(labels) == ["Necrosis", "Tumor", "Tissue"]


def test_of_equally_small_regions_the_first_wins():
    regions = [Region(shapely.box(0, 0, 2, 2), name) for name in ("b", "a")]
    assert _values(label_spots(_spots([[1, 1]]), regions)) == ["b"]


def test_regions_without_a_class_are_passed_over():
    regions = [Region(shapely.box(0, 0, 2, 2), name="x"), Region(shapely.box(0, 0, 9, 9), "Tumor")]
    spots = _spots([[1, 1]])
    assert _values(label_spots(spots, regions)) == ["Tumor"]
    assert _values(label_spots(spots, regions, by="name")) == ["x"]
    assert _values(label_spots(spots, regions, by="id")) == [regions[0].id]


def test_labels_fit_into_obs_with_all_categories():
    spots = _spots([[1, 1], [50, 50]])
    regions = [Region(shapely.box(0, 0, 2, 2), "Tumor"), Region(shapely.box(80, 80, 90, 90), "Fat")]
    labels = label_spots(spots, regions)
    spots.obs["region"] = labels
    assert list(spots.obs["region"].cat.categories) == ["Tumor", "Fat"]
    assert spots.obs["region"].isna().tolist() == [False, True]
    assert list(labels.index) == ["s0", "s1"]


def test_nothing_to_label():
    assert _values(label_spots(_spots([[1, 1]]), [])) == [None]
    assert _values(label_spots(_spots([]), [Region(shapely.box(0, 0, 1, 1), "a")])) == []
    with pytest.raises(AnnotationError, match="class, name or id"):
        label_spots(_spots([[1, 1]]), [], by="colour")


def test_many_spots_are_labelled_quickly():
    rng = np.random.default_rng(0)
    regions = [Region(random_polygon(rng, size=20000), f"c{i}") for i in range(100)]
    spots = AnnData(shape=(200_000, 0), obsm={"spatial": rng.uniform(0, 20000, (200_000, 2))})
    start = time.process_time()
    label_spots(spots, regions)
    assert time.process_time() - start < 5  # 0.8 s where it was written
