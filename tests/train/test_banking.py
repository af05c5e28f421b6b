from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_stexp.errors import BundleError, TrainingError
from napari_stexp.model import MclSTExp, ModelBundle, read_gene_list
from napari_stexp.progress import exhaust
from napari_stexp.train import embed_bank, import_released

from .conftest import GENES


@pytest.fixture
def model() -> Iterator[MclSTExp]:
    torch.manual_seed(0)
    return MclSTExp("resnet18", len(GENES), (8, 8), projection=8, heads=2, head_width=4).eval()


def by_id(bank) -> dict[tuple[str, str], np.ndarray]:
    keys = zip(bank.section_names.tolist(), bank.spot_ids.tolist(), strict=True)
    return dict(zip(keys, bank.embeddings, strict=True))


def test_whole_sections_do_not_depend_on_order(model: MclSTExp, make_section) -> None:
    (_, a), (_, b) = make_section("a", 40, seed=1), make_section("b", 33, seed=2)
    one = embed_bank(model, [a, b], GENES)
    two = embed_bank(model, [b[np.random.default_rng(0).permutation(33)].copy(), a], GENES)
    np.testing.assert_array_equal(one.embeddings, two.embeddings)  # bit by bit
    np.testing.assert_array_equal(one.spot_ids, two.spot_ids)
    assert one.sections == two.sections
    # Nor does a section depend on what else is in the bank.
    alone = by_id(embed_bank(model, [b], GENES))
    for key, embedding in by_id(one).items():
        if key[0] == "b":
            np.testing.assert_allclose(embedding, alone[key], atol=1e-6)


def test_released_windows_do_depend_on_order(model: MclSTExp, make_section) -> None:
    (_, a), (_, b) = make_section("a", 40, seed=1), make_section("b", 33, seed=2)
    one = by_id(embed_bank(model, [a, b], GENES, "sequence32"))
    two = by_id(embed_bank(model, [b, a], GENES, "sequence32"))
    assert max(np.abs(one[key] - two[key]).max() for key in one) > 1e-4


def test_each_windowing_is_what_it_says(model: MclSTExp, make_section) -> None:
    from napari_stexp.dataset import prepare_reference

    (_, a), (_, b) = make_section("a", 40, seed=1), make_section("b", 33, seed=2)
    reference = prepare_reference([a, b], GENES)
    expression = torch.from_numpy(reference.expression())
    positions = torch.from_numpy(reference.positions).long()
    for windowing, bounds in (
        ("sequence32", [0, 32, 64, 73]),
        ("section32", [0, 32, 40, 72, 73]),
    ):
        bank = embed_bank(model, [a, b], GENES, windowing)
        assert list(bank.spot_ids) == [*a.obs_names, *b.obs_names]
        with torch.inference_mode():
            for start, stop in pairwise(bounds):
                wanted = model.embed_spots(expression[start:stop], positions[start:stop])
                np.testing.assert_allclose(bank.embeddings[start:stop], wanted, atol=1e-6)
    with pytest.raises(TrainingError, match="unknown windowing"):
        embed_bank(model, [a], GENES, "batch")


def test_the_mode_is_left_as_it_was(model: MclSTExp, make_section) -> None:
    model.train()
    embed_bank(model, [make_section("a")[1]], GENES)
    assert model.training


def test_positions_outside_the_tables_are_refused(make_section) -> None:
    small = MclSTExp("resnet18", len(GENES), (2, 2), projection=8, heads=1, head_width=4)
    with pytest.raises(BundleError, match="outside the model's position tables"):
        embed_bank(small, [make_section("a")[1]], GENES)


@pytest.fixture(scope="module")
def imported(her2st: Path, released_checkpoint: Path) -> ModelBundle:
    from napari_stexp.spots import read_reference

    genes = read_gene_list(her2st / "genes" / "her_hvg_cut_1000.npy")
    sections = read_reference([f"{her2st}:C2,C3,C5,C6"])
    return exhaust(import_released(released_checkpoint, genes, sections, n_positions=(40, 40)))


@pytest.mark.data
def test_the_import_reproduces_the_released_bank(
    imported: ModelBundle, reference: dict[str, np.ndarray], extras: dict[str, np.ndarray]
) -> None:
    bank = imported.bank
    assert list(imported.genes) == list(reference["gene_list"])
    np.testing.assert_array_equal(bank.section_names, reference["ref_section"])
    np.testing.assert_array_equal(bank.spot_ids, reference["ref_spot_id"])
    np.testing.assert_array_equal(bank.positions, reference["ref_xy"])
    np.testing.assert_array_equal(np.floor(bank.centers), reference["ref_center"])
    np.testing.assert_allclose(bank.embeddings, reference["spot_embeddings"], atol=1e-5)
    raw = np.concatenate([extras[f"raw_counts_785_{name}"] for name in ("C2", "C3", "C5", "C6")])
    np.testing.assert_array_equal(bank.counts.toarray(), raw)
    np.testing.assert_array_equal(bank.expression_matrix("gene"), reference["expression_key"])
    np.testing.assert_array_equal(
        bank.expression_matrix("spot"), reference["expression_key_spotnorm"]
    )
    assert set(bank.patients) == {"C"}
    assert imported.header.windowing == "sequence32"
    assert 0.67 < imported.header.input.mpp < 0.71  # 200 µm pitch, about 290 px


@pytest.mark.data
def test_the_other_windowings_of_the_released_code(
    imported: ModelBundle, her2st: Path, reference: dict[str, np.ndarray]
) -> None:
    from napari_stexp.spots import read_reference

    model = imported.build_model(image_only=False)
    training = read_reference([f"{her2st}:C2,C3,C5,C6"])
    restarted = embed_bank(model, training, imported.genes, "section32")
    np.testing.assert_allclose(
        restarted.embeddings, reference["spot_embeddings_persection"], atol=1e-5
    )
    all_six = read_reference([f"{her2st}:B4,C2,C3,C4,C5,C6"])
    bank = embed_bank(model, all_six, imported.genes, "sequence32")
    kept = bank.without(sections=["B4", "C4"])
    np.testing.assert_allclose(kept.embeddings, reference["spot_embeddings_sixconcat"], atol=1e-5)
    # They are not interchangeable.
    assert np.abs(restarted.embeddings - reference["spot_embeddings"]).max() > 0.1


@pytest.mark.data
def test_our_windowing_does_not_know_the_order_of_real_files(
    imported: ModelBundle, her2st: Path, reference: dict[str, np.ndarray]
) -> None:
    from napari_stexp.spots import read_reference

    model = imported.build_model(image_only=False)
    one = embed_bank(model, read_reference([f"{her2st}:C2,C3"]), imported.genes)
    two = embed_bank(model, read_reference([f"{her2st}:C3,C2"]), imported.genes)
    np.testing.assert_array_equal(one.embeddings, two.embeddings)
    released = by_id(imported.bank)
    assert max(np.abs(value - released[key]).max() for key, value in by_id(one).items()) > 0.1
