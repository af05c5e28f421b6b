"""Image embeddings of spots, kept so that predicting again doesn't encode again.

An embedding depends on the slide, the place, how patches are prepared, and the weights of
encoder and projection; not on the reference bank, k, metric or scale. Features before the
projection depend on the encoder alone, which models with a fixed encoder have in common.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict.plan import Plan

__all__ = ["EmbeddingStore", "KeptEmbeddings"]

_LIMIT = 512 * 1024**2
_ENCODER, _IMAGE = "image_encoder.", "image_"


class EmbeddingStore:
    """Embeddings, and features where there is room, of the slides predicted last.

    Safe to use from several threads. What was used longest ago is dropped first.

    Parameters
    ----------
    limit : int
        Bytes to hold at most. A set of spots that needs more isn't kept.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self.limit = int(limit)
        self._lock = Lock()
        self._tables: OrderedDict[str, _Table] = OrderedDict()
        self._digests: WeakKeyDictionary[ModelBundle, tuple[str, str]] = WeakKeyDictionary()

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        with self._lock:
            return sum(table.nbytes for table in self._tables.values())

    def open(self, plan: Plan, device: str, precision: str = "float32") -> KeptEmbeddings:
        """Return what is kept, and where more can be kept, for one prediction.

        Parameters
        ----------
        plan : Plan
            Slide, spots and model.
        device : str
            Kind of device; one kind's embeddings differ from another's in the fifth decimal.
        precision : str
            Of `PatchEncoder`.
        """
        encoder, projection = self._digest(plan.bundle)
        place = hashlib.sha256(np.ascontiguousarray(plan.centers).tobytes()).hexdigest()
        slide = [plan.slide.fingerprint(), repr(plan.slide.mpp), plan.slide.colour, place]
        contract = json.dumps(plan.bundle.header.input.to_json(), sort_keys=True)
        shared = [*slide, contract, encoder, device, precision]
        n = plan.spots.n_obs
        return KeptEmbeddings(self, n, _join(*shared), _join(*shared, projection))

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._tables.clear()

    def find(self, key: str) -> _Table | None:
        """Return a table and note that it was used."""
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
            return self._tables.get(key)

    def make(self, key: str, shape: tuple[int, int], beside: str | None = None) -> _Table | None:
        """Return the table of a key, made if there is room for it; ``beside`` stays in any case."""
        with self._lock:
            if key in self._tables:
                return self._tables[key]
            size = 4 * shape[0] * shape[1] + shape[0]
            other = self._tables.get(beside) if beside else None
            kept = 0 if other is None else other.nbytes
            if size + kept > self.limit:
                return None
            held = sum(table.nbytes for table in self._tables.values())
            for old in [name for name in self._tables if name != beside]:
                if held + size <= self.limit:
                    break
                held -= self._tables.pop(old).nbytes
            self._tables[key] = _Table(shape)
            return self._tables[key]

    def _digest(self, bundle: ModelBundle) -> tuple[str, str]:
        found = self._digests.get(bundle)
        if found is None:
            side = {name: value for name, value in bundle.state.items() if name.startswith(_IMAGE)}
            encoder = {name: value for name, value in side.items() if name.startswith(_ENCODER)}
            rest = {name: value for name, value in side.items() if name not in encoder}
            found = _hash(bundle.header.encoder, encoder), _hash("projection", rest)
            self._digests[bundle] = found
        return found


class KeptEmbeddings:
    """One set of spots and one model in an `EmbeddingStore`.

    Parameters
    ----------
    store : EmbeddingStore
        Holds the tables.
    n : int
        Number of spots.
    encoder_key, model_key : str
        Digests that features, and embeddings, are kept under.
    """

    def __init__(self, store: EmbeddingStore, n: int, encoder_key: str, model_key: str) -> None:
        self._store, self._n = store, n
        self._keys = f"features {encoder_key}", f"embeddings {model_key}"
        self._features = store.find(self._keys[0])
        self._embeddings = store.find(self._keys[1])

    def known(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell for each of (n,) rows of the spots whether its embedding can be had."""
        found = np.zeros(len(rows), dtype=np.bool_)
        for table in (self._features, self._embeddings):
            if table is not None:
                found |= table.known[rows]
        return found

    def embedded(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell for each of (n,) rows whether its embedding is there, without any projecting."""
        table = self._embeddings
        return np.zeros(len(rows), np.bool_) if table is None else table.known[rows]

    def recall(
        self,
        rows: NDArray[np.intp],
        project: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """Return the embeddings, (n, D), of rows that are `known`.

        Parameters
        ----------
        rows : (n,) int array
            Rows of the spots.
        project : callable
            Makes embeddings of features (`PatchEncoder.project`); called only where a model
            meets features of its encoder for the first time.
        """
        table = self._embeddings
        if table is not None and table.known[rows].all():
            return table.values[rows]
        assert self._features is not None
        fresh = rows if table is None else rows[~table.known[rows]]
        projected = project(self._features.values[fresh])
        self._put("_embeddings", fresh, projected)
        if len(fresh) == len(rows):
            return projected
        assert table is not None
        result = table.values[rows]
        result[np.isin(rows, fresh)] = projected
        return result

    def keep(
        self,
        rows: NDArray[np.intp],
        features: NDArray[np.float32],
        embeddings: NDArray[np.float32],
    ) -> None:
        """Keep features (n, W) and embeddings (n, D) of rows, where there is room."""
        self._put("_embeddings", rows, embeddings)
        self._put("_features", rows, features, beside=self._keys[1])

    def _put(
        self,
        name: str,
        rows: NDArray[np.intp],
        values: NDArray[np.float32],
        beside: str | None = None,
    ) -> None:
        table: _Table | None = getattr(self, name)
        if table is None:
            key = self._keys[0 if name == "_features" else 1]
            table = self._store.make(key, (self._n, values.shape[1]), beside)
            setattr(self, name, table)
        if table is not None:
            table.values[rows] = values
            table.known[rows] = True  # last: another thread may look


class _Table:
    """Rows (N, W) that fill up; memory is taken as rows are written."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.values = np.empty(shape, np.float32)
        self.known = np.zeros(shape[0], dtype=np.bool_)
        self.nbytes = int(self.values.nbytes + self.known.nbytes)


def _join(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _hash(name: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a digest of tensors with their names and types."""
    import torch

    digest = hashlib.sha256(name.encode())
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
