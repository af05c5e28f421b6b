"""Put a comparison together from files: what ``napari-stexp compare`` does."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.compare.agreement import find_agreement
from napari_stexp.compare.measured import pair_expression
from napari_stexp.compare.report_content import BLINDING, ReportContent
from napari_stexp.compare.report_contrasts import Values, choose_genes, choose_pairs, rank_pairs
from napari_stexp.compare.report_inputs import (
    check_slide,
    describe_origin,
    find_mpp,
    name_of,
    open_slide,
    picture_of,
    read_measured,
    read_prediction,
)
from napari_stexp.compare.report_labels import read_annotation
from napari_stexp.errors import EvaluationError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.annotation import Region
    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.report_content import SpotLabels
    from napari_stexp.slide import Slide

__all__ = ["CompareParams", "compare_annotation", "default_methods"]

_N_STEPS = 5


@dataclass(frozen=True)
class CompareParams:
    """What is compared, and how.

    Attributes
    ----------
    classes : tuple of str
        ``'A:B'`` (class A against class B), ``'A'`` (against all other classes) or
        ``'A:rest'`` (against all other spots). Empty: every class with enough spots against
        all other classes.
    genes : tuple of str
        Shown one by one. Empty: the first ``n_genes`` that are predicted higher in the
        classes, in turn.
    n_genes : int
        See there.
    margin_um : float
        Spots this near the border of a class are left out of the genes' comparison.
    methods : tuple of {'kmeans', 'leiden'}, optional
        How domains are found; None: in all ways that are installed. Empty: not at all.
    over : {'labelled', 'all'}
        Which spots are clustered (`find_agreement`).
    seed : int
        Same seed, same domains.
    """

    classes: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    n_genes: int = 6
    margin_um: float = 0.0
    methods: tuple[str, ...] | None = None
    over: str = "labelled"
    seed: int = 0


def compare_annotation(
    prediction: str | Path | AnnData,
    annotation: str | Path,
    params: CompareParams | None = None,
    *,
    slide: str | Path | Slide | None = None,
    measured: str | Path | AnnData | None = None,
    counts: str | Path | None = None,
    section: str | None = None,
    column: str | None = None,
) -> Generator[Progress, None, ReportContent]:
    """Compare a prediction with an annotation, and with a measurement where there is one.

    Parameters
    ----------
    prediction : path-like or AnnData
        As ``napari_stexp.predict`` makes it.
    annotation : path-like or 'obs:COLUMN'
        Regions, a table of labels, or a column of the spots' table (`read_annotation`).
    params : CompareParams, optional
        What is compared, and how.
    slide : path-like or Slide, optional
        The slide that was predicted; for its picture, and its µm per pixel. A Slide that is
        passed in is left open.
    measured : path-like or AnnData, optional
        Raw counts at the same spots (``napari_stexp.spots.read_spots``).
    counts, section : optional
        As `read_spots` takes them, where ``measured`` is a path.
    column : str, optional
        Of a table of labels.

    Yields
    ------
    Progress
        Units are steps.

    Returns
    -------
    ReportContent
        For `compose_comparison_report`. What couldn't be compared, and why, is in its
        ``remarks``.

    Raises
    ------
    StexpError
        A file can't be read or isn't of these spots; an unknown gene or class; nothing that
        can be compared is left.
    """
    params = CompareParams() if params is None else params
    methods = default_methods(params.methods)
    yield Progress(0, _N_STEPS, "reading")
    predicted = read_prediction(prediction)
    truth = read_measured(measured, counts, section)
    opened = yield from open_slide(slide)
    try:
        remarks = check_slide(predicted, opened)
        labels, regions = read_annotation(
            annotation, predicted, slide=opened, measured=truth, column=column
        )
        parts = yield from _compare(
            _Inputs(predicted, truth, labels, regions, find_mpp(predicted, truth, opened)),
            params,
            methods,
        )
        yield Progress(4, _N_STEPS, "reading the slide")
        thumbnail = picture_of(opened, predicted.obsm["spatial"], regions)
        settings = asdict(params) | {"methods": methods, "column": column}
        provenance = describe_origin(prediction, annotation, measured, opened, settings)
    finally:
        if opened is not None and opened is not slide:
            opened.close()
    parts["remarks"] = remarks + parts["remarks"]
    content = ReportContent(
        section=name_of(predicted, truth, opened),
        prediction=predicted,
        spots=truth,
        labels=labels,
        regions=regions,
        thumbnail=thumbnail,
        blinding=predicted.uns.get(BLINDING) if labels.kind == "column" else None,
        provenance=provenance,
        **parts,
    )
    yield Progress(_N_STEPS, _N_STEPS, "compared")
    return content


@dataclass(frozen=True)
class _Inputs:
    prediction: AnnData
    measured: AnnData | None
    labels: SpotLabels
    regions: tuple[Region, ...]
    mpp: float | None


def _compare(
    inputs: _Inputs, params: CompareParams, methods: tuple[str, ...]
) -> Generator[Progress, None, dict[str, Any]]:
    """Return the parts of a `ReportContent` that are found out."""
    labels = inputs.labels
    yield Progress(1, _N_STEPS, "comparing genes")
    tables = _list_values(inputs.prediction, inputs.measured)
    pairs, remarks = choose_pairs(labels, params.classes)
    contrasts, said = rank_pairs(
        pairs,
        labels,
        tables,
        xy=inputs.prediction.obsm["spatial"],
        mpp=inputs.mpp,
        margin_um=params.margin_um,
        regions=inputs.regions if labels.kind == "regions" else None,
    )
    remarks += said
    genes = choose_genes(contrasts, tables, params.genes, params.n_genes)
    yield Progress(2, _N_STEPS, "comparing with the measurement")
    scores = _score(inputs.prediction, inputs.measured)
    yield Progress(3, _N_STEPS, "finding domains")
    agreements, said = _agree(labels, tables, methods, params.over, params.seed)
    remarks += said
    if not contrasts and (params.classes or not agreements):
        raise EvaluationError("nothing can be compared", found=" ".join(remarks))
    return {
        "mpp": inputs.mpp,
        "genes": genes,
        "contrasts": contrasts,
        "agreements": agreements,
        "scores": scores,
        "remarks": remarks,
    }


def default_methods(methods: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the ways to find domains: those asked for, or all that are installed.

    Raises
    ------
    EvaluationError
        One that is unknown or not installed.
    """
    from napari_stexp.evaluate.domains import check_algorithms

    if methods is not None:
        check_algorithms(methods)
        return tuple(dict.fromkeys(methods))
    leiden = all(find_spec(name) is not None for name in ("scanpy", "igraph"))
    return ("kmeans", "leiden") if leiden else ("kmeans",)


