"""What a training reads: spots of some sections over a gene list, and their patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.dataset.references import Reference, prepare_reference
from napari_stexp.errors import TrainingError

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import InputContract

__all__ = ["TrainingSet"]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Measured sections put one after the other, with a patch for every spot.

    Made by `Dataset.select`, where the patches stay on disk and only those that are
    asked for are read, or by `from_arrays`.

    Attributes
    ----------
    reference : Reference
        All spots of the sections (N), in the order given, over the gene list (G).
    contract : InputContract
        How the patches were cut: S fields of view of p x p px.
    genes : tuple of str, G
    patches : tuple of ndarray, (n, S, p, p, 3) uint8
        One per section of ``reference``; RGB, rows in the order of its spots.
    usable : ndarray, (N,) bool
        False where the patch couldn't be read or lies outside of the slide; its
        pixels are then the fill colour and shouldn't be learned from.

    Raises
    ------
    TrainingError
        Patches don't fit the spots or the contract.
    """

    reference: Reference
    contract: InputContract
    genes: tuple[str, ...]
    patches: tuple[NDArray[np.uint8], ...]
    usable: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = patch_shape(self.contract)
        for info, part, pixels in zip(
            self.reference.sections, self.reference.slices, self.patches, strict=True
        ):
            expected = (part.stop - part.start, *shape)
            if pixels.shape != expected or pixels.dtype != np.uint8:
                raise TrainingError(
                    f"the patches of section {info.name} don't fit its spots or the input contract",
                    expected=f"uint8 {expected}",
                    found=f"{pixels.dtype} {pixels.shape}",
                )
        if self.usable.shape != (len(self.reference),):
            raise TrainingError(
                "'usable' doesn't fit the spots",
                expected=(len(self.reference),),
                found=self.usable.shape,
            )

    def __len__(self) -> int:
        return len(self.reference)

    def read(self, rows: ArrayLike) -> NDArray[np.uint8]:
        """Read patches.

        Parameters
        ----------
        rows : array-like of int, (B,)
            Indices over all spots, in any order; may repeat.

        Returns
        -------
        ndarray, (B, S, p, p, 3) uint8
            RGB; the caller's own copy.

        Raises
        ------
        TrainingError
            An index is not in 0 .. N - 1.
        """
        wanted = np.asarray(rows, dtype=np.intp).reshape(-1)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise TrainingError(
                "no such spot", expected=f"0 to {len(self) - 1}", found=f"{wanted.tolist()[:5]}"
            )
        pixels = np.empty((len(wanted), *patch_shape(self.contract)), dtype=np.uint8)
        starts = np.array([part.start for part in self.reference.slices], dtype=np.intp)
        section = self.reference.section[wanted]
        within = wanted - starts[section] if len(starts) else wanted
        # In the order on disk, and each row copied once (fancy indexing would copy twice).
        for i in np.argsort(wanted, kind="stable"):
            pixels[i] = self.patches[section[i]][within[i]]
        return pixels

    @classmethod
    def from_arrays(
        cls,
        sections: Sequence[tuple[NDArray[np.uint8], AnnData]],
        genes: Sequence[str],
        contract: InputContract,
        *,
        missing: str = "error",
        usable: Sequence[ArrayLike] | None = None,
    ) -> TrainingSet:
        """Make a training set of arrays that are in memory.

        Parameters
        ----------
        sections : sequence of (patches, AnnData)
            For each section its patches, (n, S, p, p, 3) or, for one field of view,
            (n, p, p, 3) uint8 RGB in the spots' order, and its spots with raw counts
            and array positions.
        genes : sequence of str
            The gene list, in order.
        contract : InputContract
            How the patches were cut.
        missing : {'error', 'zero'}
            What to do with genes that a section didn't measure.
        usable : sequence of (n,) bool, optional
            Per section; all patches are usable when left out.

        Raises
        ------
        TrainingError
            No sections, two of the same name, or patches that fit neither the spots
            nor the contract.
        GeneListError, SpotsError
            See `prepare_reference`.
        """
        reference = prepare_reference([spots for _, spots in sections], genes, missing=missing)
        flags = [np.ones(spots.n_obs, bool) for _, spots in sections] if usable is None else usable
        return cls(
            reference=reference,
            contract=contract,
            genes=tuple(genes),
            patches=tuple(_with_fields(pixels) for pixels, _ in sections),
            usable=np.concatenate([np.asarray(flag, dtype=bool) for flag in flags]),
        )


def patch_shape(contract: InputContract) -> tuple[int, int, int, int]:
    """Return (S, p, p, 3): fields of view, height, width, RGB."""
    return (contract.n_fields, contract.patch_px, contract.patch_px, 3)


def _with_fields(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give single patches the axis of the fields of view."""
    return pixels[:, None] if pixels.ndim == 4 else pixels
