"""Maps of the report: spots where they are on the tissue, in the colours of their values."""

from __future__ import annotations

import base64
import dataclasses
import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_stexp.evaluate import match_domains
from napari_stexp.evaluate.report_domains import list_domain_maps
from napari_stexp.evaluate.report_frames import frame_section
from napari_stexp.evaluate.report_maps import (
    draw_classes,
    draw_values,
    ramp_stops,
    robust_limits,
)
from napari_stexp.evaluate.report_sections import choose_genes
from napari_stexp.evaluate.report_tables import list_confusions
from tests.evaluate.report_studies import LABELS, make_section, make_study


def _points(path: str) -> np.ndarray:
    found = re.findall(r"M([-\d.e+]+) ([-\d.e+]+)h0", path)
    assert len(found) == path.count("M")
    return np.array(found, dtype=float).reshape(-1, 2)


def test_spots_lie_where_the_thumbnail_shows_them() -> None:
    section = make_section(side=6)
    scale = 7.3
    painted = np.full((200, 220, 3), 255, dtype=np.uint8)
    marked = [0, 9, 20, 35]
    for x, y in section.centers[marked] / scale:
        painted[round(y) - 4 : round(y) + 4, round(x) - 4 : round(x) + 4] = 0
    section = dataclasses.replace(section, thumbnail=painted, thumbnail_scale=scale)
    frame = frame_section(section, "key")
    picture = Image.open(io.BytesIO(base64.b64decode(frame.source.partition(",")[2])))
    grey = np.asarray(picture.convert("L"))
    unit = picture.width / frame.width
    assert picture.height / frame.height == pytest.approx(unit, rel=0.02)
    shades = [grey[round(y * unit), round(x * unit)] for x, y in frame.points]
    assert {at for at, shade in enumerate(shades) if shade < 60} == set(marked)


def test_a_picture_is_no_larger_than_needed() -> None:
    section = make_section(side=5)
    thumbnail = np.full((3000, 3000, 3), 200, dtype=np.uint8)
    section = dataclasses.replace(section, thumbnail=thumbnail, thumbnail_scale=0.4)
    frame = frame_section(section, "key", 700)
    picture = Image.open(io.BytesIO(base64.b64decode(frame.source.partition(",")[2])))
    assert max(picture.size) == 700
    assert max(frame.width, frame.height) == pytest.approx(700)


def test_colours_follow_values_and_missing_ones_are_hollow() -> None:
    section = make_section(side=3)
    frame = frame_section(section, "key")
    values = np.array([0.0, 1.0, 2.0, -5.0, 9.0, np.nan, 1.0, 1.0, np.nan])
    drawn = draw_values(frame, values, (0.0, 2.0), "title")
    by_colour = {colour: len(_points(path)) for colour, path in drawn.paths}
    stops = ramp_stops()
    assert by_colour[stops[0]] == 2  # 0 and what lies below
    assert by_colour[stops[-1]] == 2  # 2 and what lies above
    assert sum(by_colour.values()) == 7
    np.testing.assert_allclose(_points(drawn.hollow), frame.points[[5, 8]], rtol=1e-4)
    assert drawn.bar is not None
    assert (drawn.bar.low, drawn.bar.high) == ("0.00", "2.00")


def test_classes_without_a_spot_are_not_in_the_legend() -> None:
    frame = frame_section(make_section(side=2), "key")
    colours = {"a": "#111111", "b": "#222222", "c": "#333333"}
    drawn = draw_classes(frame, ["a", "c", "", "a"], colours, "title")
    assert drawn.legend == (("#111111", "a"), ("#333333", "c"))
    assert [len(_points(path)) for _, path in drawn.paths] == [2, 1]
    assert len(_points(drawn.hollow)) == 1


LEVELS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])


@given(st.lists(LEVELS, max_size=30))
def test_limits_are_always_a_range(values: list[float]) -> None:
    low, high = robust_limits(np.array(values))
    assert np.isfinite([low, high]).all()
    assert low < high


