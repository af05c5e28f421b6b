"""Comparisons put together from files: what is compared, shown and left out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.annotation import Region, write_geojson
from napari_stexp.compare import (
    CompareParams,
    SpotLabels,
    choose_sides,
    compare_annotation,
    rank_region_genes,
)
from napari_stexp.compare.report_contrasts import REST, choose_genes, choose_pairs, parse_pairs
from napari_stexp.compare.report_inputs import picture_of
from napari_stexp.compare.report_labels import read_annotation
from napari_stexp.errors import AnnotationError, EvaluationError, ScaleError, SpotsError
from napari_stexp.evaluate import compare_prediction
from napari_stexp.predict import write_prediction
from napari_stexp.progress import exhaust
from napari_stexp.slide import open_slide
from napari_stexp.spots import write_spots
from tests.compare.contents import (
    COLOURS,
    GENES,
    HOLE,
    LEFT,
    MPP,
    REGIONS,
    N,
    make_centers,
    make_labels,
    make_prediction,
    make_spots,
    write_slide,
)

QUICK = CompareParams(methods=("kmeans",))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    table = folder / "labels.tsv"
    spots = make_spots()
    names = make_labels().values
    rows = pd.DataFrame({"barcode": spots.obs_names, "label": names, "grade": "g"})
    rows.loc[rows["label"] != ""].to_csv(table, sep="\t", index=False)
    found = {"table": table, "slide": write_slide(folder)}
    found["regions"] = write_geojson(REGIONS, folder / "regions.geojson")
    prediction = make_prediction()
    with open_slide(found["slide"]) as slide:
        height, width = slide.shape
        prediction.uns["stexp"]["slide"] |= {
            "fingerprint": slide.fingerprint(),
            "height": height,
            "width": width,
        }
    found["prediction"] = write_prediction(prediction, folder / "predicted.h5ad")
    spots.obs["kind"] = pd.Categorical(np.where(names == "", None, names))
    found["measured"] = folder / "measured.h5ad"
    write_spots(spots, found["measured"])
    return found


def _compare(files, annotation="regions", params=QUICK, **inputs):
    annotation = files.get(annotation, annotation)
    inputs = {name: files[name] for name in inputs.pop("use", ())} | inputs
    return exhaust(compare_annotation(files["prediction"], annotation, params, **inputs))


def test_regions_slide_and_measurement_make_a_whole_report(files) -> None:
    content = _compare(files, use=("slide", "measured"))
    assert content.section == "Q1 (one)"
    assert content.mpp == MPP
    assert content.labels.kind == "regions"
    assert dict(content.labels.colours) == {
        "Tumor": COLOURS["Tumor"],
        "Stroma": COLOURS["Stroma"],
    }
    assert [(c.sides.name_inside, c.source) for c in content.contrasts] == [
        ("Tumor", "predicted"),
        ("Tumor", "measured"),
        ("Stroma", "predicted"),
        ("Stroma", "measured"),
    ]
    assert [(a.method, a.source) for a in content.agreements] == [
        ("kmeans", "predicted"),
        ("kmeans", "measured"),
    ]
    assert content.remarks == []
    picture, downsample = content.thumbnail
    assert max(picture.shape) * downsample == pytest.approx(2300, rel=0.01)
    files_said = content.provenance["files"]
    assert len(files_said["annotation"]["sha256"]) == 64
    json.dumps(content.provenance)
    expected = compare_prediction(content.prediction, content.spots)
    pd.testing.assert_frame_equal(content.scores.scores, expected.scores)


def test_a_label_column_brings_the_record_of_how_it_was_made(files, tmp_path) -> None:
    from anndata import read_h5ad

    labelled = read_h5ad(files["prediction"])
    labelled.obs["kind"] = read_h5ad(files["measured"]).obs["kind"].reindex(labelled.obs_names)
    labelled.uns["stexp_annotation"] = {"state": "locked", "started": "2026-03-04T10:00:00+00:00"}
    labelled.write_h5ad(tmp_path / "labelled.h5ad")
    content = _compare(files | {"prediction": tmp_path / "labelled.h5ad"}, "obs:kind")
    assert content.blinding["state"] == "locked"
    other = _compare(files | {"prediction": tmp_path / "labelled.h5ad"}, "regions")
    assert other.blinding is None, "it is not known how these regions were drawn"


def test_contrasts_are_those_of_the_library(files) -> None:
    content = _compare(files, params=dataclasses.replace(QUICK, margin_um=60.0))
    labels = content.labels.values
    values, genes = np.asarray(content.prediction.X), list(GENES)
    sides = choose_sides(
        labels, "Tumor", xy=make_centers(), mpp=MPP, regions=REGIONS, margin_um=60.0
    )
    expected = rank_region_genes(values, genes, sides)
    assert sides.n_left_out > 0
    pd.testing.assert_frame_equal(content.contrasts[0].table, expected.table)
    assert content.contrasts[0].sides.n_left_out == sides.n_left_out


def test_a_table_labels_spots_and_has_no_regions(files) -> None:
    content = _compare(files, "table")
    assert content.labels.kind == "table"
    np.testing.assert_array_equal(content.labels.values, make_labels().values)
    assert content.regions == ()
    assert content.remarks == [
        "Classes with fewer than 10 spots are not compared by gene: Necrosis (2)."
    ]
    assert {c.sides.name_inside for c in content.contrasts} == {"Tumor", "Stroma"}
    assert content.thumbnail is None
    assert content.scores is None


def test_columns_of_the_spots_are_found_in_the_measured_ones_too(files) -> None:
    content = _compare(files, "obs:kind", use=("measured",))
    np.testing.assert_array_equal(content.labels.values, make_labels().values)
    assert (content.labels.title, content.labels.kind) == ("kind", "column")
    with pytest.raises(AnnotationError, match="no column kind"):
        _compare(files, "obs:kind")


def test_a_column_of_a_table_can_be_chosen(files) -> None:
    with pytest.raises(EvaluationError, match="nothing can be compared"):
        _compare(files, "table", column="grade")  # a single class with every labelled spot
    with pytest.raises(SpotsError, match="no column nope"):
        _compare(files, "table", column="nope")


@pytest.mark.parametrize("name", ["no-such-file.geojson", "folder"])
def test_an_annotation_that_isnt_there(files, tmp_path, name) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(AnnotationError, match="no such annotation"):
        _compare(files, tmp_path / name)


def test_an_annotation_of_another_slide(files, tmp_path) -> None:
    import shapely

    far = shapely.transform(LEFT, lambda xy: xy + 1e6)
    path = write_geojson([Region(far, "Tumor")], tmp_path / "far.geojson")
    with pytest.raises(EvaluationError, match="no spot lies in a region") as caught:
        _compare(files, path)
    assert caught.value.path == path


def test_one_class_is_compared_with_all_other_spots(files, tmp_path) -> None:
    path = write_geojson([Region(LEFT, "Tumor")], tmp_path / "one.geojson")
    content = _compare(files, path)
    assert [c.sides.name_outside for c in content.contrasts] == ["all other spots"]
    assert content.agreements == []
    assert "No domains of the predicted expression" in content.remarks[0]


def test_pairs_that_are_too_small_are_said(files, tmp_path) -> None:
    regions = [*REGIONS, Region(HOLE, "Necrosis")]
    path = write_geojson(regions, tmp_path / "small.geojson")
    params = dataclasses.replace(QUICK, classes=("Necrosis", "tumor:rest", "Stroma:Tumor"))
    content = _compare(files, path, params)
    assert [(c.sides.name_inside, c.sides.name_outside) for c in content.contrasts] == [
        ("Tumor", "all other spots"),
        ("Stroma", "Tumor"),
    ]
    (remark,) = content.remarks
    assert "Necrosis against all other classes wasn't compared: too few spots" in remark
    with pytest.raises(EvaluationError, match="nothing can be compared"):
        _compare(files, path, dataclasses.replace(QUICK, classes=("Necrosis",)))


@pytest.mark.parametrize("classes", [("nope",), ("Tumor:nope",), ("rest:Tumor",), ("",)])
def test_unknown_classes_are_refused(files, classes) -> None:
    with pytest.raises(EvaluationError, match="no such class"):
        _compare(files, params=dataclasses.replace(QUICK, classes=classes))


def test_genes_are_chosen_in_turn_or_named(files) -> None:
    content = _compare(files, params=dataclasses.replace(QUICK, n_genes=4))
    first, second = (list(c.table.index[c.table["auroc"] > 0.5]) for c in content.contrasts)
    assert content.genes == [first[0], second[0], first[1], second[1]]
    named = dataclasses.replace(QUICK, genes=("GENE7", "GENE2", "GENE7"))
    assert _compare(files, params=named).genes == ["GENE7", "GENE2"]
    with pytest.raises(EvaluationError, match="Did you mean GENE1") as caught:
        _compare(files, params=dataclasses.replace(QUICK, genes=("gene1x",)))
    assert "gene1x" in caught.value.message


def test_another_slide_is_refused_or_remarked(files, tmp_path) -> None:
    other = write_slide(tmp_path)
    with other.open("ab") as file:
        file.write(b"trailing")
    content = _compare(files, slide=other)
    assert "isn't the same file" in content.remarks[0]
    from tests.builders import write_ome_tiff

    small = write_ome_tiff(tmp_path / "s.ome.tif", np.zeros((200, 300, 3), np.uint8), MPP)
    with pytest.raises(EvaluationError, match="isn't the slide") as caught:
        _compare(files, slide=small)
    assert "300 x 200" in caught.value.message


def test_slides_are_closed_unless_they_came_open(files) -> None:
    with open_slide(files["slide"]) as slide:
        _compare(files, slide=slide)
        assert slide.read_region(0, 0, 4, 4).shape == (4, 4, 3)


def test_the_scale_comes_from_wherever_it_is_known(files, tmp_path) -> None:
    prediction = make_prediction()
    del prediction.uns["stexp"]["slide"]
    task = compare_annotation(prediction, files["table"], QUICK)
    assert exhaust(task).mpp == pytest.approx(MPP)  # of the array's pitch
    del prediction.uns["stexp_spots"]
    assert exhaust(compare_annotation(prediction, files["table"], QUICK)).mpp is None
    margin = dataclasses.replace(QUICK, margin_um=10.0)
    with pytest.raises(ScaleError):
        exhaust(compare_annotation(prediction, files["table"], margin))


def test_progress_names_what_is_done(files) -> None:
    reports = []
    exhaust(compare_annotation(files["prediction"], files["table"], QUICK), reports.append)
    assert [r.done for r in reports] == list(range(6))
    assert {r.total for r in reports} == {5}


def test_a_prediction_must_say_its_scale(files) -> None:
    prediction = make_prediction()
    del prediction.uns["stexp"]["scale"]
    with pytest.raises(EvaluationError, match="expression scale"):
        exhaust(compare_annotation(prediction, files["table"], QUICK))


def test_spots_without_counts_are_no_measurement(files, tmp_path) -> None:
    spots = make_spots()[:, []].copy()
    write_spots(spots, tmp_path / "bare.h5ad")
    with pytest.raises(EvaluationError, match="without measured counts"):
        _compare(files, measured=tmp_path / "bare.h5ad")


# ---- the choices -----------------------------------------------------------------------

NAME = st.text("ab: ", min_size=1, max_size=6).map(str.strip).filter(lambda name: name)


@given(st.lists(NAME, min_size=2, max_size=4, unique_by=str.casefold), st.data())
def test_pairs_of_classes_are_read_whatever_colons_they_hold(names, data) -> None:
    one, other = data.draw(st.permutations(names))[:2]
    (pair,) = parse_pairs([f"{one}:{other}"], names)
    readings = {(name, None) for name in names if name == f"{one}:{other}"}
    readings |= {(a, b) for a in names for b in names if f"{a}:{b}" == f"{one}:{other}"}
    spaced = {(a, b) for a in names for b in names
              if f"{a}:{b}".replace(" ", "") == f"{one}:{other}".replace(" ", "")}  # fmt: skip
    assert pair in readings | spaced | {(name, None) for name in names}
    assert parse_pairs([one], names) == [(one, None)]
    assert parse_pairs([f"{one}:{REST}"], [*names])[0][1] in ("", None, *names)


def _labels(**counts: int) -> SpotLabels:
    values = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    return SpotLabels("t", "table", values, dict.fromkeys(counts, (0, 0, 0)))


def test_undetermined_spots_are_no_class_to_compare() -> None:
    pairs, remarks = choose_pairs(_labels(a=20, b=9, Undetermined=50, c=10), ())
    assert pairs == [("a", None), ("c", None)]
    assert remarks == ["Classes with fewer than 10 spots are not compared by gene: b (9)."]
    assert choose_pairs(_labels(a=20, undetermined=50), ()) == ([("a", "")], [])


def test_no_gene_is_chosen_twice_or_beyond_what_there_is() -> None:
    sides = choose_sides(make_labels().values, "Tumor")
    found = rank_region_genes(make_prediction().X, list(GENES), sides)
    chosen = choose_genes([found, found], (), None, 50)
    assert len(chosen) == len(set(chosen)) == int((found.table["auroc"] > 0.5).sum())
    assert choose_genes([], (), None, 5) == []


def test_unknown_labels_are_grey_and_known_ones_have_their_palettes_colour(tmp_path) -> None:
    spots = make_spots()
    spots.obs["x"] = ["Tumor", "undetermined", "foo", "bar"] * 25
    labels, regions = read_annotation("obs:x", spots)
    assert regions == ()
    assert labels.colours["undetermined"] == (150, 150, 150)
    assert labels.colours["Tumor"] == (200, 0, 0)
    assert len(set(labels.colours.values())) == 4


def test_a_picture_is_dense_where_little_of_the_slide_is_shown() -> None:
    class _Slide:
        shape = (40_000, 60_000)

        def thumbnail(self, max_px):
            return max_px

    assert picture_of(None, make_centers()) is None
    assert picture_of(_Slide(), [[0, 0], [60_000, 40_000]]) == 2160
    assert picture_of(_Slide(), [[0, 0], [30_000, 100]]) == 4320
    assert picture_of(_Slide(), make_centers()) == 6000


# ---- real data -------------------------------------------------------------------------


@pytest.mark.data
def test_expert_clusters_of_a_real_section(her2st, reference) -> None:
    """C4 with the released code's prediction; ARI and NMI are scikit-learn's."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    from napari_stexp.evaluate import is_labelled
    from napari_stexp.spots import read_spots

    measured = read_spots(her2st / "data" / "ST-spotfiles" / "C4_selection.tsv")
    prediction = measured[list(map(str, reference["spot_id_C4"]))][:, []].copy()
    from anndata import AnnData

    prediction = AnnData(
        X=reference["pred_l1_spotnorm_C4"].astype(np.float32),
        obs=prediction.obs.assign(status="ok"),
        var=pd.DataFrame(index=list(map(str, reference["gene_list"]))),
        obsm={"spatial": prediction.obsm["spatial"]},
        uns={"stexp": {"scale": "spot"}},
    )
    (path,) = (her2st / "res" / "ST-cluster" / "lbl").glob("C4*")
    content = exhaust(compare_annotation(prediction, path, QUICK, measured=measured))
    known = is_labelled(content.labels.values)
    names = content.labels.values[known].astype(str)
    values = prediction.X[known].astype(np.float64)
    reduced = PCA(9, random_state=0).fit_transform(values)
    domains = KMeans(len(set(names)), n_init=10, random_state=0).fit_predict(reduced)
    found = content.agreements[0]
    assert found.ari == pytest.approx(adjusted_rand_score(names, domains))
    assert found.nmi == pytest.approx(normalized_mutual_info_score(names, domains))
    assert known.sum() > 150
    assert any("cancer" in name for name in content.labels.colours)
    assert content.scores.summary["n_genes"] == 785
    assert len(content.contrasts) >= 8
    assert content.mpp == pytest.approx(0.69, abs=0.1)


def test_the_stand_ins_are_whole() -> None:
    assert len(make_labels().values) == N
