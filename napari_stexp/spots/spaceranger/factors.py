"""Scale factors of a section: ``scalefactors_json.json``."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from napari_stexp.errors import SpotsError
from napari_stexp.spots.spaceranger.bins import square_um

__all__ = ["ScaleFactors", "read_scale_factors"]

_FILE = "scalefactors_json.json"
_DIAMETER = "spot_diameter_fullres"


@dataclass(frozen=True)
class ScaleFactors:
    """What Space Ranger says of sizes.

    Attributes
    ----------
    values : dict
        All numbers of the file, by name: ``tissue_hires_scalef`` and so on.
    diameter_px : float or None
        Of a spot, level-0 px.
    mpp : float or None
        µm per level-0 px, where Space Ranger knows it (Visium HD).
    bin_um : float or None
        Width of a bin of Visium HD, µm.
    """

    values: dict[str, float] = field(default_factory=dict)
    diameter_px: float | None = None
    mpp: float | None = None
    bin_um: float | None = None


def read_scale_factors(positions: Path, *, of_cells: bool = False) -> ScaleFactors:
    """Read the scale factors that belong to a file of positions.

    Parameters
    ----------
    positions : Path
        The factors lie beside it, or in ``spatial/`` there, with the same prefix or none.
    of_cells : bool
        Cells have no common diameter.

    Returns
    -------
    ScaleFactors
        Where there is no such file, nothing but what the folder's name says of the bins.

    Raises
    ------
    SpotsError
        The file can't be read, or a size in it is none.
    """
    folder = positions.parent
    um = square_um(folder.parent.name) or square_um(folder.name)
    path = _find(positions)
    if path is None:
        return ScaleFactors(bin_um=um)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not of_cells:
            content[_DIAMETER]
        values = {
            str(name): float(value)
            for name, value in content.items()
            if isinstance(value, int | float) or name == _DIAMETER
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpotsError(
            "the scale factors can't be read",
            path=path,
            expected=f"JSON with {_DIAMETER}",
            found=f"{type(error).__name__}: {error}",
        ) from error
    return ScaleFactors(
        values,
        None if of_cells else _size(values, _DIAMETER, path),
        _size(values, "microns_per_pixel", path),
        None if of_cells else _size(values, "bin_size_um", path) or um,
    )


def _find(positions: Path) -> Path | None:
    """Return the factors of the same prefix, else those without one, else the only ones."""
    stem = re.split(r"tissue_positions|(?:graphclust_annotated_)?cell_segm", positions.name)[0]
    for folder in (positions.parent, positions.parent / "spatial"):
        files = sorted(folder.glob(f"*{_FILE}"))
        for name in (f"{stem}{_FILE}", _FILE):
            if folder / name in files:
                return folder / name
        if len(files) == 1:
            return files[0]
    return None


def _size(values: dict[str, float], name: str, path: Path) -> float | None:
    value = values.get(name)
    if value is not None and not (math.isfinite(value) and value > 0):
        what = "the spots' diameter is none" if name == _DIAMETER else f"{name} is no size"
        raise SpotsError(what, path=path, expected=f"{name}, a positive number", found=value)
    return value
