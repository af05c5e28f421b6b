"""The workbench's genes: which is shown and how, ranking, profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import PredictionError, SpotsError
from napari_stexp.session.workbench.sets import WorkbenchSets

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.session.genes.display import DisplaySettings
    from napari_stexp.session.reading import Profile

__all__ = ["WorkbenchGenes"]


class WorkbenchGenes(WorkbenchSets):
    """Browses genes; the part of `Workbench` for the docks Genes and Plots."""

    # ---- what is shown -------------------------------------------------------------------

    @property
    def gene(self) -> str | None:
        """The active gene or signature."""
        return self.session.gene

    def show(self, gene: str, source: str | None = None) -> NDArray[np.float32]:
        """Show a gene or a signature.

        Parameters
        ----------
        gene : str
            A symbol, another name that means one gene ('HER2'), an Ensembl id where the
            model knows it, or a signature.
        source : {'predicted', 'measured'}, optional
            Default: as it is.

        Returns
        -------
        (N,) float32 array
            Its values; see `values`.

        Raises
        ------
        GeneListError
            No gene has this name.
        """
        if source is not None:
            self.session.source = source
        name = self.find_gene(gene)
        self.session.gene = name
        return self.values(name)

    def values(self, gene: str | None = None, *, shown: bool = False) -> NDArray[np.float32]:
        """Return a gene's values on the spots.

        Parameters
        ----------
        gene : str, optional
            Default: the active one.
        shown : bool
            On the scale that is shown (`set_display`), in place of log10(1 + x).

        Returns
        -------
        (N,) float32 array
            NaN where there is no value.

        Raises
        ------
        PredictionError
            There are none, or they are hidden until the annotation is locked.
        """
        name = self.session.gene if gene is None else self.find_gene(gene)
        self._score(name)
        session = self.session
        found = session.shown_values(name) if shown else session.values(name)
        if found is None:
            raise PredictionError(
                "there are no values to show",
                hint="Lock the annotation first." if session.hides_values else "Predict first.",
            )
        return found

    # ---- how it is shown -----------------------------------------------------------------

    def set_display(self, **settings: Any) -> DisplaySettings:
        """Change how values are drawn.

        Parameters
        ----------
        **settings
            Fields of `napari_stexp.session.DisplaySettings`: ``colormap``, ``transform``
            ('log', 'linear', 'z'), ``threshold``, ``mode`` ('spots', 'heat map'),
            ``opacity``, ``size_factor``, ``shape``, ``visible`` …

        Raises
        ------
        ValueError
            A setting is outside its range.
        """
        self.session.display = replace(self.session.display, **settings)
        return self.session.display

    def set_limits(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        percentiles: tuple[float, float] | None = None,
        shared: bool = False,
    ) -> tuple[float, float]:
        """Set the ends of the colour scale: by hand, by percentiles, or the same for all views.

        Parameters
        ----------
        low, high : float, optional
            In the unit that is shown. Without both, percentiles of what is shown.
        percentiles : (float, float), optional
            0 to 100; default: as they are.
        shared : bool
            Percentiles over all predictions and the measurement together.

        Returns
        -------
        (float, float)
            The ends for the active gene.
        """
        if (low is None) != (high is None):
            raise ValueError("limits by hand need both ends")
        settings: dict[str, Any] = {"limits_mode": "shared" if shared else "percentile"}
        if low is not None and high is not None:
            settings = {"limits_mode": "manual", "manual_limits": (float(low), float(high))}
        if percentiles is not None:
            settings["percentiles"] = percentiles
        self.set_display(**settings)
        return self.session.limits()

    def composite(
        self,
        *genes: str,
        mixing: str | None = None,
        limits: Mapping[str, tuple[float, float] | None] | None = None,
    ) -> None:
        """Show up to three genes or signatures at once, each in a colour; none ends it.

        Parameters
        ----------
        *genes : str
        mixing : {'rgb', 'cmy'}, optional
            Red, green, blue on black; or cyan, magenta, yellow on white.
        limits : mapping of str to (float, float) or None, optional
            Ends of a gene's scale, in the unit that is shown; None for percentiles.
        """
        names = [self.find_gene(gene) for gene in genes]
        for name in names:
            self._score(name)
        if mixing is not None:
            self.session.composite_style = replace(self.session.composite_style, mixing=mixing)
        if limits is not None:
            self._limit_channels(limits)
        self.session.composite = names

    def _limit_channels(self, limits: Mapping[str, tuple[float, float] | None]) -> None:
        style, transform = self.session.composite_style, self.session.display.transform
        known = dict(style.limits)
        for gene, ends in limits.items():
            key = (self.find_gene(gene), transform)
            known.pop(key, None)
            if ends is not None:
                known[key] = (float(ends[0]), float(ends[1]))
        self.session.composite_style = replace(style, limits=known)

    def reset_display(self) -> DisplaySettings:
        """Draw values as they are drawn at first."""
        from napari_stexp.session.genes.display import DisplaySettings

        self.session.display = DisplaySettings()
        return self.session.display

    # ---- ranking and reading -------------------------------------------------------------

    def gene_table(self) -> pd.DataFrame:
        """Return mean, variance and, where known, held-out score and Moran's I by gene."""
        self._check_shown()
        return self.session.gene_table()

    def morans_i(self) -> pd.Series:
        """Return Moran's I of every gene on the spots: how much it varies from place to place.

        Predictions are smooth, because neighbours look alike: theirs is higher than that of
        what was measured.
        """
        from napari_stexp.session.genes.spatial_ranking import start_morans_i

        expression = self.session.expression
        if expression is None or expression.morans_i is None:
            task = start_morans_i(self.session)
            self._run("script", "Finding genes with a pattern", task)
        return self.session.gene_table()["morans_i"]

    def rank_genes(self, by: str = "score") -> list[str]:
        """Return the shown genes, best first.

        Parameters
        ----------
        by : {'score', 'variance', 'mean', 'name', 'morans_i'}
            Held-out score of the model, spread or mean over the spots, the alphabet, or
            Moran's I.
        """
        self._check_shown()
        if by == "morans_i":
            return list(self.morans_i().sort_values(ascending=False, kind="stable").index)
        return self.session.rank_genes(by)

    @property
    def favourites(self) -> list[str]:
        """Genes with a star, kept for all slides."""
        return list(self.session.marks.favourites)

    def star(self, *genes: str, on: bool = True) -> None:
        """Give genes a star, or take it away."""
        self.session.marks.set_favourites(genes, on)

    def _check_shown(self) -> None:
        """Raise while expression is hidden."""
        if self.session.hides_values:
            raise PredictionError("expression is hidden until the annotation is locked")

    def select(self, spots: ArrayLike | None) -> None:
        """Choose spots: a mask (N,), rows, barcodes, or None for none."""
        if spots is None:
            self.session.select_spots(None)
            return
        table = self._need(self.session.spots, "there are no spots to choose", "Load spots first.")
        chosen = np.asarray(spots)
        if chosen.dtype.kind in "OUT":
            rows = table.obs_names.get_indexer(chosen)
            if (rows < 0).any():
                raise SpotsError("there are no such spots", found=", ".join(chosen[rows < 0][:5]))
            chosen = rows
        if chosen.dtype != np.bool_:
            mask = np.zeros(table.n_obs, np.bool_)
            mask[chosen] = True
            chosen = mask
        self.session.select_spots(chosen)

    def profile(self, spots: Any = None) -> Profile:
        """Return which genes are high in a spot, or in some, against the section.

        Parameters
        ----------
        spots : int, str, array or shapely geometry, optional
            A row, a barcode, rows, a mask (N,), or a shape in level-0 px. Default: the
            chosen spots, else the spot that was clicked.

        Raises
        ------
        SpotsError
            No spots were chosen.
        """
        from napari_stexp.session.reading import start_profile

        session = self.session
        if spots is None:
            spots = session.selection if session.selection is not None else session.focus
        if spots is None:
            raise SpotsError("no spots were chosen", hint="Name one, or select some.")
        if isinstance(spots, str):
            (spots,) = session.spots.obs_names.get_indexer([spots]).tolist()
        if isinstance(spots, int):
            session.focus_spot(spots)
        result: Profile = self._run("script", "Reading", start_profile(session, spots))
        return result
