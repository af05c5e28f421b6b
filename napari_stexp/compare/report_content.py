"""What a comparison report is about: everything that is shown in it, put together by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.annotation import Region
    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.region_genes import RegionGenes
    from napari_stexp.evaluate import EvaluationResult

__all__ = ["BLINDING", "LabelsOfSpots", "ReportContent", "SpotLabels"]

Color = tuple[int, int, int]

#: Key in ``uns`` of the record of a blinded annotation, beside the labels in ``obs``.
BLINDING = "stexp_annotation"


class LabelsOfSpots(Protocol):
    """What the report asks of labels; the session's ``LabelSource`` is one, too."""

    @property
    def title(self) -> str:
        """Where the labels come from, for people."""

    @property
    def kind(self) -> str:
        """'regions', 'column', 'table' or 'domains'."""

    @property
    def values(self) -> NDArray[np.object_]:
        """(N,) class of each spot, '' for none."""

    @property
    def colours(self) -> Mapping[str, Color]:
        """Class -> red, green, blue, 0 to 255, in the order of the legend."""


@dataclass(frozen=True, eq=False)
class SpotLabels:
    """One class, or none, for each spot.

    Attributes
    ----------
    title : str
        Where they come from, for people: ``'C4.geojson'``.
    kind : {'regions', 'column', 'table', 'domains'}
        What that is.
    values : (N,) array of str
        '' for spots without a class.
    colours : mapping of str to (int, int, int)
        Of each class, 0 to 255, in the order of the legend.
    """

    title: str
    kind: str
    values: NDArray[np.object_]
    colours: Mapping[str, Color]


@dataclass(frozen=True, eq=False)
class ReportContent:
    """A section, what was predicted (or measured) on it, and what a pathologist says of it.

    N spots are those of ``prediction``, or of ``spots`` where there is no prediction; all
    arrays per spot are in their order.

    Attributes
    ----------
    section : str
        What the slide or section is called.
    prediction : AnnData, optional
        As ``napari_stexp.predict`` makes it: expression on the scale in ``uns['stexp']``.
    spots : AnnData, optional
        The spots; raw counts where they were measured, no variables otherwise. Matched with
        the prediction by barcode.
    labels : LabelsOfSpots, optional
        Of the N spots.
    regions : sequence of Region
        Outlines, (x, y) in level-0 pixels.
    thumbnail : (ndarray (h, w, 3) uint8, float), optional
        The whole slide, reduced, and level-0 pixels per pixel of it.
    mpp : float, optional
        µm per level-0 pixel.
    genes : sequence of str
        Genes to be shown one by one.
    contrasts : sequence of RegionGenes
        Genes of regions. Several sources (predicted, measured) of the same sides are shown
        together.
    agreements : sequence of Agreement
        Domains next to the labels.
    scores : EvaluationResult, optional
        The prediction against the measurement.
    blinding : mapping, optional
        How the annotation was made: ``state``, ``started``, ``locked_at`` (ISO 8601),
        ``seconds``, ``n_unlocks``, ``seen_before``, ``n_regions``.
    title : str
        Of the report; one is made where it is empty.
    remarks : sequence of str
        What the reader has to know, such as contrasts that were left out.
    provenance : mapping
        What all of it depends on: files, parameters, versions; texts, numbers, lists and
        mappings of these.

    Raises
    ------
    EvaluationError
        Neither a prediction nor spots; labels of other spots.
    """

    section: str
    prediction: AnnData | None = None
    spots: AnnData | None = None
    labels: LabelsOfSpots | None = None
    regions: Sequence[Region] = ()
    thumbnail: tuple[NDArray[np.uint8], float] | None = None
    mpp: float | None = None
    genes: Sequence[str] = ()
    contrasts: Sequence[RegionGenes] = ()
    agreements: Sequence[Agreement] = ()
    scores: EvaluationResult | None = None
    blinding: Mapping[str, Any] | None = None
    title: str = ""
    remarks: Sequence[str] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.prediction is None and self.spots is None:
            raise EvaluationError("a report needs a prediction or measured spots")
        parts = {"labels": None if self.labels is None else len(self.labels.values)}
        parts |= {f"contrast {at + 1}": len(c.sides.inside) for at, c in enumerate(self.contrasts)}
        parts |= {f"agreement {at + 1}": len(a.domains) for at, a in enumerate(self.agreements)}
        for name, length in parts.items():
            if length is not None and length != self.n_spots:
                raise EvaluationError(
                    f"the report's {name} are of other spots", expected=self.n_spots, found=length
                )

    @property
    def base(self) -> AnnData:
        """The table whose rows are the N spots."""
        return self.spots if self.prediction is None else self.prediction

    @property
    def n_spots(self) -> int:
        """Number of spots."""
        return int(self.base.n_obs)

    @property
    def centers(self) -> NDArray[np.float64]:
        """Spot centres (N, 2), (x, y) in level-0 pixels."""
        return np.asarray(self.base.obsm["spatial"], dtype=np.float64)

    @property
    def is_measured(self) -> bool:
        """Whether there are counts."""
        return self.spots is not None and self.spots.n_vars > 0

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the prediction says of where it comes from."""
        found = {} if self.prediction is None else self.prediction.uns.get("stexp")
        return found if isinstance(found, Mapping) else {}

    @property
    def scale(self) -> str:
        """Expression scale of all values, 'spot' or 'gene'."""
        from napari_stexp.evaluate import scale_of

        return "spot" if self.prediction is None else scale_of(self.prediction)
