"""The workbench's slide: opened from files or the web, its scale, colours and other pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.errors import ScaleError, SlideError, SpotsError
from napari_stexp.session.opening import steps
from napari_stexp.session.placing.scaling import SETTLE
from napari_stexp.session.workbench.base import WorkbenchBase
from napari_stexp.slide.location import Location, as_location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_stexp.session.placing.scale_review import ScaleReview
    from napari_stexp.session.recent import RecentFile
    from napari_stexp.slide import Slide

__all__ = ["WorkbenchSlide"]


class WorkbenchSlide(WorkbenchBase):
    """Opens a slide and settles its scale; the part of `Workbench` for the dock Slide & spots."""

    _refused: Any = None  # spots that couldn't be laid on the slide as they are

    def open_slide(
        self, path: str | Location, *, mpp: float | None = None, colour: str = "stored"
    ) -> Slide:
        """Open a slide; a flat image (JPEG, PNG) is converted once.

        Parameters
        ----------
        path : path-like or address
            A file, a folder (OME-Zarr, DICOM), or ``https://…``, ``s3://…``, of which only
            what is looked at is fetched.
        mpp : float, optional
            µm per pixel, where the file doesn't say it, or wrongly.
        colour : {'stored', 'sRGB'}
            As the file has them, or converted by its ICC profile.

        Raises
        ------
        SlideError
            It can't be opened.
        """
        place = as_location(path)
        task = steps.open_slide_steps(place, mpp, colour)
        slide = self._run("slide", f"Opening {place.name}", task)
        self.session.set_slide(slide)
        return slide

    def close_slide(self) -> None:
        """Close the slide, and with it spots, regions and predictions; the model stays."""
        self.session.set_slide(None)

    def close(self) -> None:
        """Close the slide's file and drop everything."""
        self._refused = None
        self.session.close()

    @property
    def recent_files(self) -> tuple[RecentFile, ...]:
        """Workspaces, slides and models that a window had open last, newest first."""
        from napari_stexp.session.recent import RecentFiles

        return RecentFiles().items

    # ---- scale ---------------------------------------------------------------------------

    def set_mpp(self, mpp: float | None = None) -> Slide:
        """Set the slide's µm per pixel; None takes what the spots' known pitch implies.

        Raises
        ------
        ScaleError
            No slide has such pixels, or the spots contradict them.
        SlideError
            No slide is open.
        """
        source = "user" if mpp is not None else "spots"
        mpp = self.session.suggested_mpp if mpp is None else mpp
        if mpp is None:
            raise SlideError("the spots don't say how large a pixel is", hint="Give µm per pixel.")
        return self.session.set_mpp(mpp, source)

    def review_scale(self) -> ScaleReview:
        """Look for mistakes in the slide's scale.

        Returns
        -------
        ScaleReview
            ``findings``, each with its evidence; ``options``, the most likely first;
            ``questions`` are what has to be settled.

        Raises
        ------
        SlideError
            No slide is open.
        """
        self._need_slide()
        found = self.session.review_scale(self._refused)
        assert found is not None
        return found

    def settle_scale(self, mpp: float | None = None, source: str = "user") -> Slide:
        """Decide what the slide's scale is, knowing what contradicts it.

        The decision is kept in workspaces and in the provenance of predictions. Spots that
        were refused because they contradicted the scale are laid on the slide.

        Parameters
        ----------
        mpp : float, optional
            µm per level-0 pixel; default: what ``source`` says.
        source : {'metadata', 'spots', 'objective', 'user'}
            Who says so from now on.

        Raises
        ------
        SlideError, ScaleError
            No slide is open, no slide has such pixels, or the source says nothing.
        """
        with self.session.undoing.step(SETTLE):
            slide = self.session.settle_scale(mpp, source, self._refused)
            if self._refused is not None:
                self._lay(self._refused)
        return slide

    def set_colour(self, colour: str) -> Slide:
        """Show the slide, and predict on it, in its stored colours or in sRGB.

        Parameters
        ----------
        colour : {'stored', 'sRGB'}

        Raises
        ------
        SlideError
            No slide is open, or it has no colour profile.
        """
        return self.session.set_colour(colour)

    def glass_pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Return the label, the overview and other pictures of the glass, if there are any.

        They can identify a patient: nothing else of the program shows or exports them.
        """
        from napari_stexp.slide.associated import decode_steps

        task = decode_steps(self._need_slide())
        found: dict[str, NDArray[np.uint8]] = self._run("glass", "Reading the pictures", task)
        return found

    def _need_slide(self) -> Slide:
        slide: Slide = self._need(self.session.slide, "there is no slide", "Open a slide first.")
        return slide

    def _lay(self, spots: Any) -> None:
        """Lay spots on the slide; what is refused can be settled or aligned."""
        self._refused = None
        try:
            with self.session.undoing.step("Load other spots"):
                self.session.set_spots(spots)
        except (ScaleError, SpotsError):
            self._refused = spots
            raise
