"""The one generator behind panel, command line and cluster: slide and spots in, AnnData out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.predict.agreement import Agreement
from napari_stexp.predict.devices import choose_device
from napari_stexp.predict.encoding import PatchEncoder
from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.plan import Plan, make_plan
from napari_stexp.predict.prediction import Prediction, SpotBatch, make_empty
from napari_stexp.predict.provenance import make_provenance
from napari_stexp.predict.retrieval import Retriever, average_expression
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    import torch
    from anndata import AnnData

    from napari_stexp.model import ModelBundle
    from napari_stexp.slide import Slide

__all__ = ["SpotPredictor", "predict_spots", "start_prediction"]

# The first result shows within moments, however large the batches are.
_FIRST_BATCH = 16
_GPU_DECODERS = 8
# Averaging dense rows is several times faster, and 1 GiB is 340,000 spots of 785 genes.
_DENSE_LIMIT = 1024**3


def start_prediction(
    slide: Slide, spots: AnnData, bundle: ModelBundle, params: PredictParams | None = None
) -> Prediction:
    """Check the inputs and make an empty prediction with its provenance.

    For a consumer that keeps partial results: feed it the batches of
    `predict_spots`, called with the same arguments.

    Raises
    ------
    StexpError
        As `predict_spots`.
    """
    plan = make_plan(slide, spots, bundle, params)
    return _make_prediction(plan, choose_device(plan.params.device))


def predict_spots(
    slide: Slide, spots: AnnData, bundle: ModelBundle, params: PredictParams | None = None
) -> Generator[Progress, None, AnnData]:
    """Predict expression at spots of a slide.

    Results come as they are computed: `Progress.new` is a `SpotBatch`, in an
    order that reuses decoded tiles. Closing the generator stops it; no thread
    is left running. The same inputs on the same machine give the same numbers.

    Parameters
    ----------
    slide : Slide
        The image.
    spots : AnnData
        ``obsm['spatial']`` (N, 2), (x, y) in level-0 pixels.
    bundle : ModelBundle
        Model and reference bank.
    params : PredictParams, optional
        Settings; the bundle's own where not given.

    Yields
    ------
    Progress
        Of N spots; stage ``loading the model``, then ``predicting``.

    Returns
    -------
    AnnData
        The prediction, in the order of ``spots`` (docs/architecture.md).

    Raises
    ------
    SpotsError, ScaleError, PredictionError
        The inputs can't be used together.
    DeviceError
        The device is missing, or not even one patch fits into its memory.
    """
    plan = make_plan(slide, spots, bundle, params)
    total = plan.spots.n_obs
    yield Progress(0, total, "loading the model")
    device = choose_device(plan.params.device)
    prediction = _make_prediction(plan, device)
    predictor = SpotPredictor(plan, device)
    yield Progress(0, total, "predicting")
    with closing(predictor.batches()) as batches:
        for batch in batches:
            prediction.add(batch)
            yield Progress(prediction.done, total, "predicting", batch)
    return prediction.adata


class SpotPredictor:
    """Encoder, bank and patch reader of one prediction.

    Parameters
    ----------
    plan : Plan
        What to predict from.
    device : torch.device
        Where to compute.
    """

    def __init__(self, plan: Plan, device: torch.device) -> None:
        params, bank = plan.params, plan.bank
        self.plan = plan
        self.encoder = PatchEncoder(
            plan.bundle,
            device,
            batch_size=params.batch_size,
            precision="half" if params.half else "float32",
        )
        self.retriever = Retriever(
            bank.embeddings, int(params.k or 0), str(params.metric), device=device
        )
        self.expression = _get_expression(plan)
        self.agreement = Agreement(self.expression)

    def batches(self) -> Generator[SpotBatch, None, None]:
        """Predict all spots, batch by batch."""
        from napari_stexp.slide import PatchReader

        contract, params = self.plan.bundle.header.input, self.plan.params
        reader = PatchReader(
            self.plan.slide,
            contract.patch_px,
            contract.mpp,
            fill=contract.fill,
            threads=params.threads or _choose_threads(self.encoder.device),
        )
        centers = self.plan.centers
        status = np.asarray(reader.classify(centers), dtype="<U10")
        outside = np.flatnonzero(status == "outside")
        if len(outside):
            yield SpotBatch.failed(outside, "outside", self.expression.shape[1])
        inside = np.flatnonzero(status != "outside")
        with closing(reader.stream(centers[inside], self.encoder.batch_size)) as stream:
            first = True
            for index, patches in stream:
                rows = inside[index]
                for part in _split(len(rows), _FIRST_BATCH if first else None):
                    yield from self._predict(
                        rows[part], patches.pixels[part], patches.ok[part], status[rows[part]]
                    )
                first = False

    def predict_pixels(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Predict (n, p, p, 3) uint8 RGB patches.

        Returns
        -------
        values : (n, G) float32
        measures : dict of (n,) float32
            ``similarity``, ``effective_k`` and ``confidence``.
        """
        neighbours = self.retriever.find(self.encoder.embed(pixels))
        values = average_expression(self.expression, neighbours)
        measures = {
            "similarity": neighbours.mean_similarity.astype(np.float32),
            "effective_k": neighbours.effective_k.astype(np.float32),
            "confidence": self.agreement.confidence(neighbours, values),
        }
        return values, measures

    def _predict(
        self,
        rows: NDArray[np.int64],
        pixels: NDArray[np.uint8],
        readable: NDArray[np.bool_],
        status: NDArray[np.str_],
    ) -> Iterator[SpotBatch]:
        """Yield the batch of the patches that were read, and that of those that weren't."""
        if not readable.all():
            yield SpotBatch.failed(rows[~readable], "unreadable", self.expression.shape[1])
        if readable.any():
            whole = readable.all()  # saves a copy of the pixels, nearly always
            values, measures = self.predict_pixels(pixels if whole else pixels[readable])
            yield SpotBatch(rows[readable], values, status=status[readable], **measures)


def _make_prediction(plan: Plan, device: torch.device) -> Prediction:
    header = plan.bundle.header
    provenance = make_provenance(plan, device)
    return Prediction(make_empty(plan.spots, header.genes, plan.bundle.scores, provenance))


def _get_expression(plan: Plan) -> Any:
    """Return the bank's expression, (N, G) float32: dense, or csr where that takes too much."""
    scale, target = str(plan.params.scale), plan.bundle.header.retrieval.target_sum
    bank = plan.bank
    if bank.counts is not None and 4 * len(bank) * bank.n_genes > _DENSE_LIMIT:
        return bank.expression_sparse(scale, target)
    return bank.expression_matrix(scale, target)


def _split(length: int, first: int | None) -> Iterator[slice]:
    """Cut the first batch in two, so that its beginning is shown early."""
    middle = min(first or length, length)
    yield slice(0, middle)
    if middle < length:
        yield slice(middle, length)


def _choose_threads(device: torch.device) -> int:
    """Threads that decode: a GPU has to be fed, a CPU's cores belong to the encoder.

    One thread decodes a hundred times as many patches as a core can encode.
    """
    return 1 if device.type == "cpu" else min(_GPU_DECODERS, os.cpu_count() or 1)
