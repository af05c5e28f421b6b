"""Saving the shown prediction, and opening it again."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gui


def test_a_saved_prediction_that_is_loaded_as_spots_is_shown_as_what_it_is(ready, tmp_path):
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    gene, values = w.session.gene, w.session.values()
    w.choose(tmp_path / "out.h5ad")
    w.click(w.predict.save_button)
    w.settle()
    w.controller.clear_spots()
    w.click(w.slide.spots.load_button)
    w.settle()
    assert w.errors == []
    assert w.session.source == "predicted"
    assert not w.session.has_measurement
    np.testing.assert_array_equal(w.session.values(gene), values)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5ad"])
def test_save_in_each_format(ready, tmp_path, suffix):
    import anndata
    import pandas as pd

    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    path = tmp_path / f"out{suffix}"
    w.choose(path)
    w.click(w.predict.save_button)
    w.settle()
    readers = {
        ".csv": lambda p: pd.read_csv(p, index_col=0),
        ".parquet": pd.read_parquet,
        ".h5ad": lambda p: anndata.read_h5ad(p).to_df(),
    }
    table = readers[suffix](path)
    values = w.session.prediction.adata.to_df()
    assert np.allclose(table[values.columns], values, atol=1e-5)


def test_saving_where_nothing_can_be_written_is_told(ready, engine, tmp_path):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    in_the_way = tmp_path / "a_file"
    in_the_way.write_text("not a folder")
    w.choose(in_the_way / "out.h5ad")
    w.click(w.predict.save_button)
    w.settle()
    assert [area for area, _ in w.errors] == ["save"]
    assert w.predict.notice("save").kind == "error"
    assert w.predict.save_button.isEnabled()