def test_one_spot_can_be_framed() -> None:
    section = make_section(side=2)
    section = dataclasses.replace(section, centers=np.full((4, 2), 500.0))
    frame = frame_section(section, "key")
    assert frame.diameter > 0
    assert np.isfinite(frame.points).all()


@pytest.mark.parametrize(("mpp", "text", "um"), [(0.5, "200 µm", 200), (3.2, "2 mm", 2000)])
def test_scale_bars_are_round_and_as_long_as_they_say(mpp: float, text: str, um: int) -> None:
    section = dataclasses.replace(make_section(side=9), mpp=mpp)  # spots 200 px apart
    frame = frame_section(section, "key")
    assert frame.bar is not None
    assert frame.bar.text == text
    between = np.linalg.norm(frame.points[1] - frame.points[0])
    assert frame.bar.length == pytest.approx(um / (200 * mpp) * between, rel=0.01)
    assert 0.1 * frame.width < frame.bar.length <= frame.width / 3


def test_without_a_scale_there_is_no_bar() -> None:
    assert frame_section(make_section(), "key").bar is None


def test_best_and_worst_genes_are_the_extremes_of_the_scores() -> None:
    study = make_study([make_section(n_genes=20, blank_genes=3, scales=("spot",))])
    best, worst = choose_genes(study, "S1", "spot", 4)
    table = study.scores[study.scores["method"] == "mclstexp"].set_index("gene")["pcc"].dropna()
    assert best == list(table.nlargest(4).index)
    assert worst == list(table.nsmallest(4).index)


@pytest.mark.parametrize(("n_genes", "expected"), [(1, (1, 0)), (2, (1, 1)), (5, (3, 2))])
def test_no_gene_is_both_best_and_worst(n_genes: int, expected: tuple[int, int]) -> None:
    study = make_study([make_section(n_genes=n_genes, scales=("gene",))], domains=False)
    best, worst = choose_genes(study, "S1", "gene", 4)
    assert (len(best), len(worst)) == expected
    assert not set(best) & set(worst)


def test_domains_are_matched_with_classes_one_to_one() -> None:
    table = pd.DataFrame([[1, 9, 0, 0], [8, 7, 0, 1]], index=["a", "b"])
    assert match_domains(table) == {1: 0, 0: 1, 2: None, 3: None}
    assert match_domains(table.T) == {1: 0, 0: 1}


def test_domain_maps_agree_with_the_confusion_tables() -> None:
    section = make_section(side=12, n_genes=40, unpredicted=2)
    study = make_study([section])
    frame = frame_section(section, "key")
    (found,) = list_domain_maps(study, [frame])
    labels, measured, predicted = found.maps
    assert [name for _, name in labels.legend] == sorted(LABELS)
    for drawn, table in zip((measured, predicted), found.confusions[0][1], strict=True):
        sizes = {name: len(_points(path)) for (_, name), (_, path) in
                 zip(drawn.legend, drawn.paths, strict=True)}  # fmt: skip
        columns = np.array([[cell[0] for cell in row] for row in table.cells]).sum(axis=0)
        assert sizes == {
            f"domain {name}": size for name, size in zip(table.domains, columns, strict=True)
        }
        assert len(_points(drawn.hollow)) == 4  # two without a label, two not predicted


def test_domains_that_come_out_otherwise_are_not_drawn() -> None:
    section = make_section(side=9)
    study = make_study([section])
    changed = {key: table + 1 for key, table in study.confusions.items()}
    study = dataclasses.replace(study, confusions=changed)
    (found,) = list_domain_maps(study, [frame_section(section, "key")])
    assert len(found.maps) == 1  # the labels alone


def test_confusion_tables_hold_the_counts_of_the_result() -> None:
    study = make_study([make_section(side=9)])
    for table, method in zip(
        list_confusions(study, "S1", "kmeans"), ("measured", "mclstexp"), strict=True
    ):
        expected = study.confusions["S1", method, "kmeans"]
        for name, cells in zip(table.classes, table.cells, strict=True):
            for domain, cell in zip(table.domains, cells, strict=True):
                assert cell[0] == expected.loc[name, int(domain)]
