"""Encoder, bank and patch reader of one prediction: spots in, batches of values out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_stexp.predict.agreement import Agreement
from napari_stexp.predict.encoding import PatchEncoder, count_workers
from napari_stexp.predict.neighbours import average_expression
from napari_stexp.predict.parallel import map_in_order
from napari_stexp.predict.plan import Plan
from napari_stexp.predict.prediction import SpotBatch
from napari_stexp.predict.retrieval import Retriever

if TYPE_CHECKING:
    import torch

    from napari_stexp.predict.embeddings import EmbeddingStore
    from napari_stexp.predict.priority import Priority
    from napari_stexp.slide import FieldReader, PatchBatch

__all__ = ["SpotPredictor"]

# The first result shows within moments, however large the batches are.
_FIRST_BATCH = 16
_GPU_DECODERS = 8
_RECALLED_BATCH = 64  # spots whose embeddings are at hand: a tenth of a second on a CPU
# Averaging dense rows is several times faster, and 1 GiB is 340,000 spots of 785 genes.
_DENSE_LIMIT = 1024**3


class SpotPredictor:
    """Encoder, bank and patch reader of one prediction.

    Parameters
    ----------
    plan : Plan
        What to predict from.
    device : torch.device
        Where to compute.
    embeddings : EmbeddingStore, optional
        Spots whose embeddings it holds aren't encoded again; new ones are kept there.
    """

    def __init__(
        self, plan: Plan, device: torch.device, embeddings: EmbeddingStore | None = None
    ) -> None:
        params, bank = plan.params, plan.bank
        self.plan = plan
        self.device = device
        self._precision = "half" if params.half and device.type == "cuda" else "float32"
        self._kept = (
            None if embeddings is None else embeddings.open(plan, device.type, self._precision)
        )
        self.retriever = Retriever(
            bank.embeddings, int(params.k or 0), str(params.metric), device=device
        )
        self.expression = _get_expression(plan)
        self.agreement = Agreement(self.expression)

    @cached_property
    def encoder(self) -> PatchEncoder:
        """The image encoder on the device; made when a patch has to be encoded."""
        return PatchEncoder(
            self.plan.bundle,
            self.device,
            batch_size=self.plan.params.batch_size,
            precision=self._precision,
        )

    def prepare(self, rows: NDArray[np.intp] | None = None) -> None:
        """Put the image encoder on the device, unless all (n,) rows do without it."""
        _, inside = self._sort_out(self._make_reader(), rows)
        if len(inside) and (self._kept is None or not self._kept.embedded(inside).all()):
            _ = self.encoder

    def _sort_out(
        self, reader: FieldReader, rows: NDArray[np.intp] | None
    ) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
        """Return the status of all spots, (N,), and which of the rows lie in the image."""
        centers = self.plan.centers
        rows = np.arange(len(centers)) if rows is None else rows
        status = np.full(len(centers), "outside", dtype="<U10")
        status[rows] = reader.classify(centers[rows])
        return status, rows[status[rows] != "outside"]

    def batches(
        self, rows: NDArray[np.intp] | None = None, priority: Priority | None = None
    ) -> Generator[SpotBatch, None, None]:
        """Predict spots, batch by batch: those whose embeddings are at hand first.

        Parameters
        ----------
        rows : (n,) int array, optional
            Rows of the spots; default: all.
        priority : Priority, optional
            The view whose spots come first.
        """
        reader = self._make_reader()
        status, inside = self._sort_out(reader, rows)
        outside = np.setdiff1d(np.arange(len(status)) if rows is None else rows, inside)
        if len(outside):
            yield SpotBatch.failed(outside, "outside", self.expression.shape[1])
        kept = self._kept
        known = np.zeros(len(inside), np.bool_) if kept is None else kept.known(inside)
        yield from self._recall(reader, inside[known], status, priority)
        yield from self._encode(reader, inside[~known], status, priority)

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
        return self.predict_embeddings(self.encoder.embed(pixels))

    def predict_embeddings(
        self, embeddings: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Predict from image embeddings (n, D); returns what `predict_pixels` does."""
        neighbours = self.retriever.find(embeddings)
        values = average_expression(self.expression, neighbours)
        measures = {
            "similarity": neighbours.mean_similarity.astype(np.float32),
            "effective_k": neighbours.effective_k.astype(np.float32),
            "confidence": self.agreement.confidence(neighbours, values),
        }
        return values, measures

    # ---- embeddings at hand ---------------------------------------------------------------

    def _recall(
        self,
        reader: FieldReader,
        rows: NDArray[np.intp],
        status: NDArray[np.str_],
        priority: Priority | None,
    ) -> Generator[SpotBatch, None, None]:
        """Predict rows whose embeddings are kept."""
        kept = self._kept
        if kept is None or not len(rows):
            return

        def predict(part: NDArray[np.intp]) -> SpotBatch:
            picked = rows[part]
            embeddings = kept.recall(picked, self._project)
            values, measures = self.predict_embeddings(embeddings)
            return SpotBatch(picked, values, status=status[picked], **measures)

        points = self.plan.centers[rows]
        batches = _arrange(reader.cut(points, _RECALLED_BATCH), points, priority)
        with closing(map_in_order(predict, batches, count_workers(self.device))) as results:
            yield from results

    def _project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.encoder.project(features)

    # ---- patches to encode -----------------------------------------------------------------

    def _encode(
        self,
        reader: FieldReader,
        rows: NDArray[np.intp],
        status: NDArray[np.str_],
        priority: Priority | None,
    ) -> Generator[SpotBatch, None, None]:
        """Read, encode and predict rows."""
        if not len(rows):
            return
        size, workers = self.encoder.batch_size, self.encoder.workers
        points = self.plan.centers[rows]
        batches = reader.cut(points, size)
        opening = int(batches[0][0])
        stream = reader.stream(
            points, size, prefetch=workers + 1, batches=_arrange(batches, points, priority)
        )
        with closing(stream):
            jobs = _make_jobs(stream, rows, status, opening)
            with closing(map_in_order(self._predict, jobs, workers)) as results:
                for found in results:
                    yield from found

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
            rows, status = job.rows[job.readable], job.status[job.readable]
            values, measures = self.predict_embeddings(self._embed(rows, pixels))
            batches.append(SpotBatch(rows, values, status=status, **measures))
        return batches

    def _embed(self, rows: NDArray[np.intp], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._kept is None:
            return self.encoder.embed(pixels)
        features, embeddings = self.encoder.embed_with_features(pixels)
        self._kept.keep(rows, features, embeddings)
        return embeddings

    def _make_reader(self) -> FieldReader:
        from napari_stexp.slide import FieldReader

        contract = self.plan.bundle.header.input
        return FieldReader(
            self.plan.slide,
            contract.patch_px,
            contract.mpp,
            contract.context,
            fill=contract.fill,
            threads=self.plan.params.threads or _choose_threads(self.device),
        )


class _Job(NamedTuple):
    """Decoded patches of some spots."""

    rows: NDArray[np.intp]
    pixels: NDArray[np.uint8]
    readable: NDArray[np.bool_]
    status: NDArray[np.str_]


def _make_jobs(
    stream: Iterable[tuple[NDArray[np.intp], PatchBatch]],
    rows: NDArray[np.intp],
    status: NDArray[np.str_],
    opening: int,
) -> Iterator[_Job]:
    """Make jobs of decoded patches: the usual first batch in two, to show its beginning early.

    It is cut wherever it comes in the order of a view, because what is encoded together
    shall not depend on that.
    """
    for index, patches in stream:
        picked = rows[index]
        first = int(index[0]) == opening
        middle = min(_FIRST_BATCH, len(picked)) if first else len(picked)
        for part in (slice(0, middle), slice(middle, None)):
            if len(picked[part]):
                yield _Job(
                    picked[part], patches.pixels[part], patches.ok[part], status[picked[part]]
                )


def _arrange(
    batches: list[NDArray[np.intp]], points: NDArray[np.float64], priority: Priority | None
) -> Iterable[NDArray[np.intp]]:
    return batches if priority is None else priority.arrange(batches, points)


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
