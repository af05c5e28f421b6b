"""``import``, ``info`` and ``evaluate``."""

from __future__ import annotations

import json

import numpy as np
import pytest

GENES = ["ERBB2", "COL1A1", "IGKC", "ADIPOQ", "KRT19"]


@pytest.fixture
def imported(run_json, checkpoint, genes, sections, tmp_path):
    """The facts that an import prints, and the bundle it writes."""
    output = tmp_path / "imported.safetensors"
    references = [word for path in sections for word in ("--reference", path)]
    facts = run_json(
        "import", checkpoint, "--genes", genes, *references, "-o", output, "--k", 7, "--name", "N"
    )
    return facts, output


@pytest.fixture
def prediction(run, slide, spots, bundle, tmp_path):
    path = tmp_path / "predicted.h5ad"
    assert run("predict", slide, "-m", bundle, "--spots", spots, "-o", path).exit_code == 0
    return path


def test_import_makes_a_bundle_that_predicts(imported, run_json, slide, spots, tmp_path) -> None:
    facts, output = imported
    assert facts["output"] == str(output)
    assert facts["genes"] == GENES
    assert facts["encoder"] == "resnet18"
    assert facts["windowing"] == "section"
    assert facts["retrieval"]["k"] == 7
    assert facts["input"]["mpp"] == pytest.approx(1.0)  # from the pitch of the spots
    assert [section["patient"] for section in facts["sections"]] == ["A", "B"]
    predicted = run_json(
        "predict", slide, "-m", output, "--spots", spots, "-o", tmp_path / "out.h5ad"
    )
    assert predicted["provenance"]["parameters"]["k"] == 7


@pytest.mark.parametrize("windowing", ["section", "sequence32", "section32"])
def test_import_embeds_the_reference_as_asked(
    run_json, checkpoint, genes, sections, tmp_path, windowing
) -> None:
    from napari_stexp.model import load_bundle, read_gene_list, read_released_state_dict
    from napari_stexp.spots import read_reference
    from napari_stexp.train import embed_bank

    output = tmp_path / "out.safetensors"
    references = [word for path in sections for word in ("--reference", path)]
    options = ["--windowing", windowing, "-o", output, "--k", 5]
    facts = run_json("import", checkpoint, "--genes", genes, *references, *options)
    assert facts["windowing"] == windowing
    bundle = load_bundle(output)
    assert bundle.header.windowing == windowing
    bank = embed_bank(
        bundle.build_model(image_only=False),
        read_reference([str(path) for path in sections]),
        read_gene_list(genes),
        windowing,
    )
    np.testing.assert_allclose(bundle.bank.embeddings, bank.embeddings, atol=1e-5)
    assert read_released_state_dict(checkpoint)  # left as it was


def test_import_lists_the_input_contract(run_json, checkpoint, genes, sections, tmp_path) -> None:
    facts = run_json(
        *("import", checkpoint, "--genes", genes, "--reference", sections[0]),
        *("-o", tmp_path / "out.safetensors", "--k", 5, "--mpp", 0.9),
        *("--color-order", "BGR", "--value-range", 255),
    )
    assert facts["input"]["color_order"] == "BGR"
    assert facts["input"]["value_range"] == 255
    assert facts["input"]["mpp"] == 0.9


def test_import_refuses_a_hostile_checkpoint(run, genes, sections, tmp_path) -> None:
    import pickle

    class Hostile:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "hostile.pt"
    path.write_bytes(pickle.dumps({"a": Hostile()}, protocol=2))
    output = tmp_path / "out.safetensors"
    result = run("import", path, "--genes", genes, "--reference", sections[0], "-o", output)
    assert result.exit_code == 1
    assert "executed" not in result.stdout + result.stderr.replace("hostile", "")
    assert "could run code" in result.stderr
    assert not output.exists()


def test_import_needs_the_right_gene_list(run, checkpoint, sections, tmp_path) -> None:
    genes = tmp_path / "genes.txt"
    genes.write_text("ERBB2\nCOL1A1\n", encoding="utf-8")
    output = tmp_path / "out.safetensors"
    result = run("import", checkpoint, "--genes", genes, "--reference", sections[0], "-o", output)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()[-1:]) == 1
    assert not output.exists()


