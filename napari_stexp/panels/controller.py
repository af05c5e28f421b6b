"""Between panels and session: runs what a panel asks for, and puts the result into the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal

from napari_stexp.errors import ScaleError, SpotsError, StexpError
from napari_stexp.panels import tasks
from napari_stexp.panels.align.align_control import AlignControl
from napari_stexp.panels.annotate.annotation_control import AnnotationControl
from napari_stexp.panels.aside import WindowAside
from napari_stexp.panels.background import BackgroundTasks
from napari_stexp.panels.compare.compare_control import CompareControl
from napari_stexp.panels.genes.gene_control import GeneControl
from napari_stexp.panels.genes.signature_control import SignatureControl
from napari_stexp.panels.plots.plot_library import PlotLibrary
from napari_stexp.panels.predict.prediction_control import PredictionControl
from napari_stexp.panels.reading.reading_control import ReadingControl
from napari_stexp.panels.slide.tissue_control import TissueControl
from napari_stexp.panels.train.training_control import TrainingControl
from napari_stexp.panels.workspace.workspace_control import WorkspaceControl
from napari_stexp.session.opening.spot_questions import open_spots_steps
from napari_stexp.session.placing.scaling import SETTLE
from napari_stexp.slide.location import RemotePath, as_location
from napari_stexp.viewer.garbage import collect_all_again

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["Controller"]


class Controller(BackgroundTasks):
    """Runs tasks for one viewer's panels; one task per area ('slide', 'spots' …) at a time.

    Its methods are what the panels' ``*_requested`` signals are connected to,
    and what a script or the command line calls to do the same.

    Parameters
    ----------
    session : Session
        Receives the results, in the main thread.
    """

    spots_asked = Signal(object, object)  # SpotsQuestion, and what follows the reading
    scale_conflict = Signal(object)  # spots (AnnData) that contradict the slide's scale, or None

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self.folder = Path.home()
        self.conflicting_spots: Any = None
        self.refused_spots: Any = None  # that lie outside the slide
        self.can_ask = False  # whether a panel answers `spots_asked`
        self.watcher: QObject | None = None  # of napari's window, once a panel is docked in it
        self.habits: Any = None  # of that window
        self.aside = WindowAside(self)
        self.predicting = PredictionControl(self)
        self.training = TrainingControl(self)
        self.annotating = AnnotationControl(self)
        self.plots = PlotLibrary(self)
        self.comparing = CompareControl(self)
        self.reading = ReadingControl(self)
        self.genes = GeneControl(self)
        self.signatures = SignatureControl(self)
        self.workspace = WorkspaceControl(self)
        self.aligning = AlignControl(self)
        self.tissue = TissueControl(self)
        session.noticed.connect(self._on_noticed)

    def close(self) -> None:
        """Stop everything; called when the viewer goes."""
        self._warming.stop()
        self.annotating.close()
        self.workspace.close()
        self.aligning.close()
        self.tissue.close()
        self.signatures.close()
        for handle in list(self.tasks.values()):
            handle.cancel()
        self.predicting.close()
        self.aside.close()
        collect_all_again()
        self.session.noticed.disconnect(self._on_noticed, missing_ok=True)
        self.session.labelling.values_changed.disconnect(self.find_labels, missing_ok=True)

    def _on_noticed(self, notice: str) -> None:
        show_warning(notice)

    def remember(self, path: Path | RemotePath) -> None:
        """Let the next file dialog begin where this file or folder lies."""
        if isinstance(path, RemotePath):
            return
        self.folder = path if path.is_dir() else path.parent

    # ---- slide ---------------------------------------------------------------------------

    def open_slide(
        self, path: str | Path | RemotePath, then: Callable[[], None] | None = None
    ) -> None:
        """Open a slide in the background; ``then`` is called when it is shown."""
        path = as_location(path)
        self.remember(path)

        def show(slide: Any) -> None:
            self.predicting.stop()
            self.forget_conflict()
            self.session.set_slide(slide)
            if then is not None:
                then()

        self.start(
            "slide", tasks.open_slide_steps(path), title=f"Opening {path.name}", on_return=show
        )

    def close_slide(self) -> None:
        """Close the slide; spots and prediction go with it."""
        self.predicting.stop()
        self.cleared.emit("slide")
        self.forget_conflict()
        self.guard("slide", self.session.set_slide, None)

    def set_mpp(self, mpp: float) -> None:
        """Set the size of a pixel by hand."""
        self.cleared.emit("slide")
        self.guard("slide", self.session.set_mpp, mpp)

    def take_mpp_from_spots(self) -> None:
        """Set the size of a pixel to what the spots' known pitch implies."""
        from napari_stexp.spots import estimate_mpp

        spots = self.conflicting_spots if self.conflicting_spots is not None else self.session.spots
        mpp = None if spots is None else estimate_mpp(spots)
        if mpp is not None:
            self.settle_scale(mpp, "spots")

    def settle_scale(self, mpp: float, source: str) -> None:
        """Set the size of a pixel, knowing what contradicts it; spots that waited are laid on."""
        waiting = self.conflicting_spots
        self.cleared.emit("slide")
        self.cleared.emit("spots")
        with self.session.undoing.step(SETTLE):
            settled = self.guard("slide", self.session.settle_scale, mpp, source, waiting)
            if settled and waiting is not None:
                self.guard("spots", self._set_spots, waiting)

    def set_colour(self, colour: str) -> None:
        """Show the slide in its stored colours or in sRGB."""
        self.cleared.emit("slide")
        self.guard("slide", self.session.set_colour, colour)

    # ---- spots ---------------------------------------------------------------------------

    def load_spots(
        self,
        path: str | Path,
        counts: str | Path | None = None,
        then: Callable[[], None] | None = None,
        **choices: Any,
    ) -> None:
        """Read spots in the background and lay them on the slide; a prediction is shown as one.

        ``choices`` are those of `open_spots_steps`, such as ``bins`` of a Visium HD run.
        Where one is missing, ``spots_asked`` is emitted instead.
        """
        path = Path(path)
        self.remember(path)

        def show(found: tuple[Any, str]) -> None:
            table, kind = found
            if kind == "question":
                self.spots_asked.emit(table, then)
                return
            if kind == "prediction":
                self.session.show_prediction(table)
            else:
                self._set_spots(table)
            if then is not None:
                then()

        slide = self.session.slide
        choices.setdefault("mpp", None if slide is None else slide.mpp)
        choices.setdefault("ask", self.can_ask)
        reading = open_spots_steps(path, Path(counts) if counts else None, **choices)
        steps = tasks.draw_first_steps(reading)
        self.start("spots", steps, title=f"Reading {path.name}", on_return=show)

    def load_bins(self, source: str | Path, bins: str) -> None:
        """Read other bins, or the cells, of the Visium HD run to which a file belongs."""
        from napari_stexp.spots import run_folder

        self.load_spots(run_folder(source), bins=bins)

    def make_grid(
        self, settings: tasks.GridSettings, then: Callable[[], None] | None = None
    ) -> None:
        """Lay virtual spots on the slide, in the background; ``then`` is called when they lie."""
        if self.session.slide is None:
            self.fail("spots", StexpError("a grid needs a slide", hint="Open a slide first."))
            return

        def show(spots: Any) -> None:
            self._set_spots(spots)
            if then is not None:
                then()

        if settings.mask is None:
            settings = replace(settings, mask=self.session.tissue.mask)
        steps = tasks.make_grid_steps(self.session.slide, settings)
        self.start("spots", steps, title="Making a grid", on_return=show)

    def clear_spots(self) -> None:
        """Take the spots away, and the prediction with them."""
        self.predicting.stop()
        self.cleared.emit("spots")
        self.forget_conflict()
        with self.session.undoing.step("Remove the spots"):
            self.guard("spots", self.session.set_spots, None)

    def _set_spots(self, spots: Any) -> None:
        self.predicting.stop()
        try:
            with self.session.undoing.step("Load other spots"):
                self.session.set_spots(spots)
        except ScaleError:
            self.conflicting_spots = spots
            self.scale_conflict.emit(spots)
            raise
        except SpotsError:
            self.refused_spots = spots
            self.aligning.look_at_refused()
            raise
        self.forget_conflict()

    def forget_conflict(self) -> None:
        """Forget spots that couldn't be laid on the slide."""
        self.conflicting_spots = self.refused_spots = None
        self.scale_conflict.emit(None)

    # ---- model ---------------------------------------------------------------------------

    def load_bundle(self, path: str | Path, then: Callable[[], None] | None = None) -> None:
        """Load a model bundle in the background."""
        path = Path(path)
        self.remember(path)

        def show(bundle: Any) -> None:
            self.session.set_bundle(bundle)
            if then is not None:
                then()

        self.start(
            "model", tasks.load_bundle_steps(path), title=f"Loading {path.name}", on_return=show
        )

    def import_checkpoint(self, request: tasks.ImportRequest) -> None:
        """Make a bundle of a released checkpoint in the background, and load it."""
        self.remember(request.output)

        def show(bundle: Any) -> None:
            self.session.set_bundle(bundle)
            self.succeeded.emit("model", f"Imported and saved as {request.output}.")

        self.start(
            "model",
            tasks.import_steps(request),
            title=f"Importing {request.checkpoint.name}",
            on_return=show,
        )

    def clear_bundle(self) -> None:
        """Unload the model; a prediction that is shown stays."""
        self.cleared.emit("model")
        self.guard("model", self.session.set_bundle, None)

    def set_params(self, params: Any) -> None:
        """Set how the next prediction is made."""
        self.session.params = params

    # ---- genes ---------------------------------------------------------------------------

    def set_gene(self, gene: str) -> None:
        """Show another gene."""
        self.guard("genes", setattr, self.session, "gene", gene)

    def set_source(self, source: str) -> None:
        """Show what was predicted, or what was measured, of the same gene if both have it."""
        self.session.keep_gene()
        self.guard("genes", setattr, self.session, "source", source)

    def set_display(self, display: Any) -> None:
        """Draw the gene otherwise."""
        with self.session.undoing.step("Draw the spots otherwise"):
            self.session.display = display
