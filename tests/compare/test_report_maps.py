"""Maps, outlines and values of a comparison report."""

from __future__ import annotations

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import pearsonr

from napari_stexp.annotation import Region
from napari_stexp.compare import ReportContent, find_agreement
from napari_stexp.compare.report_maps import (
    AGREES,
    DIFFERS,
    MOST_PATHS,
    color_domains,
    judge_spots,
    limits_of,
    map_gene,
    name_domains,
)
from napari_stexp.compare.report_values import GeneValues, read_genes
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.report_frames import frame_spots
from napari_stexp.evaluate.report_maps import ramp_stops
from napari_stexp.figure.outlines import (
    MOST_REGIONS,
    bounds_of,
    outline_regions,
    svg_path,
)
from napari_stexp.model import log_normalize
from tests.compare.contents import (
    GENES,
    REGIONS,
    make_centers,
    make_content,
    make_labels,
    make_prediction,
    make_spots,
)


@pytest.fixture(scope="module")
def content() -> ReportContent:
    return make_content()


@pytest.fixture(scope="module")
def frame():
    return frame_spots(make_centers(), "tissue", around=bounds_of(REGIONS))


def test_values_are_those_of_prediction_and_measurement(content) -> None:
    for values in read_genes(content):
        at = GENES.index(values.gene)
        np.testing.assert_array_equal(values.predicted, content.prediction.X[:, at])
        truth = log_normalize(content.spots.X, "spot")[:, at]
        np.testing.assert_allclose(values.measured, truth, rtol=1e-6)
        known = np.isfinite(values.predicted)
        expected = pearsonr(values.predicted[known], truth[known]).statistic
        assert values.pcc == pytest.approx(expected, abs=1e-5)
        np.testing.assert_allclose(values.residual[known], (values.predicted - truth)[known])
        assert np.isnan(values.residual[~known]).all()


def test_measured_spots_are_matched_by_barcode(content) -> None:
    shuffled = content.spots[np.random.default_rng(0).permutation(100)[:90]].copy()
    (plain, *_), (mixed, *_) = (
        read_genes(dataclasses.replace(content, spots=spots)) for spots in (content.spots, shuffled)
    )
    there = content.prediction.obs_names.isin(shuffled.obs_names)
    np.testing.assert_allclose(mixed.measured[there], plain.measured[there], rtol=1e-6)
    assert np.isnan(mixed.measured[~there]).all()


def test_genes_measured_only_can_be_shown_without_a_prediction() -> None:
    spots = make_spots()
    (values,) = read_genes(ReportContent("S", spots=spots, genes=[GENES[3]]))
    assert values.predicted is None
    assert values.residual is None
    np.testing.assert_allclose(values.measured, log_normalize(spots.X, "spot")[:, 3], rtol=1e-6)


def test_an_unknown_gene_is_refused(content) -> None:
    with pytest.raises(EvaluationError, match="XYZ"):
        read_genes(dataclasses.replace(content, genes=["XYZ"]))


LEVELS = st.lists(st.floats(0, 5, width=32), min_size=30, max_size=30)


@given(LEVELS, LEVELS)
def test_both_sources_share_limits_and_residuals_are_symmetric(first, second) -> None:
    values = GeneValues("g", np.float32(first), np.float32(second))
    limits = limits_of(values)
    assert limits["measured"] == limits["predicted"]
    low, high = limits["residual"]
    assert low == -high < 0
    together = np.concatenate([values.predicted, values.measured])
    assert limits["measured"][0] >= together.min() - 1e-6
    for low, high in limits.values():
        assert low < high


def test_panels_of_a_gene(content, frame) -> None:
    values = read_genes(content)[0]
    maps = map_gene(frame, values)
    assert [one.title for one in maps] == [
        "Measured",
        "Predicted, same colours",
        "Predicted, colours of its own",
        "Predicted \N{MINUS SIGN} measured",
    ]
    measured, predicted, _own, residual = (one.bar for one in maps)
    assert (measured.low, measured.high) == (predicted.low, predicted.high)
    assert residual.low == f"\N{MINUS SIGN}{residual.high}"
    assert [one.bar.ramp for one in maps] == ["ramp", "ramp", "ramp", "diverging"]
    assert [one.hollow.count("M") for one in maps] == [0, 2, 2, 2]  # two weren't predicted
    only = dataclasses.replace(values, measured=None)
    assert [one.title for one in map_gene(frame, only)] == ["Predicted"]


