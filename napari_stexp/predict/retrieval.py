"""Retrieval: the reference spots nearest to an image embedding, their weights, their average.

The k reference spots most cosine-similar to a query, averaged with weights
1/d², d the L1 or L2 distance between the *un-normalised* embeddings (Min et
al., Briefings in Bioinformatics 2024, eq. 9 and 10; the released HER2+ script
takes L1, the paper and the other scripts L2), or, on request, with weights
exp(cosine / temperature).

The search is exact. Similarities of all pairs are computed in float32, block by
block, and keep slightly more than k candidates per query; the candidates are
then ranked in float64 by an operation whose rounding does not depend on where a
spot lies in the bank. Should a spot that was left out come near enough to the
k-th candidate for float32's rounding to matter (many duplicates do that), the
query is searched again in float64. So neighbours are the same for any block
size, and equal similarities are ordered by index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import DeviceError
from napari_stexp.model.metric import softmax_temperature
from napari_stexp.predict.devices import full_float32, is_out_of_memory
from napari_stexp.predict.neighbours import Neighbours, weigh, weigh_softmax
from napari_stexp.predict.retrieval_checks import check_matrix, check_retrieval

if TYPE_CHECKING:
    import torch

__all__ = ["Retriever", "retrieve"]

MEMORY_LIMIT = 512 * 1024**2
_SMALLEST_LIMIT = 64 * 1024
_CACHE = 4 * 1024**2
_SPARE = 32  # candidates beyond k, so that a second search is rare
_MARGIN = 4.0  # times the float32 error seen on the candidates themselves


def retrieve(
    query: NDArray[Any],
    bank_embeddings: NDArray[Any],
    k: int,
    metric: str = "l1",
    *,
    memory_limit: int = MEMORY_LIMIT,
    device: torch.device | str = "cpu",
) -> Neighbours:
    """Find the k reference spots of each query, and their weights.

    Parameters
    ----------
    query : (M, D) float
        Image embeddings, not normalised.
    bank_embeddings : (N, D) float
        Spot embeddings of the reference, not normalised.
    k : int
        Neighbours per query, 1 to N.
    metric : 'l1', 'l2' or 'softmax:T'
        Weights 1/d² by this distance, or exp(cosine / T), as 'softmax:0.2'.
    memory_limit : int
        Bytes for intermediate blocks. Never changes the result.
    device : torch.device or str
        Where to compute.

    Raises
    ------
    PredictionError
        k is not in 1..N, the metric is unknown, shapes don't fit, or an
        embedding is not finite.
    """
    return Retriever(bank_embeddings, k, metric, memory_limit=memory_limit, device=device).find(
        query
    )


class Retriever:
    """A bank made ready for many searches; see `retrieve` for the parameters.

    The bank stays where it fits: on the device if it takes at most half of the
    free memory there, else in main memory, from which blocks are copied.
    """

    def __init__(
        self,
        bank_embeddings: NDArray[Any],
        k: int,
        metric: str = "l1",
        *,
        memory_limit: int = MEMORY_LIMIT,
        device: torch.device | str = "cpu",
    ) -> None:
        import torch

        bank = check_matrix(bank_embeddings, "the reference bank's embeddings")
        check_retrieval(k, metric, len(bank))
        self.k, self.metric = int(k), metric
        self.memory_limit = max(int(memory_limit), _SMALLEST_LIMIT)
        self.device = torch.device(device)
        self._bank = _place(torch.from_numpy(bank), self.device)
        # float64 where there is some: ranks and weights are computed beside the bank
        self._norms = self._row_norms()
        self._scale = (1.0 / self._norms.cpu()).to(self.device, torch.float32)

    def find(self, query: NDArray[Any]) -> Neighbours:
        """Search the bank for each of (M, D) queries."""
        import torch

        query = check_matrix(query, "the image embeddings", self._bank.shape[1])
        parts = []
        exact: Any = full_float32() if self.device.type == "cuda" else nullcontext()
        with torch.inference_mode(), exact:
            start = 0
            while start < len(query):
                block = query[start : start + self._query_block()]
                try:
                    parts.append(self._find_block(torch.from_numpy(block)))
                except (RuntimeError, MemoryError) as error:
                    self._shrink(error)
                    continue
                start += len(block)
        if not parts:
            empty = np.empty((0, self.k))
            return Neighbours(empty.astype(np.int64), empty, empty)
        return Neighbours(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    # -- one block of queries ------------------------------------------------

    def _find_block(self, query: torch.Tensor) -> tuple[NDArray[Any], ...]:
        """Return indices, similarities and weights of a few (m, D) queries."""
        import torch

        candidates, rough = self._search_float32(query)
        step = self._rank_block()
        parts = [
            self._rank(query[i : i + step], candidates[i : i + step], rough[i : i + step])
            for i in range(0, len(query), step)
        ]
        return tuple(torch.cat(tensors).cpu().numpy() for tensors in zip(*parts, strict=True))

    def _rank(
        self, query: torch.Tensor, candidates: torch.Tensor, rough: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Choose and weigh the best k of (m, c) candidates with rough similarities."""
        import torch

        exact_query = query.to(self._bank.device, torch.float64)
        # by index first: a stable sort by similarity then leaves equal ones in that order
        candidates, order = candidates.sort(dim=1)
        rough = rough.gather(1, order)
        similarity = self._similarity(exact_query, candidates)
        error = float((rough - similarity).abs().max()) + 1e-12
        similarity, order = similarity.sort(dim=1, descending=True, stable=True)
        indices = candidates.gather(1, order)[:, : self.k]
        if candidates.shape[1] < len(self._bank):
            worst_kept = rough.amin(dim=1)  # nothing outside was above this in float32
            unsure = similarity[:, self.k - 1] <= worst_kept + _MARGIN * error
            for row in unsure.nonzero().flatten().tolist():
                indices[row], similarity[row, : self.k] = self._search_float64(exact_query[row])
        similarity = similarity[:, : self.k]
        return indices, similarity, self._weigh(exact_query, indices, similarity)

    def _search_float32(self, query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (m, c) candidates, c slightly above k, with rough similarities (float64)."""
        import torch

        bank = self._bank
        keep = min(len(bank), self.k + max(_SPARE, self.k // 8))
        lengths = query.double().square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-12)
        unit = (query.double() / lengths).float().to(self.device)
        best = torch.empty((len(query), 0), device=self.device)
        where = torch.empty((len(query), 0), dtype=torch.int64, device=self.device)
        for low, high in self._bank_blocks(len(query)):
            block = bank[low:high].to(self.device)
            values = torch.cat([best, (unit @ block.T).mul_(self._scale[low:high])], dim=1)
            best, picked = values.topk(min(keep, values.shape[1]), dim=1)
            old = picked < where.shape[1]
            fresh = picked - where.shape[1] + low
            if where.shape[1]:
                kept = where.gather(1, picked.clamp(max=where.shape[1] - 1))
                where = torch.where(old, kept, fresh)
            else:
                where = fresh
        return where.to(bank.device), best.to(bank.device).double()

    def _search_float64(self, query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rank the whole bank for one (D,) query in float64."""
        import torch

        rows = max(1, self.memory_limit // (32 * self._bank.shape[1]))
        parts = [
            self._similarity(
                query[None],
                torch.arange(low, min(low + rows, len(self._bank)), device=query.device)[None],
            )[0]
            for low in range(0, len(self._bank), rows)
        ]
        similarity, indices = torch.cat(parts).sort(descending=True, stable=True)
        return indices[: self.k], similarity[: self.k]

    def _similarity(self, query: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Cosines of (m, D) float64 queries with (m, c) rows of the bank, row by row.

        A product and a sum per pair, not a matrix product: its rounding then
        doesn't depend on the block, so identical spots get identical values.
        """
        products = (self._bank[indices].double() * query[:, None]).sum(dim=2)
        norms = query.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-12)
        return products / (norms * self._norms[indices])

    def _weigh(
        self, query: torch.Tensor, indices: torch.Tensor, similarity: torch.Tensor
    ) -> torch.Tensor:
        temperature = softmax_temperature(self.metric)
        if temperature is not None:
            return weigh_softmax(similarity, temperature)
        return weigh(self._distance(query, indices))

    def _distance(self, query: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """L1 or L2 between (m, D) float64 queries and (m, k) rows of the bank."""
        difference = self._bank[indices].double() - query[:, None]
        if self.metric == "l1":
            return difference.abs().sum(dim=2)
        return difference.square().sum(dim=2).sqrt()

    # -- memory ----------------------------------------------------------------

    def _query_block(self) -> int:
        """Size a block of queries: float64 candidates take half of the memory at most."""
        return max(1, min(4096, self.memory_limit // 2 // self._bytes_per_query))

    def _rank_block(self) -> int:
        """Size a block of queries for ranking: on a CPU it shall stay in the cache."""
        if self._bank.device.type != "cpu":
            return self._query_block()
        return max(1, _CACHE // self._bytes_per_query)

    @property
    def _bytes_per_query(self) -> int:
        """Bytes that ranking one query's candidates in float64 takes, with intermediates."""
        return 8 * 4 * (self.k + max(_SPARE, self.k // 8)) * self._bank.shape[1]

    def _bank_blocks(self, n_queries: int) -> Iterator[tuple[int, int]]:
        """Ranges of the bank whose similarities take half of the memory at most."""
        per_row = 4 * (self._bank.shape[1] + 6 * n_queries)
        rows = max(256, self.memory_limit // 2 // per_row)
        for low in range(0, len(self._bank), rows):
            yield low, min(low + rows, len(self._bank))

    def _shrink(self, error: BaseException) -> None:
        """Halve the memory after it ran out; give up when that can't help."""
        if not is_out_of_memory(error):
            raise DeviceError(
                f"the search failed on {self.device}", found=error, hint="Try the device 'cpu'."
            ) from error
        if self.memory_limit <= _SMALLEST_LIMIT:
            raise DeviceError(
                f"not enough memory on {self.device} to search the reference bank",
                found=f"{len(self._bank)} reference spots, k = {self.k}",
                hint="Close other programs, or choose the device 'cpu'.",
            ) from error
        self.memory_limit = max(_SMALLEST_LIMIT, self.memory_limit // 2)

    def _row_norms(self) -> torch.Tensor:
        """(N,) float64 lengths of the bank's rows; as in torch's `normalize`, never zero."""
        import torch

        rows = max(1, self.memory_limit // (32 * self._bank.shape[1]))
        parts = [block.double().square().sum(dim=1).sqrt() for block in self._bank.split(rows)]
        return torch.cat(parts).clamp_min(1e-12)


def _place(bank: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Put the bank on the device when it has float64 and room for it."""
    from napari_stexp.predict.devices import free_memory

    if device.type == "mps" or bank.nbytes > free_memory(device) // 2:
        return bank
    return bank.to(device)
