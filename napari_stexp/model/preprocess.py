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
            None if values is None else torch.tensor(values, device=self.device).view(1, 3, 1, 1)
            for values in (contract.mean, contract.std)
        )

    def __call__(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """Prepare patches.

        Parameters
        ----------
        pixels : ndarray or Tensor, (N, p, p, 3) uint8
            RGB.

        Returns
        -------
        Tensor, (N, 3, p, p)
            In channels-last memory order, which convolutions are fastest on.

        Raises
        ------
        PredictionError
            The patches have another shape or type than the contract's.
        """
        side = self.contract.patch_px
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != (side, side, 3):
            raise PredictionError(
                "patches don't fit the model",
                expected=f"(N, {side}, {side}, 3)",
                found=tuple(pixels.shape),
            )
        if isinstance(pixels, np.ndarray):
            pixels = torch.from_numpy(np.ascontiguousarray(pixels))
        if pixels.dtype != torch.uint8:
            raise PredictionError("patches must be bytes", expected="uint8", found=pixels.dtype)
        images = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        return self._settle(images.div_(255.0 / self.contract.value_range))

    def finish(self, images: Tensor) -> Tensor:
        """Bring RGB images in 0..1, (N, 3, p, p) on the device, to the model's input.

        For training, where colours are changed in between.
        """
        return self._settle(images * self.contract.value_range)

    def _settle(self, images: Tensor) -> Tensor:
        if self.contract.color_order == "BGR":
            images = images.flip(1)
        if self._mean is not None and self._std is not None:
            images = (images - self._mean) / self._std
        return images.to(self.dtype)
