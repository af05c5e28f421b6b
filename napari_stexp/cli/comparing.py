"""``napari-stexp evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_stexp.cli.options import AsJson, Counts, check_suffix
from napari_stexp.cli.reporting import print_facts, print_json

EPILOG = """Examples:

napari-stexp evaluate predicted.h5ad measured.h5ad

napari-stexp evaluate C4.h5ad ST-spotfiles/C4_selection.tsv --scores C4_genes.csv --json
"""


def command(
    prediction: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTION",
            exists=True,
            dir_okay=False,
            help="What `napari-stexp predict` wrote (.h5ad).",
        ),
    ],
    measured: Annotated[
        Path,
        typer.Argument(
            metavar="MEASURED",
            exists=True,
            help="Counts measured at the same spots: .h5ad, a HER2ST spot file, or a HER2ST "
            "folder with --section.",
        ),
    ],
    counts: Counts = None,
    section: Annotated[
        str | None, typer.Option(help="Section of the folder that MEASURED names.")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Write the scores of each gene to this file (.csv).",
            callback=check_suffix(".csv"),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a prediction with the measurement, on the prediction's expression scale.

    Spots are matched by barcode. Numbers on the two scales are not comparable.
    """
    from napari_stexp.evaluate import compare_prediction
    from napari_stexp.files import atomic_path, check_writable
    from napari_stexp.predict import read_prediction
    from napari_stexp.spots import read_spots

    if scores is not None:
        check_writable(scores)
    result = compare_prediction(
        read_prediction(prediction), read_spots(measured, counts=counts, section=section)
    )
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
