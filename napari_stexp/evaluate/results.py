"""What a hold-out study is about and what comes out of it: the tables of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.model.expression import SCALES
from napari_stexp.model.header import SectionInfo

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse

__all__ = [
    "ALGORITHMS",
    "ALL",
    "BASELINES",
    "MEASURED",
    "METHODS",
    "METHOD_TITLES",
    "METRICS",
    "METRIC_TITLES",
    "MODEL",
    "SPLITS",
    "SectionEvaluation",
    "StudyResult",
]

#: Method -> what to call it in a table or a plot.
METHOD_TITLES: dict[str, str] = {
    "mclstexp": "mclSTExp",
    "mean": "Mean of the training spots",
    "nearest_colour": "Nearest training spot by colour",
    "ridge_statistics": "Ridge on colour and stain statistics",
    "ridge_features": "Ridge on the model's image features",
    "tissue_density": "Tissue density alone",
}
#: The model and its baselines, in the order of tables and plots.
METHODS: tuple[str, ...] = tuple(METHOD_TITLES)
#: The method that the study is about.
MODEL = "mclstexp"
#: What it must beat.
BASELINES: tuple[str, ...] = METHODS[1:]
#: Stands for a method where domains are found in the measurement itself.
MEASURED = "measured"

#: Stands for a section where a number is over all sections.
ALL = "all"

#: Metric of `StudyResult.summary` -> what to call it.
METRIC_TITLES: dict[str, str] = {
    "acg_pcc": "ACG: mean correlation over all genes",
    "heg_pcc": "HEG: mean correlation over the 50 most expressed genes",
    "mse": "Mean squared error",
    "mae": "Mean absolute error",
    "n_significant": "Genes with a positive correlation and q < 0.05",
}
METRICS: tuple[str, ...] = tuple(METRIC_TITLES)

#: What was held out: whole patients, or sections whose siblings stay in training.
SPLITS: tuple[str, ...] = ("patient", "section")
#: How spatial domains are found.
ALGORITHMS: tuple[str, ...] = ("kmeans", "leiden")


@dataclass(frozen=True)
class SectionEvaluation:
    """A held-out section: what was measured on it and what each method predicted.

    N spots, G genes.

    Attributes
    ----------
    section : SectionInfo
        Name, patient and organ.
    split : {'patient', 'section'}
        What was held out: all of the section's patient, or the section alone.
    genes : tuple of str, G
        Names, each once.
    spot_ids : array (N,) of str
        Barcodes, each once.
    centers : ndarray (N, 2) float64
        Spot centres, (x, y) in level-0 pixels.
    counts : csr_array (N, G) float32
        Measured raw counts.
    predicted : mapping
        Method -> scale ('spot', 'gene') -> (N, G) float32 on that expression scale;
        rows of NaN where a spot wasn't predicted.
    labels : pandas.Series, N, optional
        The pathologist's label of each spot; NaN where there is none.
    thumbnail : ndarray (h, w, 3) uint8, optional
        The slide, reduced.
    thumbnail_scale : float
        Level-0 pixels per pixel of the thumbnail.
    mpp : float, optional
        µm per level-0 pixel.

    Raises
    ------
    EvaluationError
        Parts that don't fit each other; unknown split, method or scale.
    """

    section: SectionInfo
    split: str
    genes: tuple[str, ...]
    spot_ids: NDArray[Any]
    centers: NDArray[np.float64]
    counts: scipy.sparse.csr_array
    predicted: Mapping[str, Mapping[str, NDArray[np.float32]]]
    labels: pd.Series | None = None
    thumbnail: NDArray[np.uint8] | None = None
    thumbnail_scale: float = 1.0
    mpp: float | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise self._error("unknown split", " or ".join(SPLITS), repr(self.split))
        self._check_names("genes", self.genes)
        self._check_names("spot ids", self.spot_ids)
        shape = (len(self.spot_ids), len(self.genes))
        if tuple(self.counts.shape) != shape:
            raise self._error("counts of another shape", shape, tuple(self.counts.shape))
        if np.shape(self.centers) != (shape[0], 2):
            raise self._error("centres of another shape", (shape[0], 2), np.shape(self.centers))
        if self.labels is not None and len(self.labels) != shape[0]:
            raise self._error("labels of other spots", f"{shape[0]}", len(self.labels))
        self._check_predicted(shape)

    def _check_names(self, what: str, names: Any) -> None:
        if len(names) == 0 or len(set(names)) != len(names):
            raise self._error(f"{what} must be some, each once", None, f"{len(names)} names")

    def _check_predicted(self, shape: tuple[int, int]) -> None:
        for method, by_scale in self.predicted.items():
            if method not in METHODS:
                raise self._error("unknown method", ", ".join(METHODS), method)
            for scale, values in by_scale.items():
                if scale not in SCALES:
                    raise self._error("unknown expression scale", " or ".join(SCALES), scale)
                if np.shape(values) != shape:
                    raise self._error(f"{method} predicted another shape", shape, np.shape(values))

    def _error(self, what: str, expected: object, found: object) -> EvaluationError:
        return EvaluationError(
            f"section {self.section.name}: {what}", expected=expected, found=found
        )

    @property
    def name(self) -> str:
        """The section's name."""
        return self.section.name

    @property
    def n_spots(self) -> int:
        """Number of measured spots, predicted or not."""
        return len(self.spot_ids)

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods that predicted this section, in the order of `METHODS`."""
        return tuple(method for method in METHODS if method in self.predicted)

    @property
    def scales(self) -> tuple[str, ...]:
        """Expression scales that any method predicted on, ``'spot'`` first."""
        found = {scale for by_scale in self.predicted.values() for scale in by_scale}
        return tuple(scale for scale in SCALES if scale in found)

    def measured(self, scale: str) -> NDArray[np.float32]:
        """Measured expression on a scale, (N, G), over all of the section's spots.

        Raises
        ------
        EvaluationError
            Counts that are negative or not finite; unknown scale.
        """
        from napari_stexp.errors import StexpError
        from napari_stexp.model.expression import log_normalize

        try:
            return log_normalize(self.counts, scale)
        except StexpError as error:
            raise self._error(error.what, error.expected, error.found) from error


@dataclass(frozen=True)
class StudyResult:
    """All numbers of a hold-out study, as tidy tables.

    Attributes
    ----------
    sections : tuple of SectionEvaluation
        What was scored.
    scores : DataFrame
        One row per method, split, scale, section and gene: ``method``, ``split``,
        ``scale``, ``section``, ``patient``, ``gene``, ``pcc``, ``p``, ``q``, ``mse``,
        ``mae``, ``mean_measured``, ``n_spots`` (`score_genes`).
    summary : DataFrame
        One row per method, split, scale, section (or ``'all'``) and metric: ``method``,
        ``split``, ``scale``, ``section``, ``patient``, ``metric`` (one of `METRICS`),
        ``value``, ``ci_low``, ``ci_high``, ``n_genes``, ``n_spots``, and
        ``resampled``, what the interval was drawn over (``'spots'``, ``'sections'``,
        ``'patients'``; empty: no interval).
    domains : DataFrame
        One row per section, method (or ``'measured'``) and algorithm: ``section``,
        ``method``, ``split``, ``scale``, ``algorithm``, ``truth``, ``ari``, ``nmi``,
        ``n_domains``, ``n_classes``, ``n_spots``. Empty where no section has labels.
    confusions : mapping
        (section, method, algorithm) -> DataFrame of counts, classes by domains.
    comparisons : DataFrame
        One row per baseline, scale and section (or ``'all'``): ``difference``, the model's
        mean correlation (``model_acg``) minus the baseline's (``baseline_acg``) over the
        same genes, with ``ci_low`` and ``ci_high`` over the same resampled spots
        (`compare_methods`). None without the model or a baseline.
    facts : dict
        Model, training settings, hold-out, versions and commands: JSON.
    """

    sections: tuple[SectionEvaluation, ...]
    scores: pd.DataFrame
    summary: pd.DataFrame
    domains: pd.DataFrame
    confusions: Mapping[tuple[str, str, str], pd.DataFrame]
    facts: dict[str, Any] = field(default_factory=dict)
    comparisons: pd.DataFrame | None = None

    @property
    def split(self) -> str:
        """What was held out in all of these numbers."""
        return self.sections[0].split

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods that were scored, in the order of `METHODS`."""
        found = set(self.scores["method"])
        return tuple(method for method in METHODS if method in found)

    @property
    def scales(self) -> tuple[str, ...]:
        """Expression scales that were scored, ``'spot'`` first."""
        found = set(self.scores["scale"])
        return tuple(scale for scale in SCALES if scale in found)
