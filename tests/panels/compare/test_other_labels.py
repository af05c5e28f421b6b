"""A comparison that was made with other labels than those in use now says so."""

from __future__ import annotations

import pandas as pd
import pytest
from shapely import box

pytestmark = pytest.mark.gui


def test_results_say_when_other_labels_are_in_use(window, slide_file, spots_file, bundle_file):
    w = window
    w.open(slide_file, spots_file)
    w.session.regions.add(box(300, 200, 600, 700), "Tumor")
    w.session.regions.add(box(600, 200, 900, 700), "Stroma")
    w.open(bundle_file)
    w.click(w.predict.predict_button)
    w.settle()
    w.qtbot.wait(150)
    view, agreement, labelling = (
        w.compare.genes_view, w.compare.agreement_view, w.session.labelling,
    )  # fmt: skip
    w.compare.tabs.setCurrentIndex(0)
    w.qtbot.wait(20)
    w.click(view.button)
    w.settle()
    w.compare.tabs.setCurrentIndex(1)
    w.qtbot.wait(20)
    w.click(agreement.button)
    w.settle()
    assert "found with" not in view.title.text().lower() + agreement.words.text().lower()
    names = w.session.spots.obs_names
    classes = ["Tumor"] * 5 + ["Other"] * (len(names) - 5)
    labelling.add_table("second reader", pd.Series(classes, index=names))  # and uses it
    w.qtbot.wait(150)
    assert agreement.words.text().startswith("Found with the labels “Regions”")
    w.compare.tabs.setCurrentIndex(0)
    w.qtbot.wait(20)
    w.settle()
    assert view.title.text().endswith("; found with the labels “Regions”")
    labelling.active = "regions"
    w.qtbot.wait(150)
    assert "found with" not in view.title.text()
