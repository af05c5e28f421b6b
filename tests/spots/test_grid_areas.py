"""Grids with a pitch for each region."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree
from shapely import Point, box

from napari_stexp.errors import SpotsError
from napari_stexp.spots import GridArea, make_area_grid, make_grid

SHAPE, MPP = (1500, 2000), 0.5
PITCHES = (20.0, 35.0, 50.0, 90.0)


@st.composite
def layouts(draw):
    """One to three areas of overlapping discs and boxes, perhaps a rest, perhaps a mask."""
    areas = []
    for i in range(draw(st.integers(1, 3))):
        shapes = []
        for _ in range(draw(st.integers(1, 3))):
            x, y = draw(st.integers(0, SHAPE[1])), draw(st.integers(0, SHAPE[0]))
            size = draw(st.integers(80, 700))
            disc = draw(st.booleans())
            shapes.append(Point(x, y).buffer(size / 2) if disc else box(x, y, x + size, y + size))
        pitch = draw(st.sampled_from((*PITCHES, None)))
        areas.append(GridArea(f"area {i}", pitch, tuple(shapes)))
    if draw(st.booleans()):
        areas.append(GridArea("rest", draw(st.sampled_from(PITCHES))))
    left = draw(st.integers(0, 800))
    inside = draw(st.sampled_from([None, lambda xy: xy[:, 0] > left]))
    return areas, draw(st.sampled_from(["hex", "square"])), inside


def owners_of(areas, x, y):
    """Tell by trying every region: areas of the smallest one; several where they are alike."""
    around = [(s.area, a.name) for a in areas for s in a.shapes or () if s.intersects(Point(x, y))]
    least = min((area for area, _ in around), default=None)
    return {name for area, name in around if area == least} or {"rest"}


@settings(deadline=None, max_examples=30)
@given(request=layouts())
def test_spots_lie_in_their_smallest_region_and_keep_their_distance(request):
    areas, layout, inside = request
    wanted = {"diameter_um": 20.0, "layout": layout, "inside": inside}
    try:
        adata = make_area_grid(SHAPE, MPP, areas, **wanted)
    except SpotsError:
        return  # no room for any
    xy, pitch = adata.obsm["spatial"], adata.obs["grid_pitch_um"].to_numpy()
    assert adata.obs_names.is_unique
    if inside is not None:
        assert inside(xy).all()
    areas_of = {area.name: area for area in areas}
    shares = np.random.default_rng(0).permutation(len(xy))[:60]
    for i in shares.tolist():
        name = adata.obs["grid_area"].iloc[i]
        assert areas_of[name].pitch_um == pitch[i]
        assert name in owners_of(areas, *xy[i])
    for one in np.unique(pitch):
        mine, others = xy[pitch == one], xy[pitch > one]
        if len(mine) > 1:
            assert KDTree(mine).query(mine, 2)[0][:, 1].min() >= one / MPP * (1 - 1e-9)
        if len(others):
            assert KDTree(mine).query(others)[0].min() >= one / MPP / 2


@settings(deadline=None, max_examples=20)
@given(request=layouts(), pitch=st.sampled_from(PITCHES))
def test_regions_of_one_pitch_are_the_grid_in_their_union(request, pitch):
    areas, layout, inside = request
    shapes = tuple(shape for area in areas for shape in area.shapes or ())
    alike = [GridArea(str(i), pitch, (shape,)) for i, shape in enumerate(shapes)]
    whole = make_grid(SHAPE, MPP, pitch_um=pitch, diameter_um=20, layout=layout)
    xy = whole.obsm["spatial"]
    keep = shapely.intersects_xy(shapely.union_all(shapes), xy)
    keep |= np.array([any(s.intersects(Point(p)) for s in shapes) for p in xy])
    if inside is not None:
        keep &= inside(xy)
    if not keep.any():
        return
    adata = make_area_grid(SHAPE, MPP, alike, diameter_um=20, layout=layout, inside=inside)
    assert sorted(adata.obs_names) == sorted(whole.obs_names[keep])
    assert adata.uns["stexp_spots"]["pitch_um"] == pitch
    assert {"array_col", "array_row"} <= set(adata.obs)


def test_counts_and_record():
    tumour = GridArea("Tumor", 50.0, (box(200, 200, 1000, 1000),))
    necrosis = GridArea("Necrosis", None, (box(400, 400, 600, 600),))
    adata = make_area_grid(
        SHAPE, MPP, [tumour, necrosis, GridArea("rest", 200.0)], diameter_um=50, layout="square"
    )
    xy = adata.obsm["spatial"]
    assert not shapely.intersects_xy(necrosis.shapes[0], xy).any()
    counts = adata.obs["grid_area"].value_counts()
    assert counts["Tumor"] == 60  # 8 x 8 in 400 µm, but 2 x 2 in the necrosis
    assert "array_col" not in adata.obs
    assert "pitch_um" not in adata.uns["stexp_spots"]
    assert adata.obs_names[0].startswith("50um-")


@pytest.mark.parametrize(
    ("areas", "message"),
    [
        ([GridArea("a", None)], "no area of the grid has spots"),
        ([GridArea("a", 5.0)], "make no sense"),
        ([GridArea("a", 100.0, (box(5000, 5000, 6000, 6000),))], "no spot of the grid lies"),
    ],
)
def test_no_grid(areas, message):
    with pytest.raises(SpotsError, match=message):
        make_area_grid(SHAPE, MPP, areas, diameter_um=10)
