"""Says so where the model's reference knows the tissue, and offers to leave that out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Notice

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import PredictParams

__all__ = ["OverlapBox", "find_overlap"]

_HELP = "Predict from the other patients' reference spots only, as for a new patient."


def find_overlap(spots: Any, bundle: ModelBundle) -> tuple[str, int, int]:
    """Return the spots' patient, how many reference sections are theirs, and how many are not.

    The patient is '' where the spots don't say whose they are.
    """
    patient = str(spots.uns.get("stexp_spots", {}).get("patient") or "")
    sections = bundle.header.sections
    theirs = sum(bool(patient) and str(section.patient) == patient for section in sections)
    return patient, theirs, len(sections) - theirs


class OverlapBox(QWidget):
    """A warning, and a box to leave the patient's own sections out of the reference."""

    params_requested = Signal(object)  # PredictParams

    def __init__(self) -> None:
        super().__init__()
        self._params: PredictParams | None = None
        self._patient = ""
        self.notice = Notice("warning")
        self.box = QCheckBox("leave this patient's sections out")
        self.box.setToolTip(_HELP)
        self.box.toggled.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.notice)
        layout.addWidget(self.box)
        self.hide()

    def show_state(
        self, spots: Any, bundle: ModelBundle | None, params: PredictParams, running: bool = False
    ) -> None:
        """Show what holds for these spots and this model; during a run it can't be changed."""
        patient, theirs, others = "", 0, 0
        if spots is not None and bundle is not None:
            patient, theirs, others = find_overlap(spots, bundle)
        self._params, self._patient = params, patient
        self.setVisible(bool(theirs))
        if not theirs:
            return
        self.notice.say(
            "warning",
            f"The model's reference holds {count(theirs, 'section')} of this patient ({patient}): "
            "the prediction looks better than it would for a new patient.",
        )
        self.box.blockSignals(True)
        self.box.setChecked(patient in params.exclude_patients)
        self.box.blockSignals(False)
        self.box.setEnabled(others > 0 and not running)
        self.box.setToolTip(
            _HELP if others else "This model has no reference spots of other patients."
        )

    def _ask(self, leave_out: bool) -> None:
        excluded = [p for p in self._params.exclude_patients if p != self._patient]
        if leave_out:
            excluded.append(self._patient)
        self.params_requested.emit(replace(self._params, exclude_patients=tuple(excluded)))
