from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_stexp.errors import SpotsError
from napari_stexp.spots import (
    find_sections,
    list_label_columns,
    obs_label_columns,
    read_label_table,
    read_spots,
    write_spots,
)
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


@pytest.fixture
def visium(tmp_path):
    return read_spots(write_visium(tmp_path / "a"))


def _labels(series):
    return ["" if pd.isna(value) else value for value in series]


@pytest.mark.parametrize(
    "text",
    [
        "Barcode,Pathologist\nAAAT-1,tumour\nAAAC-1, stroma \n",  # Loupe
        "barcode\tPathologist\nAAAT-1\ttumour\nAAAC-1\tstroma\nother\tx\n",
        "Pathologist\nAAAT-1,tumour\nAAAC-1,stroma\n",  # R's write.csv, without the first name
        ",Pathologist\nAAAT-1,tumour\nAAAC-1,stroma\n",  # pandas' to_csv
        "spot_id;Pathologist\nAAAT-1;tumour\nAAAC-1;stroma\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tables_by_barcode(tmp_path, visium, text, packed):
    path = tmp_path / "labels.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    labels = read_label_table(path, visium)
    by_name = dict(zip(visium.obs_names, _labels(labels), strict=True))
    assert by_name["AAAT-1"] == "tumour"
    assert by_name["AAAC-1"] == "stroma"
    assert sum(map(bool, by_name.values())) == 2
    assert labels.name == "Pathologist"
    assert list(labels.index) == list(visium.obs_names)
    assert list(labels.cat.categories) == ["stroma", "tumour"]


def test_places_in_pixels(tmp_path, visium):
    xy = visium.obsm["spatial"]
    lines = [f"{x + 1},{y - 1},c{i}" for i, (x, y) in enumerate(xy)]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["x,y,class", *lines, "-9999,5,far"]))
    assert _labels(read_label_table(path, visium)) == [f"c{i}" for i in range(len(xy))]


TABLE = "barcode,x,label,second,number,value,name,empty,one\n" + "".join(
    f"b{i},{i},{'ab'[i % 2]},{'pq'[i % 2]},{i % 3},{i / 7},name{i},,same\n" for i in range(40)
)


def test_columns_that_hold_classes(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("x,label", "x,Other").replace("number", "Label"))
    # not: the spots' names and places, measurements, identifiers, empty columns
    assert list_label_columns(path) == ["Label", "Other", "second", "one"]


def test_a_column_is_chosen_by_name(tmp_path, visium):
    text = TABLE.replace("b0,", "AAAT-1,").replace("b1,", "AAAC-1,")
    path = tmp_path / "table.csv"
    path.write_text(text)
    found = {"AAAT-1": "0", "AAAC-1": "1"}
    number = read_label_table(path, visium, "number")
    assert {spot: label for spot, label in number.items() if isinstance(label, str)} == found
    assert set(_labels(read_label_table(path, visium))) == {"a", "b", ""}  # label is usual
    with pytest.raises(SpotsError, match=r"no column none.*found label, second"):
        read_label_table(path, visium, "none")
    path.write_text(text.replace("x,label", "x,other"))
    with pytest.raises(SpotsError, match=r"several columns.*found other, second"):
        read_label_table(path, visium)


def test_obs_of_an_h5ad_file(tmp_path, visium):
    other = visium[::-1].copy()
    other.obs["class"] = pd.Categorical(["x", "y", None] + ["x"] * (other.n_obs - 3))
    other.obs["score"] = np.linspace(0, 1, other.n_obs)
    path = write_spots(other, tmp_path / "b.h5ad")
    assert list_label_columns(path) == ["class"]
    labels = read_label_table(path, visium)
    assert _labels(labels[::-1]) == _labels(other.obs["class"])
    (tmp_path / "c.h5ad").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SpotsError, match="can't be read as h5ad"):
        read_label_table(tmp_path / "c.h5ad", visium)


def test_columns_of_obs():
    n = 100
    obs = pd.DataFrame(
        {
            "array_row": np.arange(n) % 7,
            "leiden": pd.Categorical([str(i % 5) for i in range(n)]),
            "label": ["Tumor", None] * (n // 2),
            "cluster": np.arange(n) % 61,
            "few": np.arange(n) % 60 % 50,
            "flag": [True, False] * (n // 2),
            "score": np.linspace(0, 1, n),
            "whole": np.arange(n, dtype=float) % 3,
            "id": [f"i{i}" for i in range(n)],
            "status": ["ok"] * n,
        },
        index=[f"s{i}" for i in range(n)],
    )
    assert obs_label_columns(AnnData(obs=obs)) == ["label", "leiden", "few", "flag"]


MOTIVATION = """patient,cluster,annotated as,based on,ref1,ref2
Q,0,cancer 1,Marker genes include : A, B and C,https://a.b/c,
Q,1,immune : APC, B-cell, T-cell,Marker genes include: HLA-D* genes, LYZ,,
Q,2,unknown,,,
Q,3,"quoted, name","Marker genes include: A",,
P,1,other patient,,,
"""


def test_her2st_clusters_have_the_experts_names(layout):
    folder = layout / "res" / "ST-cluster"
    (folder / "lbl").mkdir(parents=True)
    rows = [(2, 2, 1), (2, 3, 3), (3, 2, 7)]
    text = "\tpatient_id\tids\tlabel\tx\ty\tpixel_x\tpixel_y\n" + "".join(
        f"{x}.5x{y}.5\tQ\tQ7\t{label}\t{x}\t{y}\t{x}.5\t{y}.5\n" for x, y, label in rows
    )
    path = folder / "lbl" / "Q7-cluster-annotation.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    (source,) = find_sections(layout)
    adata = source.read()
    assert set(_labels(read_label_table(path, adata))) <= {"1", "3", "7"}
    (folder / "motivation.csv").write_text(MOTIVATION)
    labels = dict(zip(adata.obs_names, _labels(read_label_table(path, adata)), strict=True))
    assert labels == {
        "2x3": "3: quoted, name",
        "3x2": "7",
        "2x2": "1: immune : APC, B-cell, T-cell",
    }
    assert list_label_columns(path) == ["label"]


@pytest.mark.data
def test_real_clusters_are_named(her2st):
    clusters = her2st / "res" / "ST-cluster" / "lbl"
    (source,) = find_sections(f"{her2st}:C4")
    labels = read_label_table(clusters / "C4-cluster-annotation.tsv.gz", source.read())
    assert labels.notna().all()
    assert labels.value_counts().to_dict() == {
        "0: immune : B/plasma cells, endothelium": 47,
        "1: immune : B/plasma cells, APC": 40,
        "2: cancer 1": 33,
        "3: cancer 2": 28,
        "4: cancer 3": 17,
        "5: immune : APC, B-cell, T-cell": 13,
        "unknown": 6,
    }
    # every section's table is that of its own spots
    for path in sorted(clusters.iterdir()):
        (section,) = find_sections(f"{her2st}:{path.name.split('-')[0]}")
        found = read_label_table(path, section.read())
        assert found.notna().mean() > 0.75
        assert all(": " in name or name == "unknown" for name in found.cat.categories)
