"""The workbench's view: where the window looks, which gene comes next, which tab is in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.errors import PredictionError, StexpError
from napari_stexp.session.workbench.genes import WorkbenchGenes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WorkbenchView"]


class WorkbenchView(WorkbenchGenes):
    """Moves the camera and steps through the genes; the part of `Workbench` for keys and menus."""

    def fit(self) -> None:
        """Fit the slide into the window.

        Raises
        ------
        StexpError
            There is no window.
        """
        self._need_window(self._host.fit())

    def fly_to(self, spot: int | str) -> None:
        """Centre the window's view on a spot: its row, or its barcode.

        Raises
        ------
        SpotsError
            There is no such spot.
        StexpError
            There is no window.
        """
        self._need_window(self._host.fly_to(self._row_of(spot)))

    def show_tab(self, title: str) -> None:
        """Bring a dock of the window to the front: 'Genes', 'Plots', 'Align'.

        Raises
        ------
        StexpError
            There is no window, or no such dock.
        """
        self._need_window(self._host.show_tab(title))

    @staticmethod
    def _need_window(done: bool) -> None:
        if not done:
            raise StexpError(
                "there is no window",
                hint="In napari's console, or with napari_stexp.panels.get_workbench(viewer).",
            )

    # ---- what is shown -------------------------------------------------------------------

    def step(self, steps: int = 1, by: str = "name") -> str:
        """Show the next gene of a ranking, or the one before; return its name.

        Parameters
        ----------
        steps : int
            Negative: backwards.
        by : str
            As in `rank_genes`.
        """
        ranked = self.rank_genes(by)
        if not ranked:
            raise PredictionError("there are no genes to step through", hint="Predict first.")
        place = ranked.index(self.session.gene) if self.session.gene in ranked else -1
        if place < 0 and steps > 0:
            steps -= 1
            place = 0
        gene = ranked[min(max(place + steps, 0), len(ranked) - 1)]
        self.session.gene = gene
        return gene

    def show_source(self, source: str) -> None:
        """Show predicted or measured values, of the same gene if both have it.

        Parameters
        ----------
        source : {'predicted', 'measured'}
        """
        self.session.keep_gene()
        self.session.source = source

    def read_out(self, spot: int | str) -> str:
        """Return what is known of a spot: gene, value, percentile, label."""
        return self.session.read_out(self._row_of(spot))

    def class_table(self, gene: str | None = None) -> pd.DataFrame:
        """Return number, mean, deviation and median of a gene by class of the labels in use.

        Parameters
        ----------
        gene : str, optional
            Default: the active one; values on the scale that is shown.

        Raises
        ------
        StexpError
            There are no values or no labels.
        """
        from napari_stexp.session.reading import describe_groups

        values = self.values(gene, shown=True)
        source = self._need(
            self.session.labelling.source, "there are no labels", "Outline regions, or load labels."
        )
        groups = {name: source.values == name for name in source.count()}
        return describe_groups(values, groups)

    def _row_of(self, spot: Any) -> int:
        from napari_stexp.errors import SpotsError

        spots = self._need(self.session.spots, "there are no spots", "Load spots first.")
        row = spots.obs_names.get_indexer([spot])[0] if isinstance(spot, str) else int(spot)
        if not 0 <= row < spots.n_obs:
            raise SpotsError(
                "there is no such spot", expected=f"a barcode or 0 to {spots.n_obs - 1}", found=spot
            )
        return int(row)
