"""Write a study's numbers as tables that any program reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.evaluate.comparison import beaten_by_baseline
from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import StudyResult

__all__ = ["write_tables"]


def write_tables(result: StudyResult, folder: str | Path) -> list[Path]:
    """Write the tables of a study into a folder.

    ``scores.csv`` and ``.parquet``, ``summary.csv`` and ``.parquet``, ``domains.csv``,
    ``confusions.csv`` (one row per section, method, algorithm, class and domain),
    ``comparisons.csv`` (the model against each baseline) and ``not_beaten.csv``
    (`beaten_by_baseline`). Domains and comparisons are left out where there are none.
    Missing numbers are empty in CSV. Each file appears whole or not at all.

    Parameters
    ----------
    result : StudyResult
        Of `assess`.
    folder : path-like
        Made when missing; files of these names are replaced.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OutputError
        The folder can't be written, or the disk is full.
    """
    tables = {"scores": result.scores, "summary": result.summary}
    if len(result.domains):
        tables |= {"domains": result.domains, "confusions": _join_confusions(result)}
    if result.comparisons is not None:
        tables |= {"comparisons": result.comparisons, "not_beaten": beaten_by_baseline(result)}
    written = []
    for name, table in tables.items():
        kinds = (".csv", ".parquet") if name in ("scores", "summary") else (".csv",)
        written += [_write(table, Path(folder) / f"{name}{kind}") for kind in kinds]
    return written


def _write(table: pd.DataFrame, path: Path) -> Path:
    with atomic_path(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)
    return path


def _join_confusions(result: StudyResult) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (*key, name, domain, int(n_spots))
        for key, confusion in result.confusions.items()
        for name, counts in confusion.iterrows()
        for domain, n_spots in counts.items()
    ]
    columns = ["section", "method", "algorithm", "class", "domain", "n_spots"]
    return pd.DataFrame(rows, columns=columns)
