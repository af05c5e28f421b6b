"""Predictions that need no contrastive learning: what a model must beat to be worth its name.

On the per-gene scale sequencing depth is in every gene, and depth follows cell density:
there a regression on how dark the patch is may beat a trained network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.ridge import ALPHAS, RidgeChoice, fit_ridge
from napari_stexp.model.expression import log_normalize

if TYPE_CHECKING:
    import scipy.sparse

__all__ = [
    "COLOUR_STATISTICS",
    "TISSUE_STATISTICS",
    "BaselineInput",
    "BaselinePredictions",
    "predict_baselines",
]

#: Of the first field of view: what 'nearest_colour' measures distance in.
COLOUR_STATISTICS = tuple(f"{c}_{s}" for s in ("mean", "std") for c in ("red", "green", "blue"))
#: Of the first field of view: all that 'tissue_density' knows.
TISSUE_STATISTICS = ("dark_50", "dark_35", "nuclear_fraction")


@dataclass(frozen=True)
class BaselineInput:
    """What baselines know of the spots of one or more sections.

    Attributes
    ----------
    statistics : (N, S x F) float
        Statistics of colour and stain (`napari_stexp.model.patch_statistics`), field of
        view after field of view; a row of NaN where a patch couldn't be read.
    features : (N, W) float or None
        Of the model's image encoder, before its projection.
    counts : csr_array (N, G)
        Raw counts over the gene list. Not looked at where spots are to be predicted.
    section : (N,) int
        Which section each spot belongs to.
    """

    statistics: NDArray[np.floating]
    features: NDArray[np.floating] | None
    counts: scipy.sparse.csr_array
    section: NDArray[np.integer]

    def __post_init__(self) -> None:
        parts = {"statistics": self.statistics, "features": self.features, "section": self.section}
        rows = {name: len(part) for name, part in parts.items() if part is not None}
        rows["counts"] = self.counts.shape[0]
        if len(set(rows.values())) > 1:
            raise EvaluationError(
                "the parts of a baseline's input are of other spots",
                expected="one row per spot in each",
                found=", ".join(f"{name} {n}" for name, n in rows.items()),
            )

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Spots whose statistics and features are finite, (N,)."""
        known = np.isfinite(self.statistics).all(axis=1)
        if self.features is not None:
            known &= np.isfinite(self.features).all(axis=1)
        return known

    def expression(self, scale: str) -> NDArray[np.float32]:
        """Return the expression, (N, G), brought to the scale section by section."""
        values = np.zeros(self.counts.shape, dtype=np.float32)
        for section in np.unique(self.section):
            rows = np.flatnonzero(self.section == section)
            values[rows] = log_normalize(self.counts[rows], scale)
        return values


class BaselinePredictions(dict[str, NDArray[np.float32]]):
    """Baseline -> predicted expression (N, G), NaN where a patch couldn't be read.

    Attributes
    ----------
    choices : dict
        Ridge baseline -> `RidgeChoice`: which alpha was chosen, and the scores behind it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices: dict[str, RidgeChoice] = {}


def predict_baselines(
    train: BaselineInput,
    test: BaselineInput,
    scale: str,
    *,
    alphas: Sequence[float] = ALPHAS,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> BaselinePredictions:
    """Fit every baseline on the training spots and predict the others.

    - ``'mean'``: the mean of the training spots.
    - ``'nearest_colour'``: expression of the training spot with the nearest
      `COLOUR_STATISTICS`, standardised over the training spots.
    - ``'ridge_statistics'``, ``'ridge_features'``: ridge regression on all statistics, and
      on the encoder's features where given; alpha chosen among ``alphas`` inside the
      training sections (`fit_ridge`).
    - ``'tissue_density'``: linear regression on `TISSUE_STATISTICS`.

    Parameters
    ----------
    train, test : BaselineInput
        Over the same genes, statistics and features.
    scale : {'spot', 'gene'}
        Expression scale of what is fitted and predicted.
    alphas : sequence of float
        Penalties to choose from.
    names : sequence of str, F, optional
        Of the statistics of one field of view; `napari_stexp.model.STATISTICS` when not
        given.
    seed : int
        For folds of spots, where there is only one training section.

    Returns
    -------
    BaselinePredictions
        A dict of (N, G) float32.

    Raises
    ------
    EvaluationError
        Inputs that don't fit each other, or without a patch that could be read.
    """
    from sklearn.linear_model import LinearRegression

    colour, tissue = _find_columns(train, test, names)
    rows, wanted = train.readable, test.readable
    for side, readable in (("training", rows), ("held-out", wanted)):
        if not readable.any():
            raise EvaluationError(f"no {side} spot has a patch that can be read")
    target = train.expression(scale)[rows]
    known, asked = train.statistics[rows], test.statistics[wanted]
    predicted = BaselinePredictions()

    def put(method: str, values: NDArray[np.floating]) -> None:
        whole = np.full((len(wanted), target.shape[1]), np.nan, dtype=np.float32)
        whole[wanted] = values
        predicted[method] = whole

    put("mean", target.mean(axis=0, dtype=np.float64))
    put("nearest_colour", target[_find_nearest(known[:, colour], asked[:, colour])])
    tables = {"ridge_statistics": (known, asked)}
    if train.features is not None and test.features is not None:
        tables["ridge_features"] = (train.features[rows], test.features[wanted])
    for method, (mine, others) in tables.items():
        model, choice = fit_ridge(mine, target, train.section[rows], alphas, seed)
        put(method, model.predict(others))
        predicted.choices[method] = choice
    regression = LinearRegression().fit(known[:, tissue], target)
    put("tissue_density", regression.predict(asked[:, tissue]))
    return predicted


def _find_nearest(known: NDArray[np.floating], asked: NDArray[np.floating]) -> NDArray[np.intp]:
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(known)
    search = NearestNeighbors(n_neighbors=1).fit(scaler.transform(known))
    nearest = search.kneighbors(scaler.transform(asked), return_distance=False)
    return np.asarray(nearest[:, 0], dtype=np.intp)


def _find_columns(
    train: BaselineInput, test: BaselineInput, names: Sequence[str] | None
) -> tuple[list[int], list[int]]:
    """Columns of the first field's colour and tissue statistics, after checks."""
    if names is None:
        from napari_stexp.model.statistics import STATISTICS

        names = STATISTICS
    widths = [
        (
            part.counts.shape[1],
            part.statistics.shape[1:],
            None if part.features is None else part.features.shape[1:],
        )
        for part in (train, test)
    ]
    if widths[0] != widths[1]:
        raise EvaluationError(
            "training and held-out spots are described in other ways",
            expected="the same (genes, statistics, features)",
            found=f"{widths[0]} and {widths[1]}",
        )
    n = train.statistics.shape[1]
    absent = [name for name in (*COLOUR_STATISTICS, *TISSUE_STATISTICS) if name not in names]
    if absent or n == 0 or n % len(names):
        raise EvaluationError(
            "the statistics are not those that the baselines need",
            expected=f"{len(names)} columns per field of view, with {', '.join(COLOUR_STATISTICS)}"
            f", {', '.join(TISSUE_STATISTICS)}",
            found=f"{n} columns" + (f", no {', '.join(absent)}" if absent else ""),
        )
    place = {name: i for i, name in enumerate(names)}
    return [place[name] for name in COLOUR_STATISTICS], [place[name] for name in TISSUE_STATISTICS]
