"""What has to be asked before spots can be read, and what was answered before."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.files import atomic_path
from napari_stexp.progress import Progress
from napari_stexp.session.user_data import data_folder

if TYPE_CHECKING:
    from napari_stexp.spots import SpotColumns, SpotOptions
    from napari_stexp.spots.columns import ColumnsGuess
    from napari_stexp.spots.columns_table import TableLook
    from napari_stexp.spots.spatialdata_store import StoreContent

__all__ = ["ColumnMemory", "SpotsQuestion", "ask_about_spots", "open_spots_steps"]

_LOG = logging.getLogger(__name__)
_FILE = "spot-tables.json"
_MOST = 50


@dataclass(frozen=True)
class SpotsQuestion:
    """A table whose columns, or a store whose spots or frame have to be chosen.

    Attributes
    ----------
    path : Path
    counts : Path or None
        As they were given.
    look : TableLook or None
        Of a table.
    guess : ColumnsGuess or None
        What its names suggest, or what was answered before.
    store : StoreContent or None
        Of a SpatialData store.
    """

    path: Path
    counts: Path | None = None
    look: TableLook | None = None
    guess: ColumnsGuess | None = None
    store: StoreContent | None = None


class ColumnMemory:
    """How tables were read, kept in the user's data; losing it harms nothing.

    A table is of the same kind as another where it has all columns that were chosen in
    that one, and the same columns besides, genes left aside.
    """

    def find(self, look: TableLook) -> SpotOptions | None:
        """Return how a table of this kind was read the last time."""
        from napari_stexp.spots.columns import SpotColumns
        from napari_stexp.spots.options import SpotOptions

        for entry in self._read():
            try:
                columns = SpotColumns.of(entry["columns"])
                if entry["others"] == _others(look, columns):
                    return SpotOptions(columns, entry["units"], entry["decimal"])
            except (KeyError, TypeError, StexpError):
                continue
        return None

    def keep(self, look: TableLook, options: SpotOptions) -> None:
        """Remember how a table was read."""
        if options.columns is None:
            return
        new = {
            "columns": asdict(options.columns),
            "units": options.units,
            "decimal": options.decimal,
            "others": _others(look, options.columns),
        }
        entries = [one for one in self._read() if one.get("others") != new["others"]]
        try:
            with atomic_path(data_folder() / _FILE) as temporary:
                temporary.write_text(json.dumps([new, *entries][:_MOST]), encoding="utf-8")
        except StexpError as error:
            _LOG.info("how a table was read isn't kept: %s", error)

    def _read(self) -> list[dict[str, Any]]:
        try:
            entries = json.loads((data_folder() / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        known = entries if isinstance(entries, list) else []
        return [one for one in known if isinstance(one, dict)]


def _others(look: TableLook, columns: SpotColumns) -> list[str] | None:
    """Return a table's columns without its genes, None where one that was chosen is missing."""
    genes = set(columns.gene_names(look.names, look.numeric))
    if not set(columns.chosen.values()) <= set(look.names) or not genes <= set(look.names):
        return None
    return sorted(set(look.names) - genes)


def ask_about_spots(
    path: Path, counts: Path | None = None, *, again: bool = False, remembered: bool = True
) -> tuple[SpotsQuestion | None, SpotOptions | None]:
    """Find out whether something has to be asked before spots are read.

    Parameters
    ----------
    path : Path
    counts : Path, optional
    again : bool
        Ask even where it was answered before, or the names say all.
    remembered : bool
        Whether earlier answers count.

    Returns
    -------
    SpotsQuestion or None
        None where nothing has to be asked.
    SpotOptions or None
        What was answered before for a table of this kind.
    """
    from napari_stexp.spots import SpotOptions, guess_columns, is_spatialdata, look_at_store
    from napari_stexp.spots.columns import ColumnsGuess
    from napari_stexp.spots.columns_table import look_at_table
    from napari_stexp.spots.reading import is_free_table

    if is_spatialdata(path):
        store = look_at_store(path)
        sure = len(store.names) == 1 and len(store.pixel_frames(store.spots[0])) == 1
        return (None, None) if sure and not again else (SpotsQuestion(path, store=store), None)
    if not (path.is_file() and is_free_table(path, SpotOptions())):
        return None, None
    look = look_at_table(path)
    guess = guess_columns(look.names, look.numeric)
    before = ColumnMemory().find(look) if remembered else None
    if before is not None and before.columns is not None:
        if not again:
            return None, before
        guess = ColumnsGuess(before.columns, before.units or "")  # type: ignore[arg-type]
    if guess.complete and not again:
        return None, None
    return SpotsQuestion(path, counts, look, guess), None


def open_spots_steps(
    path: Path,
    counts: Path | None = None,
    *,
    section: str | None = None,
    bins: str | None = None,
    options: SpotOptions | None = None,
    mpp: float | None = None,
    ask: bool = True,
    again: bool = False,
) -> Generator[Progress, None, tuple[Any, str]]:
    """Read what was called spots, unless something has to be asked first.

    Parameters
    ----------
    path : Path
    counts, section, bins, options, mpp
        See `napari_stexp.spots.read_spots`.
    ask : bool
        Whether somebody is there to answer; else what is missing is an error.
    again : bool
        Ask about a table although it is known.

    Returns
    -------
    object, str
        AnnData and 'spots' or 'prediction'; or a `SpotsQuestion` and 'question'.
    """
    yield Progress(0, 0, "reading the spots")
    from napari_stexp.session.opening.recognising import recognise
    from napari_stexp.session.prepared import prepare_spots
    from napari_stexp.spots import read_spots

    alone = counts is None and path.suffix == ".h5ad" and path.is_file()
    if alone and recognise(path) == "prediction":
        from napari_stexp.predict import read_prediction

        return read_prediction(path), "prediction"
    if ask and options is None and section is None:
        question, options = ask_about_spots(path, counts, again=again)
        if question is not None:
            return question, "question"
    yield Progress(0, 0, "reading the spots")
    spots = read_spots(path, counts=counts, section=section, bins=bins, options=options, mpp=mpp)
    yield Progress(0, 0, "looking at the spots")
    prepare_spots(spots)
    return spots, "spots"
