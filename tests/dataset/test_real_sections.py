"""A section of HER2ST, cut and chosen as in the released code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_stexp.dataset import Dataset, prepare_dataset
from napari_stexp.progress import exhaust
from napari_stexp.spots import find_sections

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def c4(her2st: Path, reference, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    genes = reference["gene_list"].tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEXP_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
        sources = find_sections(f"{her2st}:C4")
        return exhaust(prepare_dataset(sources, folder / "C4", genes=genes))


def test_patches_are_the_released_codes_pixel_for_pixel(c4, reference, extras) -> None:
    data = c4.select(["C4"])
    row = {name: i for i, name in enumerate(data.reference.spot_ids)}
    rows = [row[name] for name in reference["spot_id_C4"][:8]]
    np.testing.assert_array_equal(data.read(rows)[:, 0], extras["patch_u8_C4"])


def test_counts_and_places_are_the_released_codes(c4, reference, extras) -> None:
    data = c4.select(["C4"])
    row = {name: i for i, name in enumerate(data.reference.spot_ids)}
    rows = [row[name] for name in reference["spot_id_C4"]]
    assert sorted(rows) == list(range(184))
    counts = data.reference.counts[rows].toarray()
    np.testing.assert_array_equal(counts, extras["raw_counts_785_C4"])
    np.testing.assert_array_equal(data.reference.positions[rows], reference["xy_C4"])


def test_the_data_set_knows_the_section(c4) -> None:
    assert [(info.name, info.patient, info.n_spots) for info in c4.sections] == [("C4", "C", 184)]
    assert c4.contract.mpp == pytest.approx(0.6885, abs=0.004)  # from the pitch of 200 µm
    assert c4.usable("C4").all()
    picture, scale = c4.thumbnail("C4")
    assert max(picture.shape) == 1000
    assert 9 < scale < 10.5
    assert c4.spots("C4").n_vars > 10_000
