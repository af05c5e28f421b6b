from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import find_sections, read_spots, write_spots
from napari_stexp.spots.labels import add_labels

from .layouts import write_visium

HEAD = "Row.names\tx\ty\tpixel_x\tpixel_y\tlabel\n"
# Rounded, (2, 2) and (3, 2); the pixels are those of other spots. One row has no place.
LABELS = (
    HEAD + "1x1\t2.03\t1.98\t202.5\t301\tinvasive cancer\n"
    "2x2\t2.96\t2.04\t201.5\t199.75\tbreast glands\n"
    "3x3\tNA\tNA\tNA\tNA\tundetermined\n"
    "4x4\t40\t40\t1\t1\tadipose tissue\n"
)


@pytest.fixture
def labelled(layout):
    folder = layout / "data" / "ST-pat" / "lbl"
    folder.mkdir(parents=True)
    (folder / "Q7_labeled_coordinates.tsv").write_text(LABELS)
    return layout


def test_her2st_labels_are_found_and_joined_on_array_positions(labelled):
    (source,) = find_sections(labelled)
    assert source.labels.name == "Q7_labeled_coordinates.tsv"
    adata = source.read()
    assert list(adata.obs_names) == ["2x3", "3x2", "2x2"]
    label = adata.obs["label"]
    assert label.isna().tolist() == [True, False, False]
    assert label.tolist()[1:] == ["breast glands", "invasive cancer"]
    assert list(label.cat.categories) == ["breast glands", "invasive cancer"]


def test_labels_survive_a_file(labelled, tmp_path):
    adata = find_sections(labelled)[0].read()
    read = read_spots(write_spots(adata, tmp_path / "a.h5ad"))
    assert read.obs["label"].isna().tolist() == [True, False, False]
    assert read.obs["label"].tolist()[1:] == adata.obs["label"].tolist()[1:]


def test_without_labels_there_is_no_column(layout):
    (source,) = find_sections(layout)
    assert source.labels is None
    assert "label" not in source.read().obs


def test_labels_by_barcode(tmp_path):
    adata = read_spots(write_visium(tmp_path / "a"))
    path = tmp_path / "labels.csv"
    path.write_text("barcode,label\nAAAT-1,tumour\nAAAC-1, stroma \nAAAG-1,\n")
    add_labels(adata, path)
    assert adata.obs["label"].astype(object).where(adata.obs["label"].notna(), "").tolist() == [
        "stroma",
        "",
        "tumour",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no table"),
        (LABELS.replace("\tlabel", "\tids"), "lack their column.*found Row.names"),
        (LABELS.replace("\tx\ty\t", "\tu\tv\t"), "no place.*expected columns x and y, or barcode"),
        (LABELS.replace("2.96", "2.04"), "two labels for spot 2x2.*'invasive cancer' and 'breast"),
        (
            LABELS.replace("2.96", "9").replace("2.03", "8"),
            "no spot in common.*spots such",
        ),
        (HEAD + "1\t2\t2\t1\t1\tNaN\n", "no spot in common.*no labels"),
    ],
)
def test_bad_labels(labelled, content, message):
    (source,) = find_sections(labelled)
    source.labels.write_text(content)
    with pytest.raises(SpotsError, match=message) as caught:
        source.read()
    assert caught.value.path == source.labels


def test_missing_labels(labelled):
    (source,) = find_sections(labelled)
    source.labels.unlink()
    with pytest.raises(SpotsError, match="can't be read"):
        source.read()


@pytest.mark.data
def test_a1_is_labelled_wholly_and_its_places_say_the_same(her2st):
    (source,) = find_sections(f"{her2st}:A1")
    adata = source.read()
    assert adata.n_obs == 346
    assert adata.obs["label"].notna().all()
    # By another way: the labels' own pixels, mapped into the frame of the image.
    table = pd.read_csv(source.labels, sep="\t")
    there = np.column_stack([table["pixel_x"] / 0.575209, (4277 - table["pixel_y"]) / 0.575252])
    distance = np.linalg.norm(adata.obsm["spatial"][:, None] - there[None], axis=2)
    assert distance.min(axis=1).max() < 20  # px; the pitch is about 250
    nearest = table["label"].to_numpy()[distance.argmin(axis=1)]
    assert adata.obs["label"].astype(str).tolist() == nearest.tolist()
    assert {s.name for s in find_sections(her2st) if s.labels} == {"A1", "C1"}
