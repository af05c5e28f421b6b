"""Laying spots elsewhere, and the record of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp._version import __version__
from napari_stexp.errors import AlignmentError
from napari_stexp.spots.alignment.fit import PairFit
from napari_stexp.spots.alignment.transform import Transform
from napari_stexp.spots.record import RECORD, spots_record

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "ORIGINAL",
    "Alignment",
    "apply_alignment",
    "own_positions",
    "read_alignment",
    "remove_alignment",
]

#: In ``obsm``: the positions that the file had. In ``uns``: its ``uns['spatial']``.
ORIGINAL = "spatial_original"
_KEY = "alignment"
_NOTHING = np.empty((0, 2))


@dataclass(frozen=True, eq=False)
class Alignment:
    """How spots were laid on a slide.

    Attributes
    ----------
    transform : Transform
        From the positions that the file had to level-0 px of the slide.
    method : str
        How it was found, in words; steps are joined by '; '.
    kind : str
        Of the fit to pairs: 'similarity', 'affine'; empty without pairs.
    pairs_own, pairs_slide : (N, 2) array
        The same places in the spots' own image (pixels as in the file) and on the slide.
    residuals_um, left_out_um : (N,) array
        Of the pairs, by the fit to all and by the fit to the others; level-0 px where
        ``mpp`` is None.
    slide, fingerprint : str
        Name and fingerprint of the slide; empty where unknown.
    mpp : float or None
        Its µm per level-0 px.
    created : str
        When (ISO 8601, UTC).
    """

    transform: Transform
    method: str
    kind: str = ""
    pairs_own: NDArray[np.float64] = field(default_factory=lambda: _NOTHING)
    pairs_slide: NDArray[np.float64] = field(default_factory=lambda: _NOTHING)
    residuals_um: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    left_out_um: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    slide: str = ""
    fingerprint: str = ""
    mpp: float | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of_pairs(
        cls, fit: PairFit, own: Any, on_slide: Any, mpp: float | None = None, **more: Any
    ) -> Alignment:
        """Record a fit to pairs.

        Parameters
        ----------
        fit : PairFit
        own, on_slide : (N, 2) array
            What it was fitted to.
        mpp : float, optional
            The slide's µm per px.
        **more
            Other attributes.
        """
        unit = mpp or 1.0
        more.setdefault("method", f"{len(fit.residuals)} pairs of points ({fit.kind})")
        more.setdefault("transform", fit.transform)
        return cls(
            kind=fit.kind,
            pairs_own=np.array(own, dtype=np.float64),
            pairs_slide=np.array(on_slide, dtype=np.float64),
            residuals_um=fit.residuals * unit,
            left_out_um=fit.left_out * unit,
            mpp=mpp,
            **more,
        )

    def to_uns(self) -> dict[str, Any]:
        """Return it as text, numbers and arrays, which h5ad holds; absent where unknown."""
        words: dict[str, Any] = {
            "matrix": np.array(self.transform.matrix),
            "method": self.method,
            "created": self.created,
            "software": f"napari-stexp {__version__}",
        }
        if len(self.pairs_own):
            unit = "px" if self.mpp is None else "um"
            words |= {
                "kind": self.kind,
                "pairs_own": self.pairs_own,
                "pairs_slide": self.pairs_slide,
                f"residuals_{unit}": self.residuals_um,
                f"left_out_{unit}": self.left_out_um,
            }
        known = {"slide": self.slide, "slide_fingerprint": self.fingerprint, "mpp": self.mpp}
        return words | {key: value for key, value in known.items() if value}

    @classmethod
    def from_uns(cls, words: Mapping[str, Any]) -> Alignment:
        """Return what `to_uns` has written.

        Raises
        ------
        AlignmentError
            Something else is there.
        """
        try:
            unit = "um" if "residuals_um" in words else "px"
            mpp = words.get("mpp")
            return cls(
                Transform(np.asarray(words["matrix"])),
                str(words.get("method", "")),
                str(words.get("kind", "")),
                np.asarray(words.get("pairs_own", _NOTHING), np.float64).reshape(-1, 2),
                np.asarray(words.get("pairs_slide", _NOTHING), np.float64).reshape(-1, 2),
                np.asarray(words.get(f"residuals_{unit}", ()), np.float64),
                np.asarray(words.get(f"left_out_{unit}", ()), np.float64),
                str(words.get("slide", "")),
                str(words.get("slide_fingerprint", "")),
                None if mpp is None else float(mpp),
                str(words.get("created", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AlignmentError("the record of the alignment is damaged", found=error) from error


def own_positions(adata: AnnData) -> NDArray[np.float64]:
    """Return the positions that the spots' file had, (N, 2), before any alignment."""
    name = ORIGINAL if ORIGINAL in adata.obsm and _KEY in spots_record(adata) else "spatial"
    return np.asarray(adata.obsm[name], dtype=np.float64)


