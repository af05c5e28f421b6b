"""A session with a bit of everything, on real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_stexp.session import DisplaySettings, Session, Signature
from napari_stexp.session.genes.composite import CompositeStyle
from tests.builders import write_ome_tiff
from tests.session.fakes import make_batch, make_prediction, make_region, make_spots

GENES = ("ERBB2", "KRT19", "CD3D")


def write_slide(path: Path, seed: int = 0) -> Path:
    """Write a tiled slide of 600 x 900 px at 0.5 µm/px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (600, 900, 3)).astype(np.uint8)
    return write_ome_tiff(path, image, 0.5)


def full_session(slide_file: Path) -> Session:
    """Return a session with slide, counts, two predictions, regions, labels and a view."""
    import pandas as pd

    session = Session()
    session.open_slide(slide_file)
    rng = np.random.default_rng(1)
    spots = make_spots(5, GENES, rng.poisson(3, (5, 3)), first=(100, 200), step=150)
    session.signatures.add(Signature("T cells", ("CD3D", "CD3E"), "pasted"))
    session.set_spots(spots)
    for name in ("first", "second"):
        prediction = make_prediction(spots, GENES, uns={"stexp": {"scale": "spot"}})
        session.set_prediction(prediction, name)
        session.add_batch(make_batch([0, 1, 3], rng.random((3, 3))))
    session.regions.load([make_region(name="a"), make_region(x=50, class_name="Stroma")])
    session.regions.set_locked([session.regions.items[0].id], True)
    session.regions.add_class("In situ 2", (1, 2, 3))
    session.labelling.add_table("by me", pd.Series(["x", "y", None], index=spots.obs_names[:3]))
    session.show_model("first")
    session.gene = "KRT19"
    session.display = DisplaySettings(
        colormap="magma", limits_mode="manual", manual_limits=(0.1, 2.5), transform="z",
        threshold=-0.25, mode="heat map",
    )  # fmt: skip
    session.composite_style = CompositeStyle("cmy", {("ERBB2", "z"): (0.0, 1.5)})
    session.composite = ("ERBB2", "T cells")
    session.select_spots(np.array([0, 1, 1, 0, 0], bool))
    session.focus_spot(3)
    session.views.show("genes", ("ERBB2", "CD3D"))
    session.aligning.set_pairs([(0, 0), (9, 0)], [(5, 5), (14, 5.5)])
    session.aligning.set_point(slide=(3.0, 4.0))
    session.aligning.shift(12, -3)
    return session


def compare(session: Session) -> None:
    """Put results of each kind into a session of five spots, as if they had been compared."""
    import pandas as pd

    from napari_stexp.compare import Agreement, RegionGenes, Sides
    from napari_stexp.evaluate import EvaluationResult

    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {"logfc": rng.random(3), "p": rng.random(3, np.float32), "n": [1, 2, 3]},
        index=pd.Index(GENES, name="gene"),
    )
    table.loc["KRT19", "logfc"] = np.nan
    sides = Sides(np.arange(5) < 2, np.arange(5) > 2, "x", "y", 12.5, 1)
    comparison, domains = session.comparison, np.array([0, 1, 1, -1, 0])
    comparison.genes = RegionGenes(table, sides, 2, 2, "predicted", "spot")
    comparison.agreement = Agreement(
        "kmeans", 2, domains, np.array(["x", "y", "", "", "x"], object), 0.25, 1 / 3,
        pd.DataFrame([[1, 0], [0, 1]], index=["x", "y"], columns=[0, 1]), {0: "x"},
        pd.DataFrame({"spot": [4], "label": ["x"], "score": [0.5]}), "labelled", 3, 2,
    )  # fmt: skip
    summary = {"acg_pcc_spot": 0.1, "n_spots": np.int64(5), "missing": None}
    comparison.scores = EvaluationResult("spot", table[["logfc"]], summary, ("CD3E",), 2)
