"""Comparing what a session shows: each task takes what it needs at once, and works when iterated.

The tasks are generators of `Progress`, to be run in a worker thread or with
`napari_stexp.progress.exhaust`; they don't change the session.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AnnotationError, EvaluationError
from napari_stexp.progress import Progress
from napari_stexp.session.annotation.sides import labels_in_use

if TYPE_CHECKING:
    from napari_stexp.compare import Agreement, RegionGenes, Sides
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.session.genes.measurement import MeasuredExpression
    from napari_stexp.session.state import Session

__all__ = ["start_agreement", "start_region_genes", "start_scores"]


@dataclass(frozen=True)
class _Values:
    """One source's values; the measured ones are scaled when they are asked for."""

    genes: list[str]
    scale: str
    source: str
    predicted: NDArray[np.float32] | None = None
    measured: MeasuredExpression | None = None
    in_model: NDArray[np.intp] | None = None  # columns of the model's genes

    def table(self, *, model_only: bool = False) -> Any:
        """Return (N, G), sparse where measured; of the model's genes only, if there is one."""
        if self.predicted is not None:
            return self.predicted
        assert self.measured is not None
        matrix = self.measured.matrix()
        return matrix[:, self.in_model] if model_only and self.in_model is not None else matrix


def _take_values(session: Session, source: str) -> _Values:
    if session.hides_values:
        raise AnnotationError("expression is hidden until the annotation is locked")
    prediction = session.prediction
    if source == "predicted":
        if prediction is None:
            raise EvaluationError("nothing has been predicted yet", hint="Press Predict first.")
        genes = list(prediction.adata.var_names)
        return _Values(genes, session.scale, source, predicted=prediction.adata.X.copy())
    measured = session.measurement
    if measured is None:
        raise EvaluationError("these spots come without measured counts")
    in_model = None
    if prediction is not None:
        known = set(prediction.adata.var_names)
        in_model = np.flatnonzero([gene in known for gene in measured.genes])
    return _Values(measured.genes, session.scale, source, measured=measured, in_model=in_model)


def start_region_genes(
    session: Session, sides: Sides, source: str = "predicted"
) -> Generator[Progress, None, RegionGenes]:
    """Compare every gene between two sides.

    Parameters
    ----------
    session : Session
        Whose expression is compared.
    sides : Sides
        Of `find_sides`.
    source : {'predicted', 'measured'}
        Which values.

    Raises
    ------
    AnnotationError
        Expression is hidden.
    EvaluationError
        There is no such expression, or a side has too few spots.
    """
    values = _take_values(session, source)

    def work() -> Generator[Progress, None, RegionGenes]:
        from napari_stexp.compare import rank_region_genes

        yield Progress(0, 0, "comparing genes")
        table = values.table()
        yield Progress(0, 0, "comparing genes")
        return rank_region_genes(table, values.genes, sides, scale=values.scale, source=source)

    return work()


def start_agreement(
    session: Session,
    method: str = "kmeans",
    n_domains: int | None = None,
    over: str = "labelled",
    source: str = "predicted",
) -> Generator[Progress, None, Agreement]:
    """Find spatial domains, and compare them with the labels in use.

    Parameters and errors are those of `napari_stexp.compare.find_agreement`.
    """
    values = _take_values(session, source)
    labels = labels_in_use(session).compared

    def work() -> Generator[Progress, None, Agreement]:
        from napari_stexp.compare import find_agreement

        yield Progress(0, 0, "finding domains")
        table = values.table(model_only=True)
        yield Progress(0, 0, "finding domains")
        return find_agreement(
            table.toarray() if hasattr(table, "toarray") else table,
            labels,
            method=method,
            n_domains=n_domains,
            over=over,
            scale=values.scale,
            source=source,
        )

    return work()


def start_scores(session: Session) -> Generator[Progress, None, EvaluationResult]:
    """Score the prediction against the measurement, gene by gene.

    Raises
    ------
    AnnotationError
        Expression is hidden.
    EvaluationError
        There is no prediction, or no measurement.
    """
    for source in ("predicted", "measured"):
        _take_values(session, source)
    prediction, spots = session.prediction, session.spots
    assert prediction is not None
    adata = prediction.adata.copy()  # what is shown may still be filling up

    def work() -> Generator[Progress, None, EvaluationResult]:
        from napari_stexp.evaluate import compare_prediction

        yield Progress(0, 0, "comparing with the measurement")
        return compare_prediction(adata, spots)

    return work()
