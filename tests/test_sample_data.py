"""The shipped sample: it opens in every room, follows the tissue, and can be predicted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_stexp import sample_data

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

MARKERS = {
    "ERBB2": ("Invasive cancer", "Adipose tissue"),
    "EPCAM": ("Invasive cancer", "Connective tissue"),
    "KRT14": ("Breast glands", "Invasive cancer"),
    "COL1A1": ("Connective tissue", "Invasive cancer"),
    "DCN": ("Connective tissue", "Immune infiltrate"),
    "IGKC": ("Immune infiltrate", "Invasive cancer"),
    "MS4A1": ("Immune infiltrate", "Connective tissue"),
    "ADIPOQ": ("Adipose tissue", "Connective tissue"),
    "FABP4": ("Adipose tissue", "Invasive cancer"),
}
FILES = (
    sample_data.slide_path,
    sample_data.spots_path,
    sample_data.annotation_path,
    sample_data.bundle_path,
)
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def spots() -> AnnData:
    from napari_stexp.spots import read_spots

    return read_spots(sample_data.spots_path())


@pytest.fixture(scope="module")
def regions(spots: AnnData) -> pd.Series:
    from napari_stexp.annotation import label_spots, read_geojson

    return label_spots(spots, read_geojson(sample_data.annotation_path()))


def find_varying_genes(spots: AnnData) -> list[str]:
    """Name the genes that vary over the section: Moran's I of the measurement >= 0.2.

    On the per-spot scale, each spot's neighbours being those at one pitch, weights
    standardised by row: I = Σ_i z_i · mean_{j ∈ N(i)} z_j / Σ_i z_i². Genes below are
    noise or evenly expressed (ACTB); nothing could be correlated with them.
    """
    from scipy.spatial import cKDTree

    from napari_stexp.model import log_normalize
    from napari_stexp.spots import spot_pitch_px

    z = log_normalize(spots.X).astype(np.float64)
    z -= z.mean(axis=0)
    tree = cKDTree(spots.obsm["spatial"])
    near = tree.sparse_distance_matrix(tree, 1.2 * spot_pitch_px(spots), output_type="coo_matrix")
    weights = (near.tocsr() > 0).astype(np.float64)
    degree = np.maximum(np.asarray(weights.sum(axis=1)), 1)
    moran = (z * (weights @ z / degree)).sum(axis=0) / (z**2).sum(axis=0)
    return list(spots.var_names[moran >= 0.2])


def test_all_files_are_there_and_small() -> None:
    sizes = {path().name: path().stat().st_size for path in FILES}
    assert all(sizes.values())
    assert sum(sizes.values()) <= 25 * MEGABYTE, sizes


def test_the_paths_are_in_the_package() -> None:
    assert sample_data.sample_folder() == Path(sample_data.__file__).parent
    assert (sample_data.sample_folder() / "README.md").is_file()


def test_the_slide_is_a_pyramid_with_a_scale() -> None:
    from napari_stexp.slide import open_slide

    with open_slide(sample_data.slide_path()) as slide:
        assert min(slide.shape) >= 6000
        assert slide.mpp == pytest.approx(0.5)
        assert slide.mpp_source == "metadata"
        assert sum(level.stored for level in slide.levels) >= 3
        assert max(slide.levels[-1].shape) <= 2000
        thumbnail, _ = slide.thumbnail(1000)
    # White beside the section, pink and purple in it: more red than green.
    corner = thumbnail[:20, :20].reshape(-1, 3).mean(axis=0)
    middle = thumbnail[450:550, 450:550].reshape(-1, 3).mean(axis=0)
    assert corner.min() > 235
    assert middle[0] > middle[1] + 20
    assert middle[2] > middle[1] + 20


def test_the_spots_keep_the_contract(spots: AnnData) -> None:
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import check_scale, check_spots, estimate_mpp, spot_diameter_px

    with open_slide(sample_data.slide_path()) as slide:
        check_spots(spots, slide.shape)
        check_scale(spots, slide.mpp)
    assert estimate_mpp(spots) == pytest.approx(0.5, rel=1e-3)
    assert spot_diameter_px(spots) == pytest.approx(110)
    assert 700 <= spots.n_obs <= 1000
    assert 60 <= spots.n_vars <= 100
    assert spots.var_names.is_unique
    assert {"array_row", "array_col"} <= set(spots.obs)
    assert spots.uns["stexp_spots"]["technology"].startswith("synthetic")


def test_the_counts_look_like_counts(spots: AnnData) -> None:
    counts = spots.X.toarray()
    assert (counts == np.round(counts)).all()
    depth = counts.sum(axis=1)
    assert depth.min() > 0
    assert 500 < np.median(depth) < 5000
    assert np.percentile(depth, 95) > 5 * np.percentile(depth, 5)  # cells are not even
    assert (counts.max(axis=0) > 0).all()
    # More variance than Poisson's, also among spots of one kind and depth.
    assert (counts.var(axis=0) > counts.mean(axis=0)).mean() > 0.9


def test_the_annotation_covers_the_section(regions: pd.Series) -> None:
    found = regions.value_counts()
    assert set(found.index) >= {place for pair in MARKERS.values() for place in pair}
    assert regions.notna().mean() > 0.85
    assert regions.isna().any()  # a hand leaves gaps
    assert (found[["Invasive cancer", "Connective tissue", "Adipose tissue"]] > 60).all()


@pytest.mark.parametrize("gene", MARKERS)
def test_genes_follow_the_tissue(gene: str, spots: AnnData, regions: pd.Series) -> None:
    from napari_stexp.model import log_normalize

    values = log_normalize(spots.X)[:, spots.var_names.get_loc(gene)]
    high, low = (values[(regions == place).to_numpy()] for place in MARKERS[gene])
    assert high.mean() > low.mean() + 0.3
    assert np.median(high) > np.percentile(low, 60)


def test_the_bundle_says_what_it_is(spots: AnnData) -> None:
    from napari_stexp.model import load_bundle

    bundle = load_bundle(sample_data.bundle_path())
    assert "synthetic" in bundle.header.intended_use.lower()
    assert "demonstration only" in bundle.header.intended_use.lower()
    assert bundle.header.encoder == "densenet121"
    assert (bundle.header.input.patch_px, bundle.header.input.mpp) == (112, 1.0)
    assert list(bundle.genes) == list(spots.var_names)
    sections = bundle.header.sections
    assert len(sections) >= 4
    assert len({section.patient for section in sections}) >= 2
    # Neither the shipped section nor its patient is known to the bundle.
    record = spots.uns["stexp_spots"]
    assert record["section"] not in {section.name for section in sections}
    assert record["patient"] not in {section.patient for section in sections}
    assert bundle.scores is not None
    assert bundle.header.evaluation["patient"] not in {section.patient for section in sections}
    assert bundle.bank.counts is not None


def _mean_pcc(spots: AnnData, chosen: np.ndarray) -> float:
    from napari_stexp.evaluate import compare_prediction
    from napari_stexp.model import load_bundle
    from napari_stexp.predict import PredictParams, predict_spots
    from napari_stexp.progress import exhaust
    from napari_stexp.slide import open_slide

    varying = find_varying_genes(spots)
    assert len(varying) >= 40
    some = spots[chosen].copy()
    bundle = load_bundle(sample_data.bundle_path())
    with open_slide(sample_data.slide_path()) as slide:
        prediction = exhaust(predict_spots(slide, some, bundle, PredictParams(device="cpu")))
    scores = compare_prediction(prediction, some).scores
    return float(scores.loc[varying, "pcc_spot"].mean())


def test_the_prediction_agrees_with_the_measurement(spots: AnnData) -> None:
    chosen = np.random.default_rng(0).choice(spots.n_obs, 150, replace=False)
    assert _mean_pcc(spots, np.sort(chosen)) >= 0.5


@pytest.mark.slow
def test_the_whole_prediction_agrees_with_the_measurement(spots: AnnData) -> None:
    assert _mean_pcc(spots, np.arange(spots.n_obs)) >= 0.5


def test_a_section_is_the_same_each_time() -> None:
    from napari_stexp.sample_data.layout import SectionPlan, lay_out
    from napari_stexp.sample_data.outlines import draw_outlines
    from napari_stexp.sample_data.section import make_section

    plan = SectionPlan("small", "P", seed=11, size_px=512)
    first, second = make_section(plan), make_section(plan)
    assert np.array_equal(first.image, second.image)
    assert (first.spots.X != second.spots.X).nnz == 0
    assert [r.geometry.wkt for r in draw_outlines(first.layout)] == [
        r.geometry.wkt for r in draw_outlines(second.layout)
    ]
    other = lay_out(SectionPlan("small", "P", seed=12, size_px=512))
    assert not np.array_equal(first.layout.tissue, other.tissue)


def test_a_plan_that_does_not_fit_the_grid_is_refused() -> None:
    from napari_stexp.sample_data.layout import SectionPlan

    with pytest.raises(ValueError, match="multiple of 4"):
        SectionPlan("odd", "P", seed=1, size_px=510)


def test_a_written_slide_reads_back(tmp_path: Path) -> None:
    from napari_stexp.sample_data.writing import write_slide

    from napari_stexp.slide import open_slide

    y, x = np.mgrid[:1100, :1301]
    image = np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8) // 8 + 100
    path = write_slide(image, tmp_path / "made.ome.tif", 0.5, quality=95)
    with open_slide(path) as slide:
        assert slide.shape == (1100, 1301)
        assert slide.mpp == pytest.approx(0.5)
        assert [level.shape for level in slide.levels if level.stored][:2] == [
            (1100, 1301),
            (550, 651),
        ]
        read = slide.read_region(0, 0, 1301, 1100)
    assert np.abs(read.astype(int) - image).mean() < 4
    again = write_slide(image, tmp_path / "again" / "made.ome.tif", 0.5, quality=95)
    assert again.read_bytes() == path.read_bytes()


def test_the_rates_know_every_kind_of_cell() -> None:
    from napari_stexp.sample_data.cells import KINDS
    from napari_stexp.sample_data.genes import GENES, rates

    table, activated = rates()
    assert table.shape == (len(KINDS), len(GENES))
    assert (table >= 0).all()
    assert (table.max(axis=0) > 0).all()
    silent = {kind for kind, total in zip(KINDS, table.sum(axis=1), strict=True) if total == 0}
    assert silent == {"fat nucleus"}  # the adipocyte is its vacuole
    assert activated[GENES.index("COL1A1")] > table[KINDS.index("fibroblast")].max() / 2


def test_the_command_knows_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    from napari_stexp.sample_data import make_sample_data

    with pytest.raises(SystemExit) as stop:
        make_sample_data.main(["--help"])
    assert stop.value.code == 0
    assert "--out" in capsys.readouterr().out
    assert importlib.util.find_spec("napari_stexp.sample_data.make_sample_data") is not None