def test_many_spots_are_painted() -> None:
    n = MOST_PATHS + 100
    rng = np.random.default_rng(0)
    centers = rng.uniform(0, 50_000, (n, 2))
    centers[0] = 25_000
    frame = frame_spots(centers, "tissue")
    numbers = rng.random(n).astype(np.float32)
    numbers[0], numbers[1] = 5.0, np.nan
    (drawn,) = map_gene(frame, GeneValues("g", predicted=numbers))
    assert drawn.paths == ()
    image = Image.open(io.BytesIO(base64.b64decode(drawn.picture.partition(",")[2])))
    pixels = np.asarray(image.convert("RGBA")).astype(int)
    unit = image.width / frame.width
    places = np.rint(frame.points * unit - 0.5).astype(int)
    assert pixels[places[2:, 1], places[2:, 0], 3].min() == 255
    highest = np.array(list(bytes.fromhex(ramp_stops()[-1][1:])))
    near = np.abs(pixels[..., :3] - highest).sum(axis=2) < 40
    assert near[places[0, 1] - 2 : places[0, 1] + 3, places[0, 0] - 2 : places[0, 0] + 3].any()
    assert len(drawn.picture) < 400_000


def _back(path: str, frame) -> shapely.Geometry:
    """Outlines of an SVG path in level-0 pixels; rings inside rings are holes."""
    area = shapely.Polygon()
    for ring in path.strip("Z").split("Z"):
        points = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", ring), dtype=float)
        area = area.symmetric_difference(shapely.Polygon(points / frame.unit + frame.origin))
    return area


def test_outlines_lie_where_the_regions_do(frame) -> None:
    found = {one.name: one for one in outline_regions(REGIONS, frame)}
    assert set(found) == {"Tumor", "Stroma", ""}
    for region in REGIONS:
        drawn = _back(svg_path(found[region.class_name or ""].rings), frame)
        missed = drawn.symmetric_difference(region.geometry).area
        assert missed < 0.01 * region.geometry.area
    assert len(found["Stroma"].rings) == 2  # the hole
    assert found["Tumor"].colour == "#c80000"


def test_small_regions_are_drawn_on_top(frame) -> None:
    names = [one.name for one in outline_regions(REGIONS, frame)]
    assert names[-1] == ""


def test_only_the_largest_of_very_many_regions_are_drawn(frame) -> None:
    sizes = np.linspace(5, 60, MOST_REGIONS + 50)
    rng = np.random.default_rng(0)
    regions = [
        Region(shapely.box(x, y, x + size, y + size), "c")
        for (x, y), size in zip(rng.uniform(200, 1800, (len(sizes), 2)), sizes, strict=True)
    ]
    (one,) = outline_regions(regions, frame)
    assert len(one.rings) == MOST_REGIONS
    drawn = min(shapely.Polygon(ring).area / frame.unit**2 for ring in one.rings)
    assert drawn == pytest.approx(sizes[50] ** 2, rel=1e-6)


def test_the_view_holds_spots_and_regions() -> None:
    around = (-500.0, 100.0, 5000.0, 400.0)
    frame = frame_spots(make_centers(), "k", around=around)
    high = np.array(frame.origin) + np.array([frame.width, frame.height]) / frame.unit
    np.testing.assert_allclose(frame.origin, [-500, 0], atol=1)
    np.testing.assert_allclose(high, [5000, 2200], atol=6)


@pytest.mark.parametrize("over", ["labelled", "all"])
def test_domains_have_the_colour_of_their_class(over) -> None:
    labels = make_labels()
    colours = {"Tumor": "#c80000", "Stroma": "#14a05a", "Necrosis": "#323232"}
    values = make_prediction().X
    agreement = find_agreement(values, labels.values, n_domains=5, over=over)
    found, names = color_domains(agreement, colours), name_domains(agreement)
    assert set(names) == set(agreement.domains.tolist()) - {-1}
    assert set(found) == set(names.values())
    for domain, name in names.items():
        if domain in agreement.matches:
            assert found[name] == colours[agreement.matches[domain]]
            assert agreement.matches[domain] in name
        else:
            assert found[name] not in colours.values()
    judged = judge_spots(agreement)
    differing = set(np.flatnonzero(judged == DIFFERS))
    assert set(agreement.disagreement["spot"]) <= differing
    assert (judged[labels.values == ""] == "").all()
    assert set(judged) <= {"", AGREES, DIFFERS}