def read_alignment(adata: AnnData) -> Alignment | None:
    """Return how spots (or those of a prediction) were laid on their slide, if they were.

    Raises
    ------
    AlignmentError
        The record is damaged.
    """
    words = spots_record(adata).get(_KEY)
    return Alignment.from_uns(words) if isinstance(words, Mapping) else None


def apply_alignment(adata: AnnData, alignment: Alignment) -> AnnData:
    """Return spots laid elsewhere; counts and tables are shared with the given ones.

    Positions, spot diameter and scale factors follow; what the file had stays in
    ``obsm['spatial_original']`` and ``uns['spatial_original']``, and the record is
    ``uns['stexp_spots']['alignment']``. An alignment replaces an earlier one. Reduced images
    are kept in ``uns['spatial']`` only where they still fit: after a change of scale alone.

    Parameters
    ----------
    adata : AnnData
        Spots, aligned before or not.
    alignment : Alignment
        From the file's positions.
    """
    own = own_positions(adata)
    spatial = _own_spatial(adata)
    new = _share(adata)
    new.obsm[ORIGINAL] = own
    new.obsm["spatial"] = np.ascontiguousarray(alignment.transform(own))
    if isinstance(spatial, Mapping):
        new.uns[ORIGINAL] = spatial
        new.uns["spatial"] = {
            key: _follow(library, alignment.transform) for key, library in spatial.items()
        }
    new.uns[RECORD] = dict(spots_record(adata)) | {_KEY: alignment.to_uns()}
    return new


def remove_alignment(adata: AnnData) -> AnnData:
    """Return spots as their file had them; the same object where they weren't aligned."""
    if _KEY not in spots_record(adata):
        return adata
    new = _share(adata)
    new.obsm["spatial"] = own_positions(adata)
    spatial = _own_spatial(adata)
    del new.obsm[ORIGINAL]
    new.uns.pop(ORIGINAL, None)
    if spatial is not None:
        new.uns["spatial"] = spatial
    record = dict(spots_record(adata))
    del record[_KEY]
    new.uns[RECORD] = record
    return new


def _own_spatial(adata: AnnData) -> Any:
    aligned = _KEY in spots_record(adata)
    return adata.uns.get(ORIGINAL if aligned else "spatial")


def _follow(library: Any, transform: Transform) -> Any:
    """Return a library of ``uns['spatial']`` whose factors hold for other positions."""
    if not isinstance(library, Mapping):
        return library
    factors = library.get("scalefactors")
    new = {key: value for key, value in library.items() if key != "images"}
    if transform.is_scaling and "images" in library:
        new["images"] = library["images"]
    elif "images" in library:
        new["images"] = {}
    if isinstance(factors, Mapping):
        scaled: dict[str, Any] = {}
        for key, value in factors.items():
            if str(key).endswith("_diameter_fullres"):
                scaled[key] = float(value) * transform.scale
            elif not str(key).endswith("_scalef"):
                scaled[key] = value
            elif transform.is_scaling:
                scaled[key] = float(value) / transform.scale
        new["scalefactors"] = scaled
    return new


def _share(adata: AnnData) -> AnnData:
    """Return another AnnData with the same contents, of which nothing large is copied."""
    from anndata import AnnData

    new = AnnData(
        adata.X,
        obs=adata.obs,
        var=adata.var,
        obsm=dict(adata.obsm),
        varm=dict(adata.varm),
        layers=dict(adata.layers),
        uns=dict(adata.uns),
    )
    if adata.raw is not None:
        new.raw = adata.raw
    return new
