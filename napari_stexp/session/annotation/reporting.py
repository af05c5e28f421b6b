"""The report of what a session shows and has compared."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import AnnotationError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.compare import ReportContent
    from napari_stexp.session.state import Session

__all__ = ["REPORT_PARTS", "start_report"]

#: What a report holds of a session's comparisons, if they have been made.
REPORT_PARTS = ("genes", "agreement", "scores")


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
