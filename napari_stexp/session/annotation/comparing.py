"""Comparing what a session shows: each task takes what it needs at once, and works when iterated.

The tasks are generators of `Progress`, to be run in a worker thread or with
`napari_stexp.progress.exhaust`; they don't change the session.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AnnotationError, EvaluationError
from napari_stexp.progress import Progress
from napari_stexp.session.annotation.label_source import LabelSource
from napari_stexp.session.annotation.labelling import REGIONS

if TYPE_CHECKING:
    from napari_stexp.compare import Agreement, RegionGenes, ReportContent, Sides
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.session.genes.measurement import MeasuredExpression
    from napari_stexp.session.state import Session

__all__ = [
    "SELECTED_REGIONS",
    "SELECTED_SPOTS",
    "find_sides",
    "start_agreement",
    "start_region_genes",
    "start_report",
    "start_scores",
]

#: In place of a class: the regions, or the spots, that are selected.
SELECTED_REGIONS = "selected regions"
SELECTED_SPOTS = "selected spots"

#: What a report holds of a session's comparisons, if they have been made.
REPORT_PARTS = ("genes", "agreement", "scores")


def find_sides(
    session: Session, one: str, other: str | None = None, margin_um: float = 0.0
) -> Sides:
    """Take the spots of one side, and of the other.

    Parameters
    ----------
    session : Session
        Its labels in use, regions and spots.
    one : str
        A class of the labels in use, `SELECTED_REGIONS` or `SELECTED_SPOTS`.
    other : str, optional
        A class; None for every other spot that has a class (for selected spots or regions:
        every other spot); '' for every other spot.
    margin_um : float
        Spots this near the border are in neither side, µm.

    Raises
    ------
    AnnotationError
        Nothing is selected, or there are no labels.
    EvaluationError, ScaleError
        As `napari_stexp.compare.choose_sides`.
    """
    if session.spots is None:
        raise AnnotationError("there are no spots to compare", hint="Load the spots first.")
    if one in (SELECTED_REGIONS, SELECTED_SPOTS):
        return _sides_of_selection(session, one, other, margin_um)
    from napari_stexp.compare import choose_sides

    source = _source_of(session)
    return choose_sides(
        source.values,
        one,
        other,
        xy=session.spots.obsm["spatial"],
        mpp=session.world_mpp,
        regions=session.regions.items if source.key == REGIONS else None,
        margin_um=margin_um,
    )


def _sides_of_selection(session: Session, one: str, other: str | None, margin_um: float) -> Sides:
    from napari_stexp.compare import Sides, sides_of_shape

    if one == SELECTED_REGIONS:
        import shapely

        chosen = [session.regions.find(id) for id in session.regions.selected]
        if not chosen:
            raise AnnotationError("no region is selected", hint="Click a region, or draw one.")
        names = {region.name or region.class_name or "drawn region" for region in chosen}
        sides = sides_of_shape(
            shapely.union_all([region.geometry for region in chosen]),
            session.spots.obsm["spatial"],
            mpp=session.world_mpp,
            margin_um=margin_um,
            name=names.pop() if len(names) == 1 else SELECTED_REGIONS,
        )
    else:
        if session.selection is None:
            raise AnnotationError("no spots are selected", hint="Draw around some spots.")
        sides = Sides(session.selection, ~session.selection, SELECTED_SPOTS, "all other spots")
    if not other:
        return sides
    outside = sides.outside & (_source_of(session).values == other)
    return replace(sides, outside=outside, name_outside=other)


def _source_of(session: Session) -> LabelSource:
    source = session.labelling.source
    if source is None:
        raise AnnotationError(
            "there are no labels to compare",
            hint="Outline regions, or load labels, in the panel Annotations.",
        )
    return source


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
    labels = _source_of(session).compared

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


def start_report(
    session: Session,
    path: str | Path,
    genes: Sequence[str] = (),
    *,
    figures: str | Path | None = None,
    title: str = "",
    parts: Collection[str] = REPORT_PARTS,
) -> Generator[Progress, None, Path]:
    """Write a report of what the session shows and has compared.

    Parameters
    ----------
    session : Session
        Its slide, regions, labels, prediction, measurement and results.
    path : path-like
        The HTML file.
    genes : sequence of str
        Shown one by one; default: the active gene.
    figures : path-like, optional
        A folder for every figure as PNG and SVG.
    title : str
        Of the report.
    parts : collection of str
        Which of the results in ``session.comparison`` it holds.

    Raises
    ------
    AnnotationError
        Expression is hidden.
    EvaluationError
        There is neither a prediction nor spots.
    OutputError
        The file can't be written.
    """
    if session.hides_values:
        raise AnnotationError("expression is hidden until the annotation is locked")
    shown = list(genes) or ([session.gene] if session.gene else [])
    content = _content_of(session, shown, title, parts)
    slide = session.slide

    def work() -> Generator[Progress, None, Path]:
        from napari_stexp.compare import compose_comparison_report
        from napari_stexp.compare.report_inputs import picture_of

        yield Progress(0, 0, "reading the slide")
        picture = picture_of(slide, content.centers, content.regions)
        whole = replace(content, thumbnail=picture)
        written = yield from compose_comparison_report(whole, path, figures=figures)
        return written

    return work()


def _content_of(
    session: Session, genes: Sequence[str], title: str, parts: Collection[str]
) -> ReportContent:
    from napari_stexp.compare import ReportContent

    results = {name: getattr(session.comparison, name) for name in REPORT_PARTS if name in parts}
    contrast, agreement = results.get("genes"), results.get("agreement")
    prediction = session.prediction
    record = session.regions.blinding
    slide = session.slide
    return ReportContent(
        section=slide.name if slide is not None else _name_of(session.spots),
        prediction=None if prediction is None else prediction.adata.copy(),
        spots=session.spots,
        labels=session.labelling.source,
        regions=session.regions.items,
        mpp=session.world_mpp,
        genes=genes,
        contrasts=() if contrast is None else (contrast,),
        agreements=() if agreement is None else (agreement,),
        scores=results.get("scores"),
        blinding=None if record.state == "off" else record.to_dict(),
        title=title,
        provenance={} if slide is None else {"slide": slide.describe()},
    )


def _name_of(spots: Any) -> str:
    facts = {} if spots is None else spots.uns.get("stexp_spots", {})
    return str(facts.get("section") or "section")
