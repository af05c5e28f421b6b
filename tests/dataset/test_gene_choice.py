from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_stexp.dataset import GeneChoice, PrepareSettings, choose_genes
from napari_stexp.errors import BundleError, GeneListError, SpotsError, TrainingError


def measured(name: str, counts: np.ndarray, genes: list[str]) -> AnnData:
    adata = AnnData(
        X=sparse.csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame(index=[f"{i}x0" for i in range(len(counts))]),
        var=pd.DataFrame(index=genes),
    )
    adata.uns["stexp_spots"] = {"section": name}
    return adata


def section(name: str, n: int = 40, n_genes: int = 60, seed: int = 0) -> AnnData:
    """Genes of rising mean; every fifth varies far more than its neighbours in rank."""
    rng = np.random.default_rng(seed)
    rates = np.tile(np.geomspace(0.5, 30, n_genes), (n, 1))
    rates[:, ::5] *= rng.gamma(0.3, 1 / 0.3, (n, len(rates[0, ::5])))
    return measured(name, rng.poisson(rates), [f"G{i:02d}" for i in range(n_genes)])


def by_hand(adata: AnnData, genes: list[str], n_top: int) -> set[str]:
    """Seurat's dispersion per bin of mean expression, written down once more."""
    counts = adata[:, genes].X.toarray().astype(np.float64)
    depth = counts.sum(1)
    x = counts / depth[:, None] * np.median(depth[depth > 0])
    mean, variance = x.mean(0), x.var(0, ddof=1)
    dispersion, mean = np.log(variance / mean), np.log1p(mean)
    table = pd.DataFrame({"d": dispersion, "bin": pd.cut(pd.Series(mean), 20)})
    groups = table.groupby("bin", observed=True)["d"]
    alone = groups.transform("size") == 1
    z = (table["d"] - groups.transform("mean")) / groups.transform("std")
    z[alone] = 1.0
    ranked = z.to_numpy()
    return {g for g, v in zip(genes, ranked, strict=True) if v >= np.sort(ranked)[-n_top]}


def test_each_step_is_the_papers_rule() -> None:
    a, b = section("a", seed=1), section("b", seed=2)
    extra = measured("b", b.X.toarray()[:, :58], list(b.var_names[:58]))
    choice = choose_genes([a, extra], PrepareSettings(n_top_genes=12, min_spots=60))
    shared = sorted(extra.var_names)
    union = by_hand(a, shared, 12) | by_hand(extra, shared, 12)
    expressed = (a[:, shared].X > 0).toarray().sum(0) + (extra.X > 0).toarray().sum(0)
    kept = [g for g, n in zip(shared, expressed, strict=True) if g in union and n >= 60]
    assert list(choice.genes) == kept
    flagged = tuple(len(by_hand(adata, shared, 12)) for adata in (a, extra))
    assert (choice.measured, choice.shared, choice.variable) == ((60, 58), 58, flagged)
    assert (choice.union, choice.dropped) == (len(union), len(union) - len(kept))
    assert 0 < choice.dropped < len(union) < 30
    assert choice.describe().startswith("58 genes shared by 2 sections; 1")
    assert GeneChoice.from_json(choice.to_json()) == choice


def test_a_gene_in_exactly_enough_spots_stays() -> None:
    counts = np.array([[3, 0, 1], [1, 0, 1], [0, 2, 1]])
    adata = measured("a", counts, ["A", "B", "C"])
    assert choose_genes([adata], PrepareSettings(min_spots=2)).genes == ("A", "C")
    assert choose_genes([adata], PrepareSettings(min_spots=1)).genes == ("A", "B", "C")


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["seurat", "cell_ranger"]))
def test_the_order_of_sections_genes_and_spots_does_not_matter(random, flavor) -> None:
    sections = [section(name, seed=i) for i, name in enumerate("abc")]
    wanted = PrepareSettings(n_top_genes=10, min_spots=30, flavor=flavor)
    first = choose_genes(sections, wanted)
    turned = []
    for adata in random.sample(sections, 3):
        columns = random.sample(range(adata.n_vars), adata.n_vars)
        rows = random.sample(range(adata.n_obs), adata.n_obs)
        turned.append(adata[rows, columns].copy())
    assert choose_genes(turned, wanted).genes == first.genes


def test_more_variable_genes_than_shared_takes_all_shared() -> None:
    choice = choose_genes([section("a"), section("b", seed=1)], PrepareSettings(min_spots=0))
    assert (choice.variable, len(choice.genes), choice.dropped) == ((60, 60), 60, 0)


def test_spots_without_a_count_do_no_harm() -> None:
    adata = section("a")
    counts = adata.X.toarray()
    counts[:3] = 0
    empty = measured("a", counts, list(adata.var_names))
    choice = choose_genes([empty], PrepareSettings(n_top_genes=10, min_spots=5))
    assert 10 <= choice.variable[0] < 20  # more where several are equally variable


def test_the_errors_say_what_is_wrong() -> None:
    a, b = section("a"), section("b", seed=1)
    few = PrepareSettings(n_top_genes=10, min_spots=5)
    with pytest.raises(TrainingError, match="no sections"):
        choose_genes([], few)
    with pytest.raises(GeneListError, match=r"at most 80 of the 80 spots of 2 .*Lower min_spots"):
        choose_genes([a, b])
    other = measured("other", a.X.toarray(), [f"ENSG{i}" for i in range(60)])
    with pytest.raises(GeneListError, match=r"section other shares no gene.*Ensembl"):
        choose_genes([a, other], few)
    with pytest.raises(SpotsError, match=r"section a is too small .*found 1.*min_section_spots"):
        choose_genes([a[:1].copy(), b], few)
    with pytest.raises(SpotsError, match=r"section a has no counts"):
        choose_genes([a[:, :0].copy(), b], few)
    for value in (np.nan, -1.0, 0.5):
        broken = a.copy()
        broken.X.data[3] = value
        with pytest.raises(SpotsError, match=r"section a holds no raw counts .*1 other values"):
            choose_genes([broken, b], few)
    with pytest.raises(BundleError, match=r"flavor.*min_spots"):
        PrepareSettings(flavor="best", min_spots=-1)
    with pytest.raises(BundleError, match="begins with 1 and increases"):
        PrepareSettings(context=(1.0, 4.0, 2.0))


def test_without_scanpy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scanpy", None)
    with pytest.raises(TrainingError, match=r"napari-stexp\[train\]"):
        choose_genes([section("a")], PrepareSettings(n_top_genes=5, min_spots=0))
    assert len(choose_genes([section("a")], PrepareSettings(min_spots=0)).genes) == 60


@pytest.mark.data
def test_on_real_sections_the_released_list_is_mostly_found(her2st: Path) -> None:
    from napari_stexp.spots import read_reference

    sections = read_reference([f"{her2st}:C2,C4"])
    choice = choose_genes(sections, PrepareSettings(min_spots=0))
    assert choice.variable == (1000, 1000)
    released = set(np.load(her2st / "genes" / "her_hvg_cut_1000.npy").tolist())
    # Two of the 32 sections can't give the same list, but far more of it than chance.
    by_chance = len(released) * choice.union / choice.shared
    assert len(released & set(choice.genes)) > 1.3 * by_chance
