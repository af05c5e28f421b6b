"""What is known of the arrays that spots are printed on."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "SPATIAL_TRANSCRIPTOMICS",
    "UNSTATED_ARRAY",
    "VISIUM",
    "VISIUM_HD",
    "SpotSize",
    "spot_size",
]

SPATIAL_TRANSCRIPTOMICS = "Spatial Transcriptomics"
VISIUM = "Visium"
#: Bins of several widths, and cells: a section's files say which.
VISIUM_HD = "Visium HD"
#: GSE144240 (Ji et al., Cell 2020) says nowhere in its files on which array a section
#: lies. Two were in use: 1,007 spots 200 µm apart, and 1,934 spots for which 150 µm is
#: reported (Wang et al., Nature Communications 2024). A wrong pitch would contradict a
#: right µm per pixel, so none is recorded.
UNSTATED_ARRAY = "Spatial Transcriptomics (array not stated)"


class SpotSize(NamedTuple):
    """Centre-to-centre distance and diameter of an array's spots, µm; None where unknown."""

    pitch_um: float | None
    diameter_um: float | None


_SIZES = {
    # Ståhl et al., Science 2016: 1,007 spots of 100 µm, 200 µm apart.
    SPATIAL_TRANSCRIPTOMICS.lower(): SpotSize(200.0, 100.0),
    # 10x Genomics, Visium v1 and v2 slides: spots of 55 µm, 100 µm apart.
    VISIUM.lower(): SpotSize(100.0, 55.0),
}


def spot_size(technology: str) -> SpotSize:
    """Return the spots' pitch and diameter, None and None for another technology."""
    return _SIZES.get(technology.strip().lower(), SpotSize(None, None))
