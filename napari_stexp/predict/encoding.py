"""The image side of a bundle on a device: patches in, image embeddings out.

Batches that don't fit in memory are halved until they do.
"""

from __future__ import annotations

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


def suggest_batch_size(device: torch.device, patch_px: int) -> int:
    """Patches per batch that are fast and take a quarter of the free memory at most."""
    per_patch = _ACTIVATION_BYTES_PER_PIXEL * patch_px**2
    fitting = free_memory(device) // 4 // per_patch
    return int(max(1, min(_BATCH.get(device.type, 4), fitting)))


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
        self.batch_size = batch_size or suggest_batch_size(device, bundle.header.input.patch_px)
        try:
            self._prepare = ImagePreprocessor(bundle.header.input, device)
            model = bundle.build_model(device, image_only=True)
            self._model = model.to(memory_format=torch.channels_last).eval()
        except (RuntimeError, MemoryError) as error:
            raise _explain(error, device, "the model can't be put on it") from error

    @property
    def workers(self) -> int:
        """Batches that should be under way at a time.

        On a CPU one per core (`napari_stexp.predict.parallel` says why). On CUDA
        two, so that the GPU goes on while the previous batch is averaged.
        """
        import torch

        kind = self.device.type
        return torch.get_num_threads() if kind == "cpu" else 2 if kind == "cuda" else 1

    def embed_parallel(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Do `embed`, with as many batches under way as there are `workers`."""
        starts = range(0, len(pixels), self.batch_size)
        batches = [pixels[start : start + self.batch_size] for start in starts]
        return np.concatenate(list(map_in_order(self.embed, batches, self.workers)))

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed (N, p, p, 3) uint8 RGB patches.

        Returns
        -------
        (N, D) float32
            Not normalised.

        Raises
        ------
        DeviceError
            Not even a single patch fits in memory, or the device fails.
        """
        parts: list[NDArray[np.float32]] = []
        start = 0
        while start < len(pixels):
            batch = pixels[start : start + self.batch_size]
            try:
                parts.append(self._embed_batch(batch))
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, len(batch))
                continue
            start += len(batch)
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _embed_batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        on_cuda = self.device.type == "cuda"
        exact: Any = full_float32() if on_cuda and self.precision == "float32" else nullcontext()
        with torch.inference_mode(), exact:
            images = self._prepare(pixels)
            with torch.autocast(
                self.device.type, dtype=torch.float16, enabled=self.precision == "half"
            ):
                features = self._model.image_encoder(images)
            embeddings = self._model.image_projection(features.float())
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
