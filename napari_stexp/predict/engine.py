"""The one generator behind panel, command line and cluster: slide and spots in, AnnData out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_stexp.predict.agreement import Agreement
from napari_stexp.predict.devices import choose_device
from napari_stexp.predict.encoding import PatchEncoder
from napari_stexp.predict.neighbours import average_expression
from napari_stexp.predict.overlap import warn_of_overlap
from napari_stexp.predict.parallel import map_in_order
from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.plan import Plan, make_plan
from napari_stexp.predict.prediction import Prediction, SpotBatch, make_empty
from napari_stexp.predict.provenance import make_provenance
from napari_stexp.predict.retrieval import Retriever
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    import torch
    from anndata import AnnData

    from napari_stexp.model import ModelBundle
    from napari_stexp.slide import PatchBatch, Slide

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

    Warns
    -----
    UserWarning
        The reference holds the section or its patient, and they are not left out.
    """
    plan = make_plan(slide, spots, bundle, params)
    total = plan.spots.n_obs
    warn_of_overlap(plan)
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
        from napari_stexp.slide import FieldReader

        contract, params = self.plan.bundle.header.input, self.plan.params
        reader = FieldReader(
            self.plan.slide,
            contract.patch_px,
            contract.mpp,
            contract.context,
            fill=contract.fill,
            threads=params.threads or _choose_threads(self.encoder.device),
        )
        centers = self.plan.centers
        status = np.asarray(reader.classify(centers), dtype="<U10")
        outside = np.flatnonzero(status == "outside")
        if len(outside):
            yield SpotBatch.failed(outside, "outside", self.expression.shape[1])
        inside = np.flatnonzero(status != "outside")
        workers = self.encoder.workers
        stream = reader.stream(centers[inside], self.encoder.batch_size, prefetch=workers + 1)
        with closing(stream):
            jobs = self._cut(stream, inside, status)
            with closing(map_in_order(self._predict, jobs, workers)) as results:
                for batches in results:
                    yield from batches

    def _cut(
        self,
        stream: Iterable[tuple[NDArray[np.intp], PatchBatch]],
        inside: NDArray[np.intp],
        status: NDArray[np.str_],
    ) -> Iterator[_Job]:
        """Make jobs of decoded patches: the first batch in two, to show its beginning early."""
        first: int | None = _FIRST_BATCH
        for index, patches in stream:
            rows = inside[index]
            middle = min(first or len(rows), len(rows))
            for part in (slice(0, middle), slice(middle, None)):
                if len(rows[part]):
                    yield _Job(
                        rows[part], patches.pixels[part], patches.ok[part], status[rows[part]]
                    )
            first = None

    def predict_pixels(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Predict (n, S, p, p, 3) uint8 RGB patches; (n, p, p, 3) where S is 1.

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

    def _predict(self, job: _Job) -> list[SpotBatch]:
        """Predict the patches that were read, and mark those that weren't."""
        batches = []
        lost = ~job.readable
        if lost.any():
            n_genes = self.expression.shape[1]
            batches.append(SpotBatch.failed(job.rows[lost], "unreadable", n_genes))
        if not lost.all():
            # indexing would copy all pixels, nearly always for nothing
            pixels = job.pixels[job.readable] if lost.any() else job.pixels
            values, measures = self.predict_pixels(pixels)
            rows, status = job.rows[job.readable], job.status[job.readable]
            batches.append(SpotBatch(rows, values, status=status, **measures))
        return batches


class _Job(NamedTuple):
    """Decoded patches of some spots."""

    rows: NDArray[np.intp]
    pixels: NDArray[np.uint8]
    readable: NDArray[np.bool_]
    status: NDArray[np.str_]


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


def _choose_threads(device: torch.device) -> int:
    """Threads that decode: a GPU has to be fed, a CPU's cores belong to the encoder.

    One thread decodes a hundred times as many patches as a core can encode.
    """
    return 1 if device.type == "cpu" else min(_GPU_DECODERS, os.cpu_count() or 1)