def test_info_recognises_by_content(
    run_json, slide, picture, spots, bundle, checkpoint, prediction, tmp_path
) -> None:
    annotation = tmp_path / "regions.geojson"
    ring = [[0, 0], [100, 0], [100, 100], [0, 0]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    annotation.write_text(json.dumps(collection), encoding="utf-8")
    facts = {
        name: run_json("info", path)
        for name, path in (
            ("slide", slide),
            ("picture", picture),
            ("spots", spots),
            ("bundle", bundle),
            ("checkpoint", checkpoint),
            ("prediction", prediction),
            ("annotation", annotation),
        )
    }
    kinds = {name: entry["kind"] for name, entry in facts.items()}
    assert kinds == {name: name for name in kinds} | {"picture": "slide"}
    assert (facts["slide"]["width"], facts["slide"]["height"]) == (1200, 900)
    assert facts["slide"]["mpp"] == pytest.approx(1.0)
    assert facts["picture"]["mpp"] is None
    assert facts["spots"]["spots"] == 30
    assert facts["spots"]["mpp_from_pitch"] == pytest.approx(1.0)
    assert facts["bundle"]["genes"] == GENES
    assert facts["bundle"]["reference_spots"] == 20
    assert facts["checkpoint"]["encoder"] == "resnet18"
    assert facts["checkpoint"]["genes"] == 5
    assert facts["prediction"]["status"] == {"ok": 30}
    assert facts["annotation"]["classes"] == {"Tumor": 1}


def test_info_recognises_annotations_of_other_programs(run_json, tmp_path) -> None:
    corners = "".join(
        f'<Coordinate Order="{n}" X="{x}" Y="{y}" />'
        for n, (x, y) in enumerate([(0, 0), (100, 0), (100, 100), (0, 100)])
    )
    path = tmp_path / "regions.xml"
    path.write_text(
        '<?xml version="1.0"?><ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon"'
        f' PartOfGroup="Tumor" Color="#F4FA58"><Coordinates>{corners}</Coordinates></Annotation>'
        '</Annotations><AnnotationGroups><Group Name="Tumor" PartOfGroup="None" Color="#ff0000">'
        "<Attributes /></Group></AnnotationGroups></ASAP_Annotations>",
        encoding="utf-8",
    )
    facts = run_json("info", path)
    assert facts["kind"] == "annotation"
    assert facts["classes"] == {"Tumor": 1}


def test_info_tells_sections_of_a_folder_and_of_a_data_set(run_json, data_folder, manifest) -> None:
    facts = run_json("info", manifest.parent)
    assert facts["kind"] == "spots"
    assert {(s["name"], s["counts"], s["image"]) for s in facts["sections"]} >= {
        ("A1", True, True),
        ("C1", True, True),
    }
    facts = run_json("info", data_folder)
    assert facts["kind"] == "data set"
    assert [s["name"] for s in facts["sections"]] == ["A1", "A2", "B1", "B2", "C1"]
    assert facts["genes"] > 0


def test_info_is_read_by_people_too(run, bundle, slide) -> None:
    text = run("info", bundle).stdout
    assert "resnet18" in text
    assert "{" not in text
    text = run("info", slide).stdout
    assert "1200" in text


@pytest.mark.parametrize("content", [b"", b"GIF89a\0\0", b"\0" * 64])
def test_info_refuses_what_it_does_not_know(run, tmp_path, content) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    result = run("info", path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "thing" in result.stderr


def test_evaluate_agrees_with_the_library(run_json, prediction, spots, tmp_path) -> None:
    import pandas as pd

    from napari_stexp.evaluate import compare_prediction
    from napari_stexp.predict import read_prediction
    from napari_stexp.spots import read_spots

    scores = tmp_path / "scores.csv"
    facts = run_json("evaluate", prediction, spots, "--scores", scores)
    expected = compare_prediction(read_prediction(prediction), read_spots(spots))
    assert facts["scale"] == "spot"
    assert facts["acg_pcc_spot"] == pytest.approx(expected.summary["acg_pcc_spot"])
    assert facts["n_spots"] == 30
    table = pd.read_csv(scores, index_col="gene")
    np.testing.assert_allclose(table["pcc_spot"], expected.scores["pcc_spot"])


def test_evaluate_needs_a_prediction(run, spots) -> None:
    result = run("evaluate", spots, spots)
    assert result.exit_code == 1
    assert "Error" in result.stderr
