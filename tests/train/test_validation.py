from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from napari_stexp.evaluate import score_genes, summarize
from napari_stexp.model import ImagePreprocessor, MclSTExp, Retrieval, log_normalize
from napari_stexp.predict import average_expression, retrieve
from napari_stexp.progress import exhaust
from napari_stexp.train import contrastive_loss, embed_bank, retrieval_score
from napari_stexp.train.banking import bank_of
from napari_stexp.train.features import ViewMaker
from napari_stexp.train.validation import validate

from .conftest import CONTRACT, GENES, build_data, build_section, tiny


@pytest.fixture
def model() -> MclSTExp:
    torch.manual_seed(0)
    return MclSTExp(
        "stain_statistics",
        len(GENES),
        (8, 8),
        projection=8,
        heads=2,
        head_width=4,
        feature_norm="batch",
    )


@pytest.mark.parametrize("scale", ["spot", "gene"])
def test_the_score_is_that_of_the_evaluation(model: MclSTExp, scale: str) -> None:
    training, measured = build_data(("a", 30)), build_data(("u", 12), ("v", 15))
    retrieval = Retrieval(k=9, metric="l2", scale=scale)
    rows = np.delete(np.arange(27), [3, 20])
    images = np.random.default_rng(0).normal(size=(25, 8)).astype(np.float32)
    bank = bank_of(model, training.reference, "section")
    result = retrieval_score(images, bank, measured.reference, rows, retrieval)
    predicted = average_expression(
        bank.expression_matrix(scale), retrieve(images, bank.embeddings, 9, "l2")
    )
    summaries = []
    for part in measured.reference.slices:
        here = (rows >= part.start) & (rows < part.stop)
        truth = log_normalize(measured.reference.counts[part], scale)[rows[here] - part.start]
        scores = score_genes(predicted[here], truth, GENES, scale)
        assert scores[f"pcc_{scale}"].iloc[2] == pytest.approx(
            pearsonr(predicted[here][:, 2], truth[:, 2])[0], abs=1e-5
        )
        summaries.append(summarize(scores))
    for name in (f"acg_pcc_{scale}", f"heg_pcc_{scale}"):
        assert result[name] == pytest.approx(np.mean([s[name] for s in summaries]), abs=1e-6)


def test_a_perfect_embedding_scores_high_and_a_constant_one_not_at_all(model: MclSTExp) -> None:
    data = build_data(("a", 40))
    bank = bank_of(model, data.reference, "sequence32")  # rows as given
    retrieval = Retrieval(k=1)
    perfect = retrieval_score(bank.embeddings, bank, data.reference, np.arange(40), retrieval)
    assert perfect["acg_pcc_spot"] == pytest.approx(1, abs=1e-5)
    same = np.repeat(bank.embeddings[:1], 40, 0)
    blind = retrieval_score(same, bank, data.reference, np.arange(40), retrieval)
    assert np.isnan(blind["acg_pcc_spot"])


@pytest.mark.parametrize("windowing", ["section", "sequence32"])
def test_the_loss_is_that_of_matching_pairs(model: MclSTExp, windowing: str) -> None:
    model.train()
    training, validation = build_data(("a", 30)), build_data(("v", 15), ("u", 12))
    settings = tiny(batch_size=100, temperature=0.7, windowing=windowing)
    maker = ViewMaker(ImagePreprocessor(CONTRACT), settings)
    task = validate(
        model, training.reference, validation, settings, Retrieval(k=5), maker, temperature=0.3
    )
    numbers = exhaust(task)
    assert all(module.training for module in model.modules())  # left as it was
    model.eval()
    pairs = {name: build_section(name, n, seed=ord(name)) for name, n in (("v", 15), ("u", 12))}
    bank = embed_bank(model, [adata for _, adata in pairs.values()], GENES, windowing)
    patches = []
    for section, spot in zip(bank.section_names, bank.spot_ids, strict=True):
        pixels, adata = pairs[section]
        patches.append(pixels[list(adata.obs_names).index(spot)])
    with torch.inference_mode():
        images = model.embed_image(ImagePreprocessor(CONTRACT)(np.stack(patches)))
    wanted = contrastive_loss(torch.from_numpy(bank.embeddings), images, 0.3)
    assert numbers["loss"] == pytest.approx(float(wanted), rel=1e-4)
