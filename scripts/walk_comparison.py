"""Walk through annotating and comparing in the real window, with a picture of each step.

Annotates blinded, locks, reveals, ranks genes, compares domains and the measurement, and writes
the report, all with the mouse and the keyboard as a pathologist would:

    scripts/with-display.sh .venv/bin/python scripts/walk_comparison.py -o walk
    … walk_comparison.py --slide C4.jpg --spots C4_selection.tsv --prediction C4.h5ad -o walk

Without arguments it walks on the sample. Outlines are drawn around tissue of the section: a
polygon on its left, a lasso on its right and a stroke of the brush between them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from walking import Walk, ring


def begin(walk: Walk, args: argparse.Namespace) -> None:
    """Open the slide, hide expression, and only then load the measured spots."""
    controller = walk.controller
    panel = walk.show("Annotations")
    walk.shot("empty")
    controller.open_slide(args.slide)
    walk.idle("opening the slide")
    if args.mpp:
        controller.set_mpp(args.mpp)
    walk.click(panel.blinding.start_button)
    walk.shot("blinded-explained")
    walk.click(panel.blinding.question.buttons["Begin"])
    controller.load_spots(args.spots)
    walk.idle("reading the spots")
    if walk.session.slide.mpp is None:
        controller.take_mpp_from_spots()
    walk.shot("blinded")


def annotate(walk: Walk) -> None:
    from qtpy.QtCore import Qt

    panel = walk.show("Annotations")
    xy = np.asarray(walk.session.spots.obsm["spatial"])
    low, high = np.percentile(xy, 5, axis=0), np.percentile(xy, 95, axis=0)
    middle, span = (low + high) / 2, high - low
    aside = np.array([0.27 * span[0], 0])
    walk.click(panel.tools.buttons["polygon"])
    walk.corners(ring(middle - aside, 0.19 * min(span), 9)[:-1])
    walk.shot("polygon")
    walk.key(Qt.Key.Key_3)
    walk.click(panel.tools.buttons["lasso"])
    walk.drag(ring(middle + aside, 0.17 * min(span)))
    walk.key(Qt.Key.Key_4)
    walk.click(panel.tools.buttons["brush"])
    x, y = middle
    walk.drag([(x, y + t * 0.3 * span[1]) for t in np.linspace(-1, 1, 20)])
    walk.shot("lasso-and-brush")
    walk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    walk.shot("undone")
    walk.click(panel.tools.redo_button)
    walk.click(panel.tools.buttons["none"])
    if len(walk.session.regions.items) != 3:
        raise SystemExit(f"{len(walk.session.regions.items)} regions were drawn, not 3")


def predict(walk: Walk, args: argparse.Namespace) -> None:
    if args.prediction:
        walk.session.open_prediction(args.prediction)
    elif args.model:
        walk.controller.load_bundle(args.model)
        walk.idle("loading the model")
        walk.controller.predicting.predict()
        walk.idle("predicting")
    walk.show("Genes")
    walk.shot("still-hidden")


def reveal(walk: Walk) -> None:
    panel = walk.show("Annotations")
    walk.click(panel.blinding.lock_button)
    walk.shot("locked")
    walk.show("Genes")
    walk.shot("revealed")


def compare(walk: Walk, args: argparse.Namespace) -> None:
    panel = walk.show("Compare")
    walk.shot("compare")
    walk.click(panel.genes_view.button)
    walk.idle("ranking genes")
    walk.shot("genes-of-region")
    walk.click_cell(panel.genes_view.table, 0)
    walk.shot("its-first-gene")
    view = panel.agreement_view
    panel.tabs.setCurrentIndex(1)
    walk.settle()
    walk.click(view.button)
    walk.idle("finding domains")
    walk.shot("agreement")
    walk.click_cell(view.confusion, 0, 1)
    walk.shot("spots-of-a-cell")
    home = (walk.viewer.scene.camera.center, walk.viewer.scene.camera.zoom)
    walk.click_cell(view.table, 0)
    walk.shot("most-disagreeing-spot")
    walk.viewer.scene.camera.center, walk.viewer.scene.camera.zoom = home
    walk.session.select_spots(None)
    walk.session.labelling.shown = True
    walk.shot("classes-on-slide")
    walk.session.labelling.shown = False
    if walk.session.prediction is not None:
        panel.tabs.setCurrentIndex(2)
        walk.settle()
        walk.click(panel.measured_view.button)
        walk.idle("scoring")
        walk.shot("measured")
        walk.click(panel.measured_view.side_check)
        walk.settle(2)
        walk.shot("side-by-side")
        walk.click(panel.measured_view.side_check)
    panel.tabs.setCurrentIndex(3)
    walk.shot("report-form")
    genes = tuple(panel.genes_view.top_genes(4))
    parts = frozenset({"genes", "agreement", "scores"})
    walk.controller.comparing.write_report(args.output / "report.html", genes, parts)
    walk.idle("writing the report")
    walk.shot("report-done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--spots", type=Path)
    parser.add_argument("--prediction", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--mpp", type=float)
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    # Annotations of earlier walks must not be offered, nor those of a real user touched.
    os.environ["STEXP_DATA_DIR"] = tempfile.mkdtemp(prefix="walk-")
    if args.slide is None:
        from napari_stexp.viewer.sample import sample_files

        files = sample_files()
        args.slide, args.spots, args.model = files.slide, files.spots, files.bundle
    walk = Walk(args.output, args.theme)
    begin(walk, args)
    annotate(walk)
    predict(walk, args)
    reveal(walk)
    compare(walk, args)
    walk.controller.close()
    walk.viewer.close()


if __name__ == "__main__":
    main()
