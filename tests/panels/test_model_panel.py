"""Loading a model, importing a checkpoint, and choosing how it predicts."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


def test_facts_of_a_model(window, bundle_file):
    w = window
    assert "Load a model (.safetensors)" in w.model.guide.text()
    assert w.model.settings.isHidden()
    w.choose(bundle_file)
    w.click(w.model.load_button)
    w.settle()
    assert w.model.guide.isHidden()
    facts = w.model.facts
    assert facts.text("Name") == "tiny.safetensors"
    assert facts.text("Genes").startswith("7: ERBB2, COL1A1")
    assert facts.text("Encoder") == "resnet18"
    assert facts.text("Sections") == "A1 and B1"
    assert facts.text("Patch") == "32 px = 32 µm"
    assert facts.text("Default") == "5 neighbours, L1, per spot"
    assert "Tests only." in w.model.use_line.text()
    assert "Nobody, 2024." in w.model.citation_line.text()


def test_settings_start_at_the_model_s_default_and_reach_the_session(window, bundle_file):
    w = window
    w.open(bundle_file)
    panel = w.model
    assert panel.k_box.text() == "default: 5"
    assert panel.metric_box.currentText() == "default: L1"
    assert panel.scale_box.currentText() == "default: per spot"
    panel.k_box.setValue(3)
    for box, key in ((panel.metric_box, "l2"), (panel.scale_box, "gene")):
        box.setCurrentIndex(box.findData(key))
        box.activated.emit(box.currentIndex())
    params = w.session.params
    assert (params.k, params.metric, params.scale) == (3, "l2", "gene")
    assert panel.k_box.maximum() == 40  # there are no more reference spots than that
    panel.k_box.setValue(0)
    assert w.session.params.k is None


def with_metric(bundle_file, metric):
    """Load the model, made to weigh by another metric."""
    from dataclasses import replace

    from napari_stexp.model import load_bundle

    bundle = load_bundle(bundle_file)
    retrieval = replace(bundle.header.retrieval, metric=metric)
    return replace(bundle, header=replace(bundle.header, retrieval=retrieval))


def items_of(box):
    return [(box.itemText(i), box.itemData(i)) for i in range(box.count())]


def test_a_softmax_is_named_with_its_temperature_and_can_be_left_and_taken_up(window, bundle_file):
    w = window
    w.session.set_bundle(with_metric(bundle_file, "softmax:0.2"))
    panel, box = w.model, w.model.metric_box
    assert panel.facts.text("Default") == "5 neighbours, softmax, T = 0.2, per spot"
    assert items_of(box) == [
        ("default: softmax, T = 0.2", None),
        ("L1", "l1"),
        ("L2", "l2"),
        ("softmax, T = 0.2", "softmax:0.2"),
    ]
    for metric in ("l1", "softmax:0.2"):
        box.setCurrentIndex(box.findData(metric))
        box.activated.emit(box.currentIndex())
        assert w.session.params.metric == metric
        assert box.currentData() == metric


def test_a_softmax_is_not_offered_by_a_model_without_one(window, bundle_file):
    from dataclasses import replace

    w = window
    w.open(bundle_file)
    assert [data for _, data in items_of(w.model.metric_box)] == [None, "l1", "l2"]
    # Unless a script has chosen one.
    w.session.params = replace(w.session.params, metric="softmax:0.05")
    assert w.model.metric_box.currentText() == "softmax, T = 0.05"


def test_a_softmax_predicts(window, slide_file, spots_file, bundle_file):
    w = window
    w.open(slide_file, spots_file, bundle_file)
    w.session.set_bundle(with_metric(bundle_file, "softmax:0.2"))
    assert w.predict.settings.k_box.text() == "model: 5"
    assert w.predict.settings.metric_box.currentText() == "model: softmax, T = 0.2"
    w.click(w.predict.predict_button)
    w.settle()
    assert w.errors == []
    assert w.session.prediction.adata.uns["stexp"]["parameters"]["metric"] == "softmax:0.2"


def test_settings_change_the_prediction(window, slide_file, spots_file, bundle_file):
    w = window
    w.open(slide_file, spots_file, bundle_file)
    w.click(w.predict.predict_button)
    w.settle()
    first = w.session.prediction.adata.X.copy()
    w.model.k_box.setValue(1)
    assert w.predict.settings.k_box.value() == 1
    assert w.predict.settings.metric_box.currentText() == "model: L1"
    w.click(w.predict.predict_button)
    w.settle()
    assert w.session.prediction.adata.obs["effective_k"].max() == pytest.approx(1.0)
    assert abs(w.session.prediction.adata.X - first).max() > 0.01


def test_wrong_file_is_told(window, slide_file, tmp_path):
    w = window
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"\xff" * 100)
    w.controller.load_bundle(wrong)
    w.settle()
    assert w.errors[0][0] == "model"
    assert w.model.notice("model").kind == "error"
    assert w.model.load_button.isEnabled()
    assert w.session.bundle is None


def test_import_form_says_what_is_missing(window):
    w = window
    w.click(w.model.import_button)
    assert not w.model.import_form.isHidden()
    w.click(w.model.import_form.button)
    text = w.model.import_form.notice.text()
    assert "the checkpoint" in text
    assert "the reference sections" in text
    assert not w.controller.tasks


def test_import_form_asks_for_files(window, tmp_path):
    w = window
    form = w.model.import_form
    w.choose(tmp_path / "best.pt")
    form._ask_checkpoint()
    assert form.checkpoint.text() == str(tmp_path / "best.pt")
    w.choose(tmp_path)
    form._ask_folder()
    form.only.setText("C2, C3")
    form.genes.setText("genes.npy")
    form.output.setText(str(tmp_path / "model"))
    request = form.request()
    assert request.sections == (f"{tmp_path}:C2,C3",)
    assert request.output == tmp_path / "model.safetensors"
    assert (request.k, request.metric, request.scale) == (200, "l1", "spot")


def fill(form, released, output):
    checkpoint, genes, section = released
    form.checkpoint.setText(str(checkpoint))
    form.genes.setText(str(genes))
    form.sections.addItem(str(section))
    form.k_box.setValue(4)
    form.output.setText(str(output))


def test_import_makes_saves_and_loads_a_model(window, released, tmp_path):
    w = window
    w.click(w.model.import_button)
    output = tmp_path / "imported.safetensors"
    fill(w.model.import_form, released, output)
    w.click(w.model.import_form.button)
    assert not w.model.import_form.button.isEnabled()
    w.settle()
    assert w.errors == []
    assert output.exists()
    assert w.session.bundle.path == output
    assert w.session.bundle.header.retrieval.k == 4
    assert w.model.facts.text("Reference") == "30 spots, 1 section, 1 patient"
    assert "Imported and saved" in w.model.notice("model").text()
    assert w.model.import_form.isHidden()


def test_failed_import_leaves_no_file_and_keeps_the_form(window, released, tmp_path):
    w = window
    w.click(w.model.import_button)
    output = tmp_path / "imported.safetensors"
    fill(w.model.import_form, released, output)
    wrong = tmp_path / "wrong_genes.txt"
    wrong.write_text("NOT\nTHESE\n")
    w.model.import_form.genes.setText(str(wrong))
    w.click(w.model.import_form.button)
    w.settle()
    assert [area for area, _ in w.errors] == ["model"]
    assert list(tmp_path.glob("*.safetensors")) == []
    assert not w.model.import_form.isHidden()
    assert w.model.import_form.button.isEnabled()
    w.model.import_form.genes.setText(str(released[1]))
    w.click(w.model.import_form.button)
    w.settle()
    assert output.exists()