def _list_values(prediction: AnnData, measured: AnnData | None) -> list[Values]:
    """Return what was predicted, and what was measured of the same genes."""
    from napari_stexp.evaluate import scale_of

    scale = scale_of(prediction)
    table = np.asarray(prediction.X)
    found = [Values("predicted", scale, table, [str(gene) for gene in prediction.var_names])]
    if measured is not None:
        paired = pair_expression(prediction, measured)
        genes = [str(gene) for gene in paired.genes]
        found.append(Values("measured", scale, paired.measured, genes))
    return found


def _score(prediction: AnnData, measured: AnnData | None) -> Any:
    from napari_stexp.evaluate import compare_prediction

    return None if measured is None else compare_prediction(prediction, measured)


def _agree(
    labels: SpotLabels, tables: list[Values], methods: Sequence[str], over: str, seed: int
) -> tuple[list[Agreement], list[str]]:
    """Find domains of each source in each way; say where that can't be done."""
    found: list[Agreement] = []
    remarks: list[str] = []
    for values in tables:
        for method in methods:
            try:
                found.append(
                    find_agreement(
                        values.table, labels.values, method=method, over=over, seed=seed,
                        scale=values.scale, source=values.source,
                    )
                )  # fmt: skip
            except EvaluationError as error:
                remarks.append(f"No domains of the {values.source} expression: {error.what}.")
                break
    return found, remarks
