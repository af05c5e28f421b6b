"""Walk through predicting, browsing and reading in the real window, with a picture of each step.

All by mouse and keyboard, as a pathologist would who has never seen the program:

    scripts/with-display.sh .venv/bin/python scripts/walk_window.py -o walk
    … walk_window.py --slide C4.jpg --spots C4_selection.tsv --model her2.safetensors -o walk

Without arguments it walks on the sample; so the pictures of docs/guide.md were made, with
`-o docs/images` (and their colours counted down to 256).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from walking import Walk, ring


def choose(panel: Any, name: str, path: Path) -> None:
    """Answer a file dialog of a panel with a path."""
    setattr(panel, name, lambda *_: path)


def drop(walk: Walk, *paths: Path) -> None:
    """Drop files on the window."""
    walk.controller.workspace.drops.open(list(paths))
    walk.idle("opening what was dropped")


def choose_item(walk: Walk, box: Any, data: Any) -> None:
    """Choose an item of a combo box by its data."""
    at = box.findData(data)
    if at < 0:
        raise SystemExit(f"{data!r} can't be chosen")
    box.setCurrentIndex(at)
    box.activated.emit(at)
    walk.settle()


def type_into(walk: Walk, line: Any, text: str) -> None:
    from qtpy.QtTest import QTest

    line.clear()
    QTest.keyClicks(line, text)
    walk.settle(0.3)


def open_everything(walk: Walk, args: argparse.Namespace) -> None:
    walk.shot("empty")
    begin = time.monotonic()
    drop(walk, args.slide)
    walk.shot("slide")
    drop(walk, *([args.spots] if args.spots else []), args.model)
    if walk.session.slide.mpp is None:
        walk.controller.take_mpp_from_spots()
    panel = walk.show("Predict")
    walk.shot("ready-to-predict")
    walk.click(panel.where.tissue_button)
    walk.wait(lambda: walk.session.prediction is not None, "the first results")
    walk.settle(1.5)
    walk.shot("predicting")
    if walk.controller.busy("predict"):
        walk.click(panel.pause_button)
        walk.shot("paused")
        walk.click(panel.pause_button)
    walk.idle("predicting")
    walk.shot("predicted")
    print(f"from dropping the slide to the prediction: {time.monotonic() - begin:.0f} s")


def browse(walk: Walk, args: argparse.Namespace) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    panel = walk.show("Genes")
    walk.shot("genes")
    type_into(walk, panel.list.search, args.find)
    QTest.keyClick(panel.list.search, Qt.Key.Key_Return)
    walk.shot("found-by-its-common-name")
    panel.list.search.clear()
    gene = walk.session.gene
    choose_item(walk, panel.controls.draw_box, "heat map")
    walk.settle(1.5)
    walk.shot("heat-map")
    choose_item(walk, panel.controls.draw_box, "spots")
    walk.click(panel.folds[0].button)
    walk.settle()
    walk.click_cell(panel.signatures.table, args.panel_row)
    walk.idle("scoring the markers")
    walk.shot("markers")
    walk.click(panel.folds[0].button)
    walk.session.gene = gene
    walk.settle()


def known(walk: Walk, names: str, n: int) -> list[str]:
    """Return those of the genes that there are, filled up with the most variable ones."""
    wanted = [name for name in names.split(",") if name in walk.session.genes]
    return list(dict.fromkeys([*wanted, *walk.session.rank_genes("variance")]))[:n]


def mix(walk: Walk, args: argparse.Namespace) -> None:
    walk.controller.signatures.show_composite(known(walk, args.mix, 3))
    walk.settle(1.5)
    walk.shot("three-genes")
    walk.controller.signatures.show_composite(())
    walk.session.views.show("genes", known(walk, args.multiples, 9))
    walk.settle(2.5)
    walk.shot("small-multiples")
    walk.session.views.show("single")
    walk.settle()
    if walk.session.has_measurement:
        walk.session.views.show("sides")
        walk.settle(2.5)
        walk.shot("measured-next-to-predicted")
        walk.session.views.show("single")
        walk.settle()


def read(walk: Walk, args: argparse.Namespace) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    values = walk.session.values()
    spot = int(np.nanargmax(values))
    x, y = walk.session.spots.obsm["spatial"][spot]
    QTest.mouseClick(walk.canvas, Qt.MouseButton.LeftButton, pos=walk.place(x, y))
    walk.idle("reading the profile")
    walk.settle(1.0)
    walk.shot("profile-of-a-spot")
    panel = walk.panels["Plots"]
    xy = np.asarray(walk.session.spots.obsm["spatial"])
    middle, span = np.median(xy, axis=0), np.ptp(xy, axis=0)
    tools = walk.show("Annotations")
    walk.click(tools.tools.buttons["select"])
    walk.drag(ring(middle, 0.25 * min(span)))
    walk.show("Plots")
    walk.idle("reading the profile")
    walk.settle(1.0)
    walk.shot("profile-of-a-selection")
    if args.annotation:
        drop(walk, args.annotation)
        walk.show("Plots")
    for at, name in enumerate(("histogram", "classes", "two-genes"), 1):
        panel.tabs.setCurrentIndex(at)
        walk.idle("drawing the plot")
        walk.settle(1.5)
        walk.shot(name)
    walk.session.select_spots(None)
    walk.session.regions.tool = "none"


def keep(walk: Walk, args: argparse.Namespace) -> None:
    path = args.output / "work.stexp"
    walk.controller.workspace.save(path)
    walk.idle("saving the work")
    walk.show("Slide & spots")
    walk.shot("saved")
    genes = walk.show("Genes")
    walk.click(genes.figure.button)
    walk.settle(1.0)
    walk.shot("export-a-figure")
    genes.figure.dialog.close()
    from napari_stexp.panels.habits.actions import Actions

    Actions(walk.viewer, walk.window).show_shortcuts()
    walk.settle(0.5)
    walk.shot("keys")
    path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--spots", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--find", default="HER2", help="what is typed into the search of genes")
    parser.add_argument("--mix", default="ERBB2,COL1A1,CD3E", help="genes of one picture")
    parser.add_argument(
        "--multiples",
        default="ERBB2,ESR1,KRT19,COL1A1,ADIPOQ,CD3E,IGHG1,MKI67,CLDN5",
        help="genes beside each other",
    )
    parser.add_argument("--annotation", type=Path, help="regions, for the classes")
    parser.add_argument("--panel-row", type=int, default=3, help="which marker panel is shown")
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--kind", default="png", choices=["png", "jpg"])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    # Work of earlier walks must not be offered, nor that of a real user touched.
    os.environ["STEXP_DATA_DIR"] = tempfile.mkdtemp(prefix="walk-")
    if args.slide is None:
        from napari_stexp.viewer.sample import sample_files

        files = sample_files()
        args.slide, args.spots, args.model = files.slide, files.spots, files.bundle
        args.annotation = files.annotation
    walk = Walk(args.output, args.theme, args.kind)
    open_everything(walk, args)
    browse(walk, args)
    mix(walk, args)
    read(walk, args)
    keep(walk, args)
    walk.controller.close()
    walk.viewer.close()


if __name__ == "__main__":
    main()
