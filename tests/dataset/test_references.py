from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.dataset import prepare_reference
from napari_stexp.errors import GeneListError, SpotsError, TrainingError
from napari_stexp.model import log_normalize
from tests.train.conftest import GENES


def test_counts_follow_the_gene_list(make_section) -> None:
    (_, a), (_, b) = make_section("a", 5, seed=1, patient="P"), make_section("b", 7, seed=2)
    genes = [GENES[4], GENES[0], GENES[7]]
    reference = prepare_reference([a, b[:, ::-1].copy()], genes)
    wanted = np.concatenate([a[:, genes].X.toarray(), b[:, genes].X.toarray()])
    np.testing.assert_array_equal(reference.counts.toarray(), wanted)
    np.testing.assert_array_equal(reference.expression(), log_normalize(wanted))
    assert [info.name for info in reference.sections] == ["a", "b"]
    assert [info.patient for info in reference.sections] == ["P", ""]
    assert [info.n_spots for info in reference.sections] == [5, 7]
    assert reference.slices == [slice(0, 5), slice(5, 12)]
    np.testing.assert_array_equal(reference.positions[:5], a.obs[["array_col", "array_row"]])
    np.testing.assert_array_equal(reference.centers[5:], b.obsm["spatial"])


def test_the_canonical_order_does_not_know_the_files(make_section) -> None:
    (_, a), (_, b) = make_section("a", 9, seed=1), make_section("b", 7, seed=2)
    shuffled = b[np.random.default_rng(0).permutation(7)].copy()
    one = prepare_reference([a, b], GENES)
    two = prepare_reference([shuffled, a], GENES)
    one, two = one.take(one.canonical_order()), two.take(two.canonical_order())
    assert one.sections == two.sections
    for name in ("section", "spot_ids", "positions", "centers"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(one.counts.toarray(), two.counts.toarray())


def test_missing_genes_are_listed_or_zero(make_section) -> None:
    (_, a), (_, b) = make_section("a", 5), make_section("b", 5, genes=GENES[:6])
    with pytest.raises(GeneListError, match=r"b: 2 \(GENE6, GENE7\).*missing='zero'") as caught:
        prepare_reference([a, b], GENES)
    assert "a: " not in str(caught.value)
    filled = prepare_reference([a, b], GENES, missing="zero").counts.toarray()
    assert (filled[5:, 6:] == 0).all()
    np.testing.assert_array_equal(filled[5:, :6], b.X.toarray())
    with pytest.raises(GeneListError, match=r"none of the 2 genes.*Ensembl"):
        prepare_reference([a], ["ENSG1", "ENSG2"], missing="zero")
    with pytest.raises(TrainingError, match="'error' or 'zero'"):
        prepare_reference([a], GENES, missing="drop")


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_what_cannot_be_used_is_refused(make_section) -> None:
    _, a = make_section("a", 5)
    with pytest.raises(TrainingError, match="no sections"):
        prepare_reference([], GENES)
    with pytest.raises(TrainingError, match="same name"):
        prepare_reference([a, a], GENES)
    for value in (0.5, -1.0, np.nan):
        changed = a.copy()
        changed.X[0, 0] = value
        with pytest.raises(SpotsError, match="section a holds no raw counts"):
            prepare_reference([changed], GENES)
    no_places = a.copy()
    del no_places.obs["array_col"]
    with pytest.raises(SpotsError, match="no array positions"):
        prepare_reference([no_places], GENES)
    negative = a.copy()
    negative.obs["array_row"] -= 100
    with pytest.raises(SpotsError, match="impossible array positions"):
        prepare_reference([negative], GENES)
    with pytest.raises(SpotsError, match="no measured spots"):
        prepare_reference([a[:, :0].copy()], GENES)
    twice = a.copy()
    twice.var_names = ["GENE0", *GENES[:-1]]
    with pytest.raises(SpotsError, match="several columns"):
        prepare_reference([twice], GENES[:2])
    with pytest.raises(GeneListError, match="more than once"):
        prepare_reference([a], [GENES[0], GENES[0]])


def test_sections_without_a_record_get_a_name(make_section) -> None:
    _, a = make_section("a", 3)
    del a.uns["stexp_spots"]
    assert prepare_reference([a], GENES).sections[0].name == "section 1"
