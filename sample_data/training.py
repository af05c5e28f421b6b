"""Trains the shipped bundle on sections that are not shipped, and scores it on another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari_stexp.sample_data.genes import GENES
from napari_stexp.sample_data.layout import SectionPlan
from napari_stexp.sample_data.section import make_section

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import InputContract, ModelBundle
    from napari_stexp.progress import Progress

    Patches = tuple[np.ndarray, AnnData]

__all__ = ["INTENDED_USE", "K", "read_section", "score_bundle", "train_bundle"]

PATCH_PX, MPP = 112, 1.0
CROP_PX = 56
K = 40
INTENDED_USE = "Demonstration only: synthetic. Trained on computer-made pictures, not on tissue."
Report = Callable[["Progress"], None]


def read_section(plan: SectionPlan) -> Patches:
    """Make a section and read the patches of its spots as a prediction would.

    The slide passes through a file, so that patches carry the same JPEG
    artefacts and the same resampling as those of the shipped slide.

    Returns
    -------
    (N, 112, 112, 3) uint8
        Patches.
    AnnData
        Spots.
    """
    from napari_stexp.slide import PatchReader, open_slide

    section = make_section(plan)
    with tempfile.TemporaryDirectory() as folder:
        path = section.write_slide(Path(folder) / f"{plan.name}.ome.tif")
        with open_slide(path) as slide:
            reader = PatchReader(slide, PATCH_PX, MPP, fill=contract().fill)
            batch = reader.read(np.asarray(section.spots.obsm["spatial"]))
    return batch.pixels, section.spots


def contract(patch_px: int = PATCH_PX) -> InputContract:
    """Return what the encoder is fed: beyond the slide is white, as beside the section."""
    from napari_stexp.model import InputContract

    return InputContract(patch_px=patch_px, mpp=MPP, fill=(243, 242, 244))


def train_bundle(
    sections: Sequence[Patches],
    report: Report | None = None,
    *,
    epochs: tuple[int, int] = (14, 2),
    device: str = "cpu",
) -> ModelBundle:
    """Train mclSTExp from random weights.

    Most epochs see only the spot itself, the central 56 µm of each patch: a
    quarter of the pixels at the same scale, so that the filters carry over.
    The last ones see whole patches.

    Parameters
    ----------
    sections : sequence of (patches, spots)
        From `read_section`.
    report : callable, optional
        Called with the training's progress.
    epochs : tuple of int
        On the crops; on the whole patches.
    device : str
        Where to train.

    Returns
    -------
    ModelBundle
        Not scored yet.
    """
    from napari_stexp.dataset import TrainingSet
    from napari_stexp.model import Retrieval
    from napari_stexp.progress import exhaust
    from napari_stexp.train import TrainSettings, train_model

    retrieval = Retrieval(k=K, metric="l1", scale="spot")
    common = {
        "batch_size": 32,
        # Unit-length embeddings at a small temperature learn from random weights in
        # a few hundred steps; the paper's raw products need a pretrained encoder.
        "unit_length": True,
        "temperature": 0.1,
        "jitter": (0.25, 0.25, 0.25),
        "rotation": "quarter",
        "recalibrate_norm": True,
        # N(0, 1) outweighs the expression. The synthetic sections share no frame, so
        # a place says nothing about them.
        "position_std": 0.01,
    }
    margin = (PATCH_PX - CROP_PX) // 2
    crops = [(patches[:, margin:-margin, margin:-margin].copy(), s) for patches, s in sections]
    first = TrainSettings(epochs=epochs[0], learning_rate=6e-4, seed=1, **common)
    small = TrainingSet.from_arrays(crops, GENES, contract(CROP_PX))
    start = exhaust(train_model(small, first, device=device), report).state
    last = TrainSettings(epochs=epochs[1], learning_rate=2e-4, seed=2, **common)
    whole = TrainingSet.from_arrays(sections, GENES, contract())
    task = train_model(
        whole,
        last,
        retrieval=retrieval,
        name="mclSTExp, synthetic breast tumours",
        device=device,
        initial=start,
    )
    bundle = exhaust(task, report)
    training = bundle.header.training | {"first_phase": first.to_json() | {"patch_px": CROP_PX}}
    header = replace(bundle.header, training=training, intended_use=INTENDED_USE)
    return replace(bundle, header=header)


def score_bundle(bundle: ModelBundle, plan: SectionPlan) -> ModelBundle:
    """Score every gene on a section of a patient that the bundle has not seen.

    Returns
    -------
    ModelBundle
        With ``scores['pcc_spot']`` and how it was measured.
    """
    from napari_stexp.evaluate import compare_prediction
    from napari_stexp.predict import PredictParams, predict_spots
    from napari_stexp.progress import exhaust
    from napari_stexp.slide import open_slide

    section = make_section(plan)
    with tempfile.TemporaryDirectory() as folder:
        path = section.write_slide(Path(folder) / f"{plan.name}.ome.tif")
        with open_slide(path) as slide:
            task = predict_spots(slide, section.spots, bundle, PredictParams(device="cpu"))
            prediction = exhaust(task)
    scores = compare_prediction(prediction, section.spots).scores
    facts = {
        "hold_out": "patient",
        "section": plan.name,
        "patient": plan.patient,
        "n_spots": section.spots.n_obs,
        "scale": "spot",
        "data": "synthetic",
    }
    return bundle.with_scores(scores[["pcc_spot"]], facts)
