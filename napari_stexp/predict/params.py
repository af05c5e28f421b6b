"""What the user chooses for a prediction, and what becomes of it with a given bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import PredictionError

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle

__all__ = ["SCALES", "PredictParams"]

SCALES = ("spot", "gene")


@dataclass(frozen=True)
class PredictParams:
    """Settings of a prediction; ``None`` means the bundle's own.

    Attributes
    ----------
    k : int, optional
        Reference spots per prediction.
    metric : 'l1', 'l2' or 'softmax:T', optional
        Weights 1/d² by this distance, or exp(cosine / T).
    scale : 'spot' or 'gene', optional
        Expression scale: per spot, or per gene over each reference section.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    batch_size : int, optional
        Patches per batch; by default what memory allows.
    threads : int, optional
        Threads that decode the slide.
    half : bool
        Compute the image encoder in float16 on CUDA. Faster; embeddings then
        differ by up to a few hundredths. Ignored elsewhere.
    exclude_sections, exclude_patients : tuple of str
        Left out of the reference bank.
    """

    k: int | None = None
    metric: str | None = None
    scale: str | None = None
    device: str = "auto"
    batch_size: int | None = None
    threads: int | None = None
    half: bool = False
    exclude_sections: tuple[str, ...] = ()
    exclude_patients: tuple[str, ...] = ()

    def resolve(self, bundle: ModelBundle) -> PredictParams:
        """Fill in the bundle's own settings and check the values.

        Raises
        ------
        PredictionError
            A value is impossible.
        """
        own = bundle.header.retrieval
        values: dict[str, Any] = asdict(self)
        for name in ("k", "metric", "scale"):
            if values[name] is None:
                values[name] = getattr(own, name)
        if values["scale"] not in SCALES:
            raise PredictionError(
                "unknown expression scale", expected=" or ".join(SCALES), found=values["scale"]
            )
        for name in ("batch_size", "threads"):
            if values[name] is not None and values[name] < 1:
                raise PredictionError(f"{name} must be at least 1", found=values[name])
        for name in ("exclude_sections", "exclude_patients"):
            given = values[name]
            values[name] = (given,) if isinstance(given, str) else tuple(map(str, given))
        return PredictParams(**values)
