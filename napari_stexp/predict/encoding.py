"""The image side of a bundle on a device: patches in, image embeddings out.

Batches that don't fit in memory are halved until they do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import DeviceError
from napari_stexp.predict.devices import free_memory, full_float32, is_out_of_memory
from napari_stexp.predict.parallel import map_in_order

if TYPE_CHECKING:
    import torch

    from napari_stexp.model import ModelBundle

__all__ = ["PRECISIONS", "PatchEncoder", "suggest_batch_size"]

#: How the encoder computes. Only ``float32`` reproduces other devices to 1e-4.
PRECISIONS = ("float32", "tf32", "half")

# Bytes of activations per input pixel at their peak, for the hungriest of the encoders:
# DenseNet-121 in float32 takes 200 (measured), cuDNN's workspaces as much again.
_ACTIVATION_BYTES_PER_PIXEL = 400
# A batch can't be cancelled, so it has to be short; on a CPU, where batches run beside
# each other on one core each, more than four are no faster.
_BATCH = {"cuda": 256, "mps": 64, "cpu": 4}


def suggest_batch_size(device: torch.device, patch_px: int, n_fields: int = 1) -> int:
    """Patches per batch that are fast and take a quarter of the free memory at most.

    A patch counts as many times as it has fields of view.
    """
    per_patch = _ACTIVATION_BYTES_PER_PIXEL * patch_px**2 * n_fields
    fitting = free_memory(device) // 4 // per_patch
    return int(max(1, min(_BATCH.get(device.type, 4) // n_fields, fitting)))


def count_workers(device: torch.device) -> int:
    """Return how many batches should be under way at a time on a device."""
    import torch

    kind = device.type
    return torch.get_num_threads() if kind == "cpu" else 2 if kind == "cuda" else 1


class PatchEncoder:
    """Embeds patches with a bundle's image encoder, in evaluation mode.

    Parameters
    ----------
    bundle : ModelBundle
        Its model is built here, which takes a moment.
    device : torch.device
        Where to compute.
    batch_size : int, optional
        Patches per batch; by default what the free memory allows.
    precision : {'float32', 'tf32', 'half'}
        The last two only act on CUDA. ``half`` computes the encoder in float16
        (the projection head, which ends in a LayerNorm, stays float32).

    Attributes
    ----------
    batch_size : int
        Becomes smaller when memory runs out.
    precision : str
        The one in use.
    width, projection : int
        Number of image features of a patch (of all fields of view), and of what
        they are projected to.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        device: torch.device,
        *,
        batch_size: int | None = None,
        precision: str = "float32",
    ) -> None:
        import torch

        from napari_stexp.model import ImagePreprocessor

        self.device = device
        self.precision = precision if device.type == "cuda" else "float32"
        contract = bundle.header.input
        self.batch_size = batch_size or suggest_batch_size(
            device, contract.patch_px, contract.n_fields
        )
        try:
            self._prepare = ImagePreprocessor(contract, device)
            model = bundle.build_model(device, image_only=True)
            self._model = model.to(memory_format=torch.channels_last).eval()
            self.width = contract.n_fields * int(model.image_encoder.width)
            self.projection = bundle.header.sizes.projection
        except (RuntimeError, MemoryError) as error:
            raise _explain(error, device, "the model can't be put on it") from error

    @property
    def workers(self) -> int:
        """Batches that should be under way at a time.

        On a CPU one per core (`napari_stexp.predict.parallel` says why). On CUDA
        two, so that the GPU goes on while the previous batch is averaged.
        """
        return count_workers(self.device)

    def embed_parallel(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Do `embed`, with as many batches under way as there are `workers`."""
        return self._parallel(self.embed, pixels, self.projection)

    @property
    def image_encoder(self) -> torch.nn.Module:
        """The network before the projection, on the device."""
        encoder: torch.nn.Module = self._model.image_encoder
        return encoder

    def features_parallel(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Do `features`, with as many batches under way as there are `workers`."""
        return self._parallel(self.features, pixels, self.width)

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed (N, S, p, p, 3) uint8 RGB patches of S fields of view.

        (N, p, p, 3) where S is 1.

        Returns
        -------
        (N, D) float32
            Not normalised.

        Raises
        ------
        PredictionError
            The patches have another shape than the model's.
        DeviceError
            Not even a single patch fits in memory, or the device fails.
        """
        return self._in_batches(self._embed_batch, pixels, self.projection)

    def embed_with_features(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return `features`, (N, width), and `embed`'s embeddings, (N, D), of one pass."""
        joined = self._in_batches(self._both_batch, pixels, self.width + self.projection)
        return joined[:, : self.width], joined[:, self.width :]

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode patches as `embed` does, without projecting: the encoder's own features.

        Returns
        -------
        (N, width) float32
            Of the first field of view, then of the second, and so on; as the
            encoder gives them, before any standardising (``feature_norm``).
        """
        return self._in_batches(self._encode_batch, pixels, self.width)

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn `features` (N, width) into embeddings (N, D), as `embed` would."""
        import torch

        with torch.inference_mode(), self._exactly():
            matrix = np.require(features, np.float32, requirements=("C", "W"))
            tensor = torch.from_numpy(matrix).to(self.device)
            result: NDArray[np.float32] = self._model.project_features(tensor).cpu().numpy()
        return result

    def _parallel(
        self,
        function: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
        pixels: NDArray[np.uint8],
        width: int,
    ) -> NDArray[np.float32]:
        starts = range(0, len(pixels), self.batch_size)
        batches = [pixels[start : start + self.batch_size] for start in starts]
        parts = list(map_in_order(function, batches, self.workers))
        return np.concatenate(parts) if parts else np.empty((0, width), np.float32)

    def _in_batches(
        self,
        function: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
        pixels: NDArray[np.uint8],
        width: int,
    ) -> NDArray[np.float32]:
        """Run batch by batch, smaller ones after memory ran out."""
        parts: list[NDArray[np.float32]] = []
        start = 0
        while start < len(pixels):
            batch = pixels[start : start + self.batch_size]
            try:
                parts.append(function(batch))
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, len(batch))
                continue
            start += len(batch)
        return np.concatenate(parts) if parts else np.empty((0, width), np.float32)

    def _exactly(self) -> Any:
        """Keep float32 products exact on CUDA, unless something faster is asked for."""
        exact = self.device.type == "cuda" and self.precision == "float32"
        return full_float32() if exact else nullcontext()

    def _encode(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        import torch

        images = self._prepare(pixels)
        with torch.autocast(
            self.device.type, dtype=torch.float16, enabled=self.precision == "half"
        ):
            features = self._model.image_features(images)
        return features.float()

    def _encode_batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode(), self._exactly():
            result: NDArray[np.float32] = self._encode(pixels).cpu().numpy()
        return result

    def _both_batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode(), self._exactly():
            features = self._encode(pixels)
            embeddings = self._model.project_features(features)
            parts = [features.cpu().numpy(), embeddings.float().cpu().numpy()]
        return np.concatenate(parts, axis=1)

    def _embed_batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode(), self._exactly():
            embeddings = self._model.project_features(self._encode(pixels))
            result: NDArray[np.float32] = embeddings.float().cpu().numpy()
        return result

    def _shrink(self, error: BaseException, tried: int) -> None:
        """Halve the batch after memory ran out; give up when that can't help."""
        if not is_out_of_memory(error):
            raise _explain(error, self.device, "the image encoder failed on it") from error
        if tried <= 1:
            raise _explain(error, self.device, "a single patch doesn't fit") from error
        self.batch_size = max(1, tried // 2)
        _release_cached(self.device)


def _release_cached(device: torch.device) -> None:
    """Return freed blocks to the device: halves seldom fit in a whole's fragments."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _explain(error: BaseException, device: torch.device, what: str) -> DeviceError:
    first_line = str(error).strip().splitlines()[:1]
    return DeviceError(
        f"device {device}: {what}",
        found=first_line[0] if first_line else type(error).__name__,
        hint="Close other programs that use it, or choose the device 'cpu'.",
    )
