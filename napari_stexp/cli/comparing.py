"""Comparing a prediction with the measurement, for ``napari-stexp evaluate``."""

from __future__ import annotations

from pathlib import Path

from napari_stexp.cli.reporting import print_facts, print_json
from napari_stexp.errors import EvaluationError

__all__ = ["compare"]


def compare(
    prediction: Path,
    measured: Path,
    *,
    counts: Path | None = None,
    section: str | None = None,
    scores: Path | None = None,
    as_json: bool = False,
) -> None:
    """Compare a prediction with the measurement, on the prediction's expression scale.

    Parameters
    ----------
    prediction : Path
        What `napari-stexp predict` wrote (.h5ad).
    measured, counts, section
        See `napari_stexp.spots.read_spots`.
    scores : Path, optional
        Where to write the scores of each gene (.csv).
    as_json : bool
        Print JSON.
    """
    from napari_stexp.evaluate import compare_prediction
    from napari_stexp.files import atomic_path, check_writable
    from napari_stexp.predict import read_prediction
    from napari_stexp.spots import read_spots

    if scores is not None:
        check_writable(scores)
    predicted = read_prediction(prediction)
    truth = read_spots(measured, counts=counts, section=section)
    try:
        result = compare_prediction(predicted, truth)
    except EvaluationError as error:
        raise EvaluationError(
            error.what,
            path=error.path or measured,
            expected=error.expected,
            found=error.found,
            hint=error.hint or f"It was compared with {prediction}.",
        ) from error
    if scores is not None:
        with atomic_path(scores) as temporary:
            result.scores.to_csv(temporary, index_label="gene")
    facts = {
        **result.summary,
        "n_unpredicted": result.n_unpredicted,
        "missing_genes": list(result.missing_genes),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
