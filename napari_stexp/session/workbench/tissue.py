"""The workbench's tissue: where it is, and grids of virtual spots on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_stexp.errors import SlideError
from napari_stexp.session.opening import steps
from napari_stexp.session.placing.grid_steps import areas_of
from napari_stexp.session.workbench.align import WorkbenchAlign

if TYPE_CHECKING:
    from napari_stexp.slide.tissue_area import TissueMask
    from napari_stexp.spots import GridArea

__all__ = ["WorkbenchTissue"]


class WorkbenchTissue(WorkbenchAlign):
    """Finds, reads and writes the tissue mask, and makes grids; a part of `Workbench`."""

    def find_tissue(
        self, *, min_piece_mm2: float | None = None, max_hole_mm2: float | None = None
    ) -> TissueMask:
        """Find the tissue, and use it for grids, predictions and checks from now on.

        Parameters
        ----------
        min_piece_mm2, max_hole_mm2 : float, optional
            Smaller pieces are dropped, smaller holes closed; a 1,000th of the slide by
            default.

        Raises
        ------
        SlideError
            No slide is open, or its µm/px are unknown where mm² are given.
        """
        from napari_stexp.slide.tissue_area import TissueSettings, find_tissue_steps

        settings = TissueSettings(min_piece_mm2, max_hole_mm2)
        mask = self._run(
            "tissue", "Finding the tissue", find_tissue_steps(self._need_slide(), settings)
        )
        self.session.tissue.put(mask, "Find tissue")
        return mask

    def load_tissue(self, path: str | Path) -> TissueMask:
        """Use a tissue mask from a file: a picture of the whole slide, or outlines (GeoJSON).

        Raises
        ------
        SlideError, AnnotationError
            It can't be read, or is of another slide.
        """
        from napari_stexp.session.placing.tissue_files import read_tissue

        mask = read_tissue(path, self._need_slide())
        self.session.tissue.put(mask, "Load a tissue mask")
        return mask

    def save_tissue(self, path: str | Path) -> Path:
        """Write the tissue mask, ``.png`` or ``.geojson``."""
        from napari_stexp.session.placing.tissue_files import write_tissue

        mask = self._need(
            self.session.tissue.mask, "there is no tissue mask to save", "Call find_tissue first."
        )
        return write_tissue(mask, path)

    def edit_tissue(self, pixels: Any) -> None:
        """Correct the tissue mask: (h, w) bool, of the mask's own shape."""
        self._need(self.session.tissue.mask, "there is no tissue mask", "Call find_tissue first.")
        self.session.tissue.edit(pixels)

    def discard_tissue(self) -> None:
        """Forget the tissue mask: whatever needs tissue finds it again."""
        self.session.tissue.put(None, "Discard the tissue mask")

    def make_grid(
        self,
        pitch_um: float = 100.0,
        diameter_um: float = 55.0,
        layout: Literal["hex", "square"] = "hex",
        *,
        in_tissue: bool = True,
        pitches_um: Mapping[str, float | None] | None = None,
        only_regions: bool = False,
    ) -> Any:
        """Lay virtual spots on the slide, for tissue that wasn't measured.

        Parameters
        ----------
        pitch_um, diameter_um : float
            The defaults are Visium's.
        layout : {'hex', 'square'}
        in_tissue : bool
            Only where there is tissue: in the mask, where there is one; else it is found.
        pitches_um : mapping of str to float or None, optional
            Pitch of its own for the regions of each class; None: no spots there. A spot
            belongs to the smallest region that it is in.
        only_regions : bool
            No spots outside of those regions.

        Raises
        ------
        SlideError, ScaleError
            No slide is open, or its µm/px are unknown.
        AnnotationError
            There is no region of such a class.
        """
        session = self.session
        if session.slide is None:
            raise SlideError("a grid needs a slide", hint="Open a slide first.")
        areas: tuple[GridArea, ...] = ()
        if pitches_um:
            rest = None if only_regions else pitch_um
            areas = areas_of(tuple(session.annotations or ()), pitches_um, rest)
        mask = session.tissue.mask
        settings = steps.GridSettings(layout, pitch_um, diameter_um, in_tissue, areas, mask)
        spots = self._run("spots", "Making a grid", steps.make_grid_steps(session.slide, settings))
        self._lay(spots)
        return spots
