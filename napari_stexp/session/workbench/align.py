"""The workbench's alignment: whether spots lie on the tissue, and laying them there."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from napari_stexp.errors import AlignmentError
from napari_stexp.progress import Progress
from napari_stexp.session.workbench.slide import WorkbenchSlide

if TYPE_CHECKING:
    from napari_stexp.session.placing.draft import Draft
    from napari_stexp.session.placing.placement_check import PlacementCheck
    from napari_stexp.spots.alignment import PairFit

__all__ = ["WorkbenchAlign"]


class WorkbenchAlign(WorkbenchSlide):
    """Lays spots where they belong; the part of `Workbench` for the dock Align.

    What `move_spots`, `orient_spots`, `scale_spots` and `fit_pairs` do is tried out first, as in
    the dock; `apply_alignment` lays the spots there.
    """

    def check_placement(self) -> PlacementCheck:
        """Compare the spots with the slide's tissue, also spots that were refused.

        Returns
        -------
        PlacementCheck
            ``orientation`` with a score for each of eight orientations, ``fix`` and ``words``
            for what is clearly better.
        """
        from napari_stexp.session.placing.placement_check import check_placement_steps

        slide, spots = self._need_slide(), self._spots_to_place()
        task = check_placement_steps(slide, spots)
        found: PlacementCheck = self._run("script", "Comparing spots with tissue", task)
        self.session.aligning.check = found
        return found

    def fix_placement(self) -> str:
        """Lay the spots where the tissue suggests; return what was done, in words.

        Raises
        ------
        AlignmentError
            They lie well already, or nothing better was found.
        """
        check = self.check_placement()
        if check.fix is None:
            share = check.orientation.present.on_tissue
            raise AlignmentError(
                "no other place is clearly better", found=f"{share:.0%} of the spots on tissue"
            )
        self._place(check.spots, check.fix, check.words)
        return check.words

    def lay_in_the_middle(self) -> None:
        """Lay spots that all lie outside in the middle of the slide, to be moved from there."""
        from napari_stexp.session.placing.placement_check import lay_in_the_middle

        slide, spots = self._need_slide(), self._spots_to_place()
        self._place(spots, lay_in_the_middle(spots, slide), "laid in the middle of the slide")

    def _place(self, spots: Any, transform: Any, words: str) -> None:
        self.session.aligning.apply_to(spots, transform, words)
        self._refused = None

    # ---- trying out ----------------------------------------------------------------------

    def move_spots(
        self, x: float = 0.0, y: float = 0.0, *, degrees: float = 0.0, factor: float = 1.0
    ) -> Draft:
        """Scale and turn the spots about their middle, and move them.

        Parameters
        ----------
        x, y : float
            Level-0 px.
        degrees : float
            Clockwise.
        factor : float
            Above 1 their pattern becomes larger.
        """
        aligning = self.session.aligning
        if factor != 1.0:
            aligning.scale(factor)
        if degrees:
            aligning.turn(degrees)
        if x or y:
            aligning.shift(x, y)
        return aligning.draft

    def orient_spots(self, name: str, about: str = "spots") -> Draft:
        """Mirror, swap or turn the spots by right angles.

        Parameters
        ----------
        name : str
            One of `napari_stexp.spots.alignment.ORIENTATIONS`: 'turn by 180°' …
        about : {'spots', 'slide'}
            Whose middle stays in its place.
        """
        from napari_stexp.spots.alignment import ORIENTATIONS

        if name not in ORIENTATIONS:
            raise AlignmentError(
                "no such orientation", expected=", ".join(ORIENTATIONS), found=name
            )
        self.session.aligning.orient(name, about)
        return self.session.aligning.draft

    def scale_spots(self, image: str) -> Draft:
        """Take the spots' positions for pixels of a reduced image that they have a factor of.

        Parameters
        ----------
        image : str
            'hires', 'lowres', …
        """
        from napari_stexp.spots.alignment import FULL, list_frames, scale_between

        spots = self._spots_to_place()
        frames = {frame.name: frame for frame in list_frames(spots)}
        if image not in frames:
            raise AlignmentError(
                "the spots have no factor of this image", expected=", ".join(frames), found=image
            )
        aligning = self.session.aligning
        aligning.reset()
        if image != FULL:
            words = f"scale factor of the {image} image"
            aligning.transform_by(scale_between(frames[image], frames[FULL]), words)
        return aligning.draft

    def fit_pairs(self, own: ArrayLike, slide: ArrayLike, kind: str = "similarity") -> PairFit:
        """Show the spots where pairs of points put them, set by hand or found by a program.

        Parameters
        ----------
        own : (N, 2) array
            (x, y) in pixels of the positions that the spots' file had.
        slide : (N, 2) array
            The same places on the slide, level-0 px.
        kind : {'similarity', 'affine'}
            Needs two or three pairs; more show how well they fit.

        Returns
        -------
        PairFit
            With its residuals.

        Raises
        ------
        AlignmentError
            The pairs are too few, or lie on one line.
        """
        aligning = self.session.aligning
        aligning.set_kind(kind)
        aligning.set_pairs(own, slide)
        return aligning.show_fit()

    # ---- applying ------------------------------------------------------------------------

    def apply_alignment(self) -> None:
        """Lay the spots where they are shown; predictions are marked as of another place."""
        self.session.aligning.apply()

    def reset_alignment(self) -> None:
        """Show the spots where they lie; pairs stay."""
        self.session.aligning.reset()

    def undo_alignment(self) -> None:
        """Lay the spots where their file had them."""
        self.session.aligning.take_back()

    def save_spots(self, path: str | Path) -> Path:
        """Write the spots as they lie now, ``.h5ad``, with the record of how they were aligned."""
        spots = self._need(self.session.spots, "there are no spots to save", "Load spots first.")
        path = Path(path)

        def write() -> Generator[Progress, None, Path]:
            yield Progress(0, 0, "saving the spots")
            from napari_stexp.spots import write_spots

            return write_spots(spots, path)

        return Path(self._run("script", f"Saving {path.name}", write()))

    def _spots_to_place(self) -> Any:
        spots = self.session.spots if self._refused is None else self._refused
        return self._need(spots, "there are no spots to align", "Load spots first.")
