"""The session: slide, spots, model, prediction and view, with signals for what changes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_stexp.errors import StexpError
from napari_stexp.session.annotation.annotating import Annotating
from napari_stexp.session.annotation.blinding import Blinding
from napari_stexp.session.genes.browsing import Browsing
from napari_stexp.session.opening.opening import Opening
from napari_stexp.session.placing.alignment import Aligning
from napari_stexp.session.placing.placement import barcodes_match, check_placement, keep_elsewhere
from napari_stexp.session.placing.scaling import Scaling, describe_rescaling
from napari_stexp.session.placing.tissue import Tissue
from napari_stexp.session.prediction.predicting import Predicting
from napari_stexp.session.training.training import Training
from napari_stexp.session.undoing import Undoing

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction, PredictParams
    from napari_stexp.slide import Slide, TissueMask

__all__ = ["Session"]


class Session(Annotating, Browsing, Predicting, Opening, Scaling):
    """The only source of truth about what is open; knows neither napari nor Qt.

    Signals are emitted in the thread that sets the state, after *all* of the
    state has changed: a listener may read anything. Setting what is already
    set emits nothing.

    Attributes
    ----------
    notices : list of str
        What the user should know though it was no error, oldest first.
        Every new one is also emitted by ``noticed``.
    training : Training
        The model that is being made; independent of what is open.
    aligning : Aligning
        Lays the spots elsewhere on the slide.
    tissue : Tissue
        Where the slide has any.
    undoing : Undoing
        Takes back what was done last, whatever it was.
    """

    slide_changed = Signal(object)
    spots_changed = Signal(object)
    bundle_changed = Signal(object)
    params_changed = Signal(object)
    noticed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._slide: Slide | None = None
        self._spots: Any = None
        self._bundle: ModelBundle | None = None
        self._prediction: Prediction | None = None
        self._params: PredictParams | None = None
        self.notices: list[str] = []
        self.training = Training()
        self.aligning = Aligning(self)
        self.tissue = Tissue(self)
        self.undoing = Undoing(self)

    # ---- slide ---------------------------------------------------------------------------

    @property
    def slide(self) -> Slide | None:
        """The open slide."""
        return self._slide

    @slide.setter
    def slide(self, slide: Slide | None) -> None:
        self.set_slide(slide)

    def set_slide(self, slide: Slide | None) -> None:
        """Show a slide; the session closes it when another one takes its place.

        The same file at another scale keeps the spots. Another file drops
        spots, annotations and prediction; the model stays.

        Raises
        ------
        ScaleError
            The same slide's new µm/px contradicts its spots; nothing changed.
        """
        old = self._slide
        if slide is old:
            return
        if old is not None and slide is not None and slide.path == old.path:
            self._rescale(slide)
            return
        spots, notices = self._keep_waiting_spots(slide)
        self._slide = slide
        if old is not None:
            self.regions.restore_blinding(Blinding())
        self.regions.values_were_seen = False
        self._replace(spots=spots, prediction=None, annotations=None, slide_changed=True)
        self._notify(notices)
        if old is not None:
            old.close()

    def _rescale(self, slide: Slide) -> None:
        notices = [] if self._spots is None else check_placement(self._spots, slide)
        old = self._slide
        self._slide = slide
        self.slide_changed.emit(slide)
        if old is not None:
            notices = [*notices, *describe_rescaling(old, slide, self._prediction)]
        self._notify(notices)
        if old is not None:
            old.close()  # the new one keeps what they share open

    def _keep_waiting_spots(self, slide: Slide | None) -> tuple[Any, list[str]]:
        """Keep spots that were loaded before any slide, if they fit on this one."""
        if self._slide is not None or slide is None or self._spots is None:
            return None, []
        try:
            return self._spots, check_placement(self._spots, slide)
        except StexpError as error:
            return None, [f"The spots were dropped: {error.message}"]

    # ---- spots ---------------------------------------------------------------------------

    @property
    def spots(self) -> Any:
        """The spots (AnnData), or None."""
        return self._spots

    @spots.setter
    def spots(self, spots: Any) -> None:
        self.set_spots(spots)

    def set_spots(self, spots: Any) -> None:
        """Lay spots on the slide; the prediction of other spots goes.

        Raises
        ------
        SpotsError
            The table is unusable, or all of its spots lie outside the slide.
        ScaleError
            The spots' pitch contradicts the slide's µm/px.
        """
        if spots is self._spots:
            return
        notices = [] if spots is None else check_placement(spots, self._slide)
        self._replace(spots=spots, prediction=None, annotations=self._annotations)
        self._notify(notices)

    def move_spots(self, spots: Any) -> None:
        """Lay the same spots elsewhere; predictions stay, marked as of another placement.

        Raises
        ------
        SpotsError, ScaleError
            As `set_spots`.
        """
        kept = keep_elsewhere(self.predictions) if self._spots is not None else {}
        shown, source, gene = self.predictions.active, self._source, self._gene
        same = self._spots is not None and barcodes_match(spots, self._spots)
        self.set_spots(spots)
        if not same or not kept:
            return
        for name, prediction in kept.values():
            self.set_prediction(prediction, name)
        if shown is not None:
            self.show_model(kept[shown][0])
        with suppress(StexpError):
            self.source = source
            if gene is not None:
                self.gene = gene
        self._notify([
            "The predictions were made before the spots were moved; they are marked, and "
            "drawn where the spots are now. Predict again."
        ])  # fmt: skip

    # ---- model and parameters ------------------------------------------------------------

    @property
    def bundle(self) -> ModelBundle | None:
        """The loaded model."""
        return self._bundle

    @bundle.setter
    def bundle(self, bundle: ModelBundle | None) -> None:
        self.set_bundle(bundle)

    def set_bundle(self, bundle: ModelBundle | None) -> None:
        """Set the model of the next prediction; one that is shown stays as it is."""
        if bundle is self._bundle:
            return
        self._bundle = bundle
        self.bundle_changed.emit(bundle)

    @property
    def params(self) -> PredictParams:
        """How the next prediction is made."""
        if self._params is None:
            from napari_stexp.predict import PredictParams

            self._params = PredictParams()
        return self._params

    @params.setter
    def params(self, params: PredictParams) -> None:
        if params != self.params:
            self._params = params
            self.params_changed.emit(params)

    # ---- what follows from it ------------------------------------------------------------

    def missing(self) -> list[str]:
        """Say in plain sentences what is still needed before predicting; empty when ready."""
        needs = []
        if self._slide is None:
            needs.append("Open a slide.")
        if self._spots is None:
            needs.append("Load spots, or make a grid.")
        if self._bundle is None:
            needs.append("Load a model.")
        elif (
            self._slide is not None
            and self._slide.mpp is None
            and self._bundle.header.input.mpp is not None
        ):
            needs.append("Set the slide's size of a pixel (µm/px): this model needs it.")
        return needs

    def close(self) -> None:
        """Drop everything and close the slide's file."""
        self.set_slide(None)
        self.set_spots(None)
        self.set_bundle(None)

    def _replace(
        self,
        *,
        spots: Any,
        prediction: Prediction | None,
        annotations: list[Any] | None,
        slide_changed: bool = False,
    ) -> None:
        """Change all of the state, then say what has changed, from the ground up."""
        before = (self._spots, self._prediction, self._annotations, self._source, self._gene)
        self._spots, self._prediction, self._annotations = spots, prediction, annotations
        if annotations is not before[2]:
            self.regions.load(annotations, announce=False)
        if spots is not before[0]:
            self._selection = self._focus = None
            self._forget_predictions(prediction)
        self._measured = None
        self._predicted = None if prediction is None else self._find_expression(prediction)
        measured_only = prediction is None and self.has_measurement
        self._source = "measured" if measured_only else "predicted"
        self._settle_gene()
        self._note_what_is_seen()
        if slide_changed:
            self.slide_changed.emit(self._slide)
        self._tell_annotating(spots is not before[0], annotations is not before[2],
                              prediction is not before[1])  # fmt: skip
        signals = (
            (self.spots_changed, spots, spots is not before[0]),
            (self.prediction_changed, prediction, prediction is not before[1]),
            (self.focus_changed, None, spots is not before[0]),
            (self.source_changed, self._source, self._source != before[3]),
            (self.gene_changed, self._gene, self._gene != before[4]),
        )
        for signal, value, changed in signals:
            if changed:
                signal.emit(value)

    def _tissue_mask(self) -> TissueMask | None:
        return self.tissue.mask

    def _has_values(self) -> bool:
        return self.has_measurement or (
            self._prediction is not None and bool((self._prediction.status != "pending").any())
        )

    def _notify(self, notices: list[str]) -> None:
        for notice in notices:
            self.notices.append(notice)
            self.noticed.emit(notice)
