"""Favourite genes, those that were shown last and how they are listed, kept between starts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress

from psygnal import Signal

from napari_stexp.errors import StexpError
from napari_stexp.files import atomic_path
from napari_stexp.session.user_data import data_folder

__all__ = ["GeneMarks"]

_LOG = logging.getLogger(__name__)
_FILE = "genes.json"
_MOST_RECENT = 20
_KINDS = ("favourites", "recent", "columns")


class GeneMarks:
    """What a user has marked or looked at, on whatever slide.

    It lies in the user's data folder and is read when it is first asked for, and anew
    before each change, so that two windows don't forget each other's.

    Attributes
    ----------
    changed : Signal
        A favourite, a recent gene or a column has come or gone.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] | None = None

    @property
    def favourites(self) -> tuple[str, ...]:
        """Genes with a star, in the order in which they got it."""
        return self._known()["favourites"]

    @property
    def recent(self) -> tuple[str, ...]:
        """Genes that were shown last, newest first."""
        return self._known()["recent"]

    def is_favourite(self, gene: str) -> bool:
        """Whether a gene has a star."""
        return gene in self.favourites

    def set_favourites(self, genes: Iterable[str], on: bool = True) -> None:
        """Give genes a star, or take it away."""
        genes = tuple(dict.fromkeys(genes))
        names = self._read()
        others = [gene for gene in names["favourites"] if on or gene not in genes]
        self._keep({**names, "favourites": tuple(dict.fromkeys([*others, *(genes if on else ())]))})

    def toggle(self, gene: str) -> None:
        """Give a gene a star, or take its star away."""
        self.set_favourites([gene], not self.is_favourite(gene))

    def note(self, gene: str) -> None:
        """Remember that a gene was shown."""
        if self.recent[:1] != (gene,):
            names = self._read()
            others = [name for name in names["recent"] if name != gene]
            self._keep({**names, "recent": (gene, *others)[:_MOST_RECENT]})

    def forget_recent(self) -> None:
        """Forget which genes were shown."""
        self._keep({**self._read(), "recent": ()})

    @property
    def columns(self) -> tuple[str, ...]:
        """Numbers that the list of genes shows, as `Session.gene_table` calls them."""
        return self._known()["columns"]

    @columns.setter
    def columns(self, names: Iterable[str]) -> None:
        self._keep({**self._read(), "columns": tuple(names)})

    # ---- the file ------------------------------------------------------------------------

    def _known(self) -> dict[str, tuple[str, ...]]:
        if self._names is None:
            self._names = self._read()
        return self._names

    def _keep(self, names: dict[str, tuple[str, ...]]) -> None:
        if names == self._known():
            return
        self._names = names
        try:
            with atomic_path(data_folder() / _FILE) as temporary:
                temporary.write_text(json.dumps(names, indent=1), encoding="utf-8")
        except StexpError as error:  # they hold until the window closes
            _LOG.warning("favourite genes weren't saved: %s", error.message)
        self.changed.emit()

    def _read(self) -> dict[str, tuple[str, ...]]:
        """Return what the file holds; what was known where it can't be read."""
        try:
            text = (data_folder() / _FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return self._names or dict.fromkeys(_KINDS, ())
        with suppress(ValueError, TypeError, AttributeError):
            words = json.loads(text)
            return {
                kind: tuple(dict.fromkeys(str(name) for name in words.get(kind, ())))
                for kind in _KINDS
            }
        return self._names or dict.fromkeys(_KINDS, ())
