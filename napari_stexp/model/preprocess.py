"""From the bytes of a patch to what the image encoder was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_stexp.errors import PredictionError

if TYPE_CHECKING:
    from napari_stexp.model.header import InputContract

__all__ = ["ImagePreprocessor"]


class ImagePreprocessor:
    """Turn uint8 RGB patches into the model's input, on the device.

    Bytes travel to the device as they are (a quarter of the floats' size); all
    arithmetic happens there.

    Parameters
    ----------
    contract : InputContract
        Colour order, value range, mean and standard deviation.
    device : torch.device or str
        Where the result lives.
    dtype : torch.dtype
        Its type; the arithmetic is float32.
    """

    def __init__(
        self,
        contract: InputContract,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.contract = contract
        self.device = torch.device(device)
        self.dtype = dtype
        self._mean, self._std = (
            None if values is None else torch.tensor(values, device=self.device).view(3, 1, 1)
            for values in (contract.mean, contract.std)
        )

    def __call__(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """Prepare patches.

        Parameters
        ----------
        pixels : ndarray or Tensor, (N, S, p, p, 3) uint8
            RGB, of S fields of view; (N, p, p, 3) where S is 1.

        Returns
        -------
        Tensor, (N, S, 3, p, p); (N, 3, p, p) where S is 1
            In channels-last memory order, which convolutions are fastest on.

        Raises
        ------
        PredictionError
            The patches have another shape or type than the contract's.
        """
        contract = self.contract
        if tuple(pixels.shape[1:]) == (1, *contract.pixels_shape):
            pixels = pixels[:, 0]
        if tuple(pixels.shape[1:]) != contract.pixels_shape:
            raise PredictionError(
                "patches don't fit the model",
                expected=_shape_text(contract),
                found=tuple(pixels.shape),
            )
        if isinstance(pixels, np.ndarray):
            # torch warns of arrays that it may not write into, though nothing writes
            pixels = torch.from_numpy(np.require(pixels, requirements=("C", "W")))
        if pixels.dtype != torch.uint8:
            raise PredictionError("patches must be bytes", expected="uint8", found=pixels.dtype)
        images = pixels.to(self.device, non_blocking=True).movedim(-1, -3).float()
        return self._settle(images.div_(255.0 / contract.value_range))

    def finish(self, images: Tensor) -> Tensor:
        """Bring RGB images in 0..1, (..., 3, p, p) on the device, to the model's input.

        For training, where colours are changed in between.
        """
        return self._settle(images * self.contract.value_range)

    def _settle(self, images: Tensor) -> Tensor:
        if self.contract.color_order == "BGR":
            images = images.flip(-3)
        if self._mean is not None and self._std is not None:
            images = (images - self._mean) / self._std
        return images.to(self.dtype)


def _shape_text(contract: InputContract) -> str:
    """Say which pixels are wanted, and what the fields of view are."""
    text = f"(N, {', '.join(map(str, contract.pixels_shape))})"
    if contract.n_fields > 1:
        fields = ", ".join(f"{factor:g}" for factor in contract.context)
        text += f": {contract.n_fields} fields of view per spot, {fields} times the patch"
    return text
