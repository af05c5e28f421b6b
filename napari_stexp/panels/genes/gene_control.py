"""Between the list of genes and the session: what takes a while to find out, and stars."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_stexp.session import start_morans_i

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session.genes.expression import Expression

__all__ = ["GeneControl"]


class GeneControl(QObject):
    """Finds Moran's I, and keeps favourites; the area is genes.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    morans_i_found = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self._tried: weakref.ref[Expression] | None = None

    def find_morans_i(self, *, unasked: bool = False) -> None:
        """Find Moran's I of the shown genes in the background, where it isn't known.

        While a prediction runs it waits to be asked again. Nothing that was cancelled
        is begun again ``unasked``.
        """
        expression = self.session.expression
        filling = self.session.source == "predicted" and self._controller.busy("predict")
        if expression is None or expression.morans_i is not None or filling:
            return
        if self._controller.busy("genes") or self.session.hides_values:
            return
        if unasked and self._tried is not None and self._tried() is expression:
            return
        self._tried = weakref.ref(expression)

        def tell(_: object) -> None:
            if self.session.expression is expression:
                self.morans_i_found.emit()

        self._controller.start(
            "genes",
            start_morans_i(self.session),
            title="Finding Moran's I",
            unit="genes",
            on_return=tell,
        )

    def toggle_favourite(self, gene: str) -> None:
        """Give a gene a star, or take its star away."""
        self._controller.guard("genes", self.session.marks.toggle, gene)

    def set_columns(self, names: Sequence[str]) -> None:
        """Remember which numbers are listed beside the genes."""
        self.session.marks.columns = names
