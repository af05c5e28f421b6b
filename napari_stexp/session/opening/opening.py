"""Opening files into the session, in one blocking call each (for scripts and tests).

The window runs the core's own generators in workers and hands their results
to the session's ``set_*`` methods instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_stexp.errors import SlideError
from napari_stexp.progress import exhaust
from napari_stexp.session.placing.grid_steps import GridSettings, make_grid_steps
from napari_stexp.session.placing.placement import barcodes_match, mark_if_elsewhere

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction
    from napari_stexp.slide import Slide, TissueMask
    from napari_stexp.slide.location import Location
    from napari_stexp.slide.opening import Backend
    from napari_stexp.spots import GridArea

__all__ = ["Opening", "make_tissue_grid", "spots_of_prediction"]


def make_tissue_grid(
    slide: Slide,
    pitch_um: float = 100.0,
    diameter_um: float = 55.0,
    layout: Literal["hex", "square"] = "hex",
    *,
    mask: TissueMask | None = None,
    areas: tuple[GridArea, ...] = (),
) -> Any:
    """Make virtual spots on a slide's tissue.

    Parameters
    ----------
    slide : Slide
        With a known µm/px.
    pitch_um, diameter_um : float
        Centre-to-centre distance and diameter of the spots; the defaults are Visium's.
    layout : {'hex', 'square'}
        How the spots are packed.
    mask : TissueMask, optional
        Where the tissue is; found when not given.
    areas : tuple of GridArea
        With a pitch for each, in place of ``pitch_um``.

    Returns
    -------
    AnnData
        (N, 0) spots, ``obsm['spatial']`` (x, y) in level-0 pixels.

    Raises
    ------
    ScaleError
        The slide's µm/px isn't known.
    SpotsError
        No tissue was found, or the pitch makes no spots.
    """
    settings = GridSettings(layout, pitch_um, diameter_um, areas=areas, mask=mask)
    return exhaust(make_grid_steps(slide, settings))


def spots_of_prediction(adata: Any) -> Any:
    """Return a prediction's spots alone: (N, 0) AnnData with places, scale and labels."""
    from anndata import AnnData

    from napari_stexp.spots import obs_label_columns

    kept = ("spatial", "spatial_original", "stexp_spots")
    uns = {key: adata.uns[key] for key in kept if key in adata.uns}
    places = {key: adata.obsm[key].copy() for key in kept[:2] if key in adata.obsm}
    columns = [name for name in ("array_row", "array_col") if name in adata.obs]
    columns += [name for name in obs_label_columns(adata) if name not in (*columns, "status")]
    return AnnData(obs=adata.obs[columns].copy(), obsm=places, uns=uns)


class Opening(ABC):
    """Blocking conveniences of `Session`."""

    _slide: Slide | None
    _spots: Any

    @abstractmethod
    def set_slide(self, slide: Slide | None) -> None:
        """See `Session`."""

    @abstractmethod
    def set_spots(self, spots: Any) -> None:
        """See `Session`."""

    @abstractmethod
    def set_bundle(self, bundle: ModelBundle | None) -> None:
        """See `Session`."""

    @abstractmethod
    def set_prediction(self, prediction: Prediction | None) -> None:
        """See `Session`."""

    @abstractmethod
    def _tissue_mask(self) -> TissueMask | None: ...

    @abstractmethod
    def _notify(self, notices: list[str]) -> None: ...

    def open_slide(
        self,
        path: str | Location,
        *,
        mpp: float | None = None,
        colour: str = "stored",
        backend: Backend = "auto",
    ) -> Slide:
        """Open a slide's file or address; converts a flat image first if need be."""
        from napari_stexp.slide import open_slide

        slide = open_slide(path, mpp=mpp, colour=colour, backend=backend)
        self.set_slide(slide)
        return slide

    def open_spots(
        self,
        path: str | Path,
        *,
        counts: Any = None,
        section: Any = None,
        bins: Any = None,
        options: Any = None,
    ) -> Any:
        """Read spots (AnnData) and lay them on the slide; options as of `spots.read_spots`."""
        from napari_stexp.spots import read_spots

        mpp = None if self._slide is None else self._slide.mpp
        spots = read_spots(
            path, counts=counts, section=section, bins=bins, options=options, mpp=mpp
        )
        self.set_spots(spots)
        return spots

    def make_grid_spots(
        self,
        pitch_um: float = 100.0,
        diameter_um: float = 55.0,
        layout: Literal["hex", "square"] = "hex",
        areas: tuple[GridArea, ...] = (),
    ) -> Any:
        """Lay virtual spots on the slide's tissue; see `make_tissue_grid`."""
        if self._slide is None:
            raise SlideError("a grid needs a slide", hint="Open a slide first.")
        spots = make_tissue_grid(
            self._slide, pitch_um, diameter_um, layout, mask=self._tissue_mask(), areas=areas
        )
        self.set_spots(spots)
        return spots

    def open_bundle(self, path: str | Path) -> ModelBundle:
        """Load a model bundle."""
        from napari_stexp.model import load_bundle

        bundle = load_bundle(path)
        self.set_bundle(bundle)
        return bundle

    def open_prediction(self, path: str | Path) -> Prediction:
        """Show a saved prediction; see `show_prediction`."""
        from napari_stexp.predict import read_prediction

        return self.show_prediction(read_prediction(path))

    def show_prediction(self, adata: Any) -> Prediction:
        """Show a finished prediction, on the loaded spots if they are its own, else on its own.

        Parameters
        ----------
        adata : AnnData
            As `napari_stexp.predict` makes it. One that names another slide
            than the open one is shown, with a notice.
        """
        from napari_stexp.predict import Prediction

        prediction = Prediction(adata)
        if self._spots is None or not barcodes_match(adata, self._spots):
            self.set_spots(spots_of_prediction(adata))
        prediction = mark_if_elsewhere(prediction, self._spots)
        self.set_prediction(prediction)
        self._notify(self._compare_slide(adata))
        return prediction

    def _compare_slide(self, adata: Any) -> list[str]:
        made_on = adata.uns.get("stexp", {}).get("slide", {})
        fingerprint = made_on.get("fingerprint")
        if self._slide is None or not fingerprint or fingerprint == self._slide.fingerprint():
            return []
        name = made_on.get("name", "another slide")
        return [f"This prediction was made on {name}, not on the open file {self._slide.name}."]
