from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad

from napari_stexp.errors import OutputError
from napari_stexp.export import add_label_columns


@pytest.fixture
def spots():
    obs = pd.DataFrame({"old": [1, 2, 3]}, index=["a", "b", "c"])
    return AnnData(np.zeros((3, 2), np.float32), obs=obs)


def test_columns_are_added_to_a_copy_and_survive_a_file(spots, tmp_path):
    columns = {"region": ["Tumor", "", "Stroma"], "second": [None, "x", np.nan]}
    labelled = add_label_columns(spots, columns)
    assert list(spots.obs) == ["old"]
    labelled.write_h5ad(tmp_path / "a.h5ad")
    read = read_h5ad(tmp_path / "a.h5ad").obs
    assert read["region"].astype(object).where(read["region"].notna(), "").tolist() == [
        "Tumor",
        "",
        "Stroma",
    ]
    assert read["second"].isna().tolist() == [True, False, True]
    assert list(read["region"].cat.categories) == ["Stroma", "Tumor"]


def test_an_old_column_is_replaced(spots):
    assert add_label_columns(spots, {"old": ["a", "b", ""]}).obs["old"].isna().sum() == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["x"]}, "expected 3 spots; found 1"),
        ({"a/b": ["x"] * 3}, "slash"),
        ({" ": ["x"] * 3}, "no name"),
    ],
)
def test_bad_columns(spots, columns, message):
    with pytest.raises(OutputError, match=message):
        add_label_columns(spots, columns)
