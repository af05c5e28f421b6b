"""A whole-slide image: what it is, and reading its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import ScaleError, SlideError
from napari_stexp.slide.colour import ColourTransform, check_colour, describe_profile
from napari_stexp.slide.facts import MPP_RANGE, SlideFacts, is_plausible
from napari_stexp.slide.identify import fingerprint, is_there, stored_bytes
from napari_stexp.slide.location import Location
from napari_stexp.slide.pyramid import Pyramid
from napari_stexp.slide.reading import ReadsPixels
from napari_stexp.slide.scale_review import SettledFinding

if TYPE_CHECKING:
    pass

__all__ = ["Slide", "check_mpp"]


@dataclass(frozen=True, eq=False)
class Slide(ReadsPixels):
    """An open slide: read-only, and safe to read from many threads.

    Made by `open_slide`. Coordinates are pixels, (x, y), of level 0 unless a
    level is named; pixel (0, 0) covers [0, 1) x [0, 1).

    Attributes
    ----------
    path : Path or RemotePath
        The original file, or the address that it is read from, also where a converted copy is read.
    mpp_xy : (float, float) or None
        µm per level-0 pixel in x and y; None where unknown.
    mpp_source : {'metadata', 'user', 'spots', 'objective', 'unknown'}
        Who says so.
    facts : SlideFacts
        What the file says about itself.
    backend : str
        Who reads it, for people.
    colour : {'stored', 'sRGB'}
        The colours that all reading gives.
    settled : tuple of SettledFinding
        Contradictions about its scale that a person has decided about.
    """

    path: Location
    mpp_xy: tuple[float, float] | None
    mpp_source: str
    facts: SlideFacts
    backend: str
    _pyramid: Pyramid = field(repr=False)
    _closed: list[bool] = field(default_factory=lambda: [False], repr=False)
    colour: str = "stored"
    settled: tuple[SettledFinding, ...] = ()
    _associated: Mapping[str, Callable[[], NDArray[np.uint8]]] = field(
        default_factory=dict, repr=False
    )

    @property
    def objective(self) -> float | None:
        """Nominal magnification."""
        return self.facts.objective

    @property
    def vendor(self) -> str:
        """Who made the scanner, e.g. ``'Aperio'``; may be empty."""
        return self.facts.vendor

    @property
    def format(self) -> str:
        """Kind of file, for people, e.g. ``'Aperio SVS'``."""
        return self.facts.format

    @property
    def associated(self) -> tuple[str, ...]:
        """Names of the pictures beside the tissue, such as ``'label'`` and ``'macro'``."""
        return tuple(self._associated)

    @property
    def has_profile(self) -> bool:
        """Whether the file brings an ICC profile, which may still be damaged."""
        return bool(self.facts.icc)

    @property
    def name(self) -> str:
        """File name without its suffixes."""
        name = self.path.name
        for suffix in (".ome.tiff", ".ome.tif", ".ome.zarr.zip", ".ome.zarr", self.path.suffix):
            if suffix and name.lower().endswith(suffix.lower()):
                return name[: -len(suffix)]
        return name

    @property
    def mpp(self) -> float | None:
        """µm per level-0 pixel, the mean of x and y; None where unknown."""
        return None if self.mpp_xy is None else sum(self.mpp_xy) / 2

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0."""
        return self.levels[0].shape

    def with_mpp(
        self, mpp: float | None, source: str = "user", settled: Iterable[SettledFinding] = ()
    ) -> Slide:
        """Return the same slide with another scale.

        Both read through the same files, which stay open until both are closed.

        Parameters
        ----------
        mpp : float or None
            µm per level-0 pixel, 0.05 to 20; None where nobody knows.
        source : {'user', 'spots', 'objective', 'metadata', 'unknown'}
            Who says so.
        settled : iterable of SettledFinding
            What was decided with it.

        Raises
        ------
        ScaleError
            No slide has such pixels.
        """
        mpp = None if mpp is None else check_mpp(mpp, self.path)
        both, stated = None if mpp is None else (mpp, mpp), self.facts.mpp_xy
        if mpp and source == "metadata" and stated and abs(sum(stated) / 2 - mpp) < 1e-12:
            both = stated
        return replace(
            self, mpp_xy=both, mpp_source=source, settled=tuple(settled),
            _pyramid=self._pyramid.share(), _closed=[False],
        )  # fmt: skip

    def with_colour(self, colour: str) -> Slide:
        """Return the same slide in other colours; see `open_slide`.

        Both read through the same files, which stay open until both are closed.

        Parameters
        ----------
        colour : {'stored', 'sRGB'}

        Raises
        ------
        SlideError
            Its ICC profile is missing, damaged, or none of RGB.
        """
        colour = check_colour(colour)
        if self._closed[0]:
            raise SlideError("the slide is closed", path=self.path)
        if colour == "stored":
            pyramid = self._pyramid.stored_colours()
        elif self.colour == colour:
            pyramid = self._pyramid.share()
        else:
            pyramid = self._pyramid.converted(ColourTransform(self.facts.icc, self.path))
        return replace(self, colour=colour, _pyramid=pyramid, _closed=[False])

    def associated_image(self, name: str) -> NDArray[np.uint8]:
        """Decode a picture beside the tissue; a label or an overview can identify a patient.

        Parameters
        ----------
        name : str
            One of `associated`.

        Returns
        -------
        (h, w, 3) uint8 array

        Raises
        ------
        SlideError
            There is none of this name, or it is damaged.
        """
        if name not in self._associated:
            raise SlideError(
                f"has no {name!r} image", path=self.path,
                found=", ".join(self._associated) or "none beside the tissue",
            )  # fmt: skip
        return self._associated[name]()

    def fingerprint(self) -> str:
        """SHA-256 over the size and the first and last 4 MiB of the original file."""
        return fingerprint(self.path)

    def describe(self) -> dict[str, Any]:
        """Return the facts as plain values that JSON can hold."""
        return {
            "path": str(self.path),
            "name": self.name,
            "format": self.format,
            "vendor": self.vendor,
            "width": self.shape[1],
            "height": self.shape[0],
            "mpp": self.mpp,
            "mpp_xy": None if self.mpp_xy is None else list(self.mpp_xy),
            "mpp_source": self.mpp_source,
            "objective": self.objective,
            "scan_date": self.facts.scan_date or None,
            "icc_profile": describe_profile(self.facts.icc) or None,
            "colour": self.colour,
            "associated": list(self.associated),
            "backend": self.backend,
            "notes": list(self.facts.notes),
            "scale_claims": {claim.source: list(claim.mpp_xy) for claim in self.facts.claims},
            "levels": [
                {
                    "width": level.shape[1],
                    "height": level.shape[0],
                    "downsample": level.downsample,
                    "tile_width": level.tile[1],
                    "tile_height": level.tile[0],
                    "stored": level.stored,
                }
                for level in self.levels
            ],
            "file_bytes": stored_bytes(self.path),
            "fingerprint": self.fingerprint() if is_there(self.path) else None,
        }

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        if not self._closed[0]:
            self._closed[0] = True
            self._pyramid.release()

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as a path and a scale, to be opened there."""
        from napari_stexp.slide.opening import reopen_slide

        backend = "openslide" if self.backend.startswith("OpenSlide") else "auto"
        return (
            reopen_slide,
            (self.path, self.mpp, self.mpp_source, self.colour, self.settled, backend),
        )


def check_mpp(mpp: float, path: Location) -> float:
    """Return µm per pixel as a float, or raise `ScaleError` where no slide has such pixels."""
    if not is_plausible(mpp):
        raise ScaleError(
            "no slide has pixels of this size",
            path=path,
            expected=f"{MPP_RANGE[0]} to {MPP_RANGE[1]} µm per pixel",
            found=mpp,
        )
    return float(mpp)
