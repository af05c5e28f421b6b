"""What a prediction is made from, checked: slide at a known scale, spots, bundle, bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import ScaleError
from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.retrieval_checks import check_retrieval

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import ModelBundle, ReferenceBank
    from napari_stexp.slide import Slide

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """Checked inputs of a prediction.

    Attributes
    ----------
    slide : Slide
        With the scale that is used, which may have been estimated from the spots.
    spots : AnnData
        N spots.
    bundle : ModelBundle
        The model.
    bank : ReferenceBank
        The bundle's, without what is left out.
    params : PredictParams
        With the bundle's own settings filled in.
    """

    slide: Slide
    spots: AnnData
    bundle: ModelBundle
    bank: ReferenceBank
    params: PredictParams

    @property
    def centers(self) -> NDArray[np.float64]:
        """(N, 2) spot centres, (x, y) in level-0 pixels."""
        return np.asarray(self.spots.obsm["spatial"], dtype=np.float64)


def make_plan(
    slide: Slide, spots: AnnData, bundle: ModelBundle, params: PredictParams | None = None
) -> Plan:
    """Check what a prediction is to be made from.

    Raises
    ------
    SpotsError
        There are no spots, or none that can be used.
    ScaleError
        The slide's µm/px is needed and unknown, or contradicts the spots.
    PredictionError
        A setting is impossible, or names something that isn't there.
    """
    from napari_stexp.spots import check_spots

    params = (params or PredictParams()).resolve(bundle)
    check_spots(spots, slide.shape)
    slide = settle_scale(slide, spots, bundle.header.input.mpp)
    bank = bundle.bank.without(params.exclude_sections, params.exclude_patients)
    check_retrieval(int(params.k or 0), str(params.metric), len(bank))
    return Plan(slide, spots, bundle, bank, params)


def settle_scale(slide: Slide, spots: AnnData, model_mpp: float | None) -> Slide:
    """Return the slide with a known µm/px, where the model needs one.

    Unknown µm/px are estimated from the pitch of the spots, which is known for
    an array technology; the slide's ``mpp_source`` then says ``spots``.

    Raises
    ------
    ScaleError
        Neither slide nor spots tell, or they contradict each other or the objective and
        nobody has settled that.
    """
    from napari_stexp.slide.scale_review import check_settled
    from napari_stexp.spots import check_scale, estimate_mpp

    if slide.mpp is not None:
        check_scale(spots, slide.mpp, settled={one.key for one in slide.settled})
        check_settled(slide, model_mpp)
        return slide
    estimate = estimate_mpp(spots)
    if estimate is not None:
        return slide.with_mpp(estimate, source="spots")
    if model_mpp is None:
        return slide  # patches are read as they are, for want of anything better
    raise ScaleError(
        "the size of this slide's pixels is unknown",
        path=slide.path,
        expected=f"µm per pixel, since the model reads patches at {model_mpp:g} µm/px",
        found="none in the file, and spots of unknown pitch",
        hint="State the slide's µm per pixel: --mpp or --mpp-from (spots, objective), or "
        "'Scale…' in the panel 'Slide & spots'.",
    )
