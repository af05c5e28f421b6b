"""Annotations saved after every edit, per slide, so that a crash loses none of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.annotation import Region, RegionClass, read_regions, write_geojson
from napari_stexp.errors import AnnotationError, StexpError
from napari_stexp.files import atomic_path
from napari_stexp.session.annotation.blinding import Blinding

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["Autosave", "autosave_path", "find_autosave", "remove_autosave", "write_autosave"]

_FORMAT = 1


@dataclass(frozen=True)
class Autosave:
    """What was saved of a slide's annotation.

    Attributes
    ----------
    path : Path
        GeoJSON of the regions; beside it lies ``.state.json`` with the rest.
    saved : datetime
        When, with a time zone.
    slide : str
        The slide's name.
    n_regions : int
        How many regions there are.
    classes : tuple of RegionClass
        The palette.
    blinding : Blinding
        The record of a blinded annotation.
    """

    path: Path
    saved: datetime
    slide: str
    n_regions: int
    classes: tuple[RegionClass, ...]
    blinding: Blinding

    def read(self) -> list[Region]:
        """Return the regions.

        Raises
        ------
        AnnotationError
            The file is damaged.
        """
        return read_regions(self.path, detections=True) if self.n_regions else []


def autosave_path(slide: Slide) -> Path:
    """Return where a slide's annotation is saved: in the user's data, by the slide's content.

    ``STEXP_DATA_DIR`` puts it elsewhere.
    """
    import platformdirs

    root = os.environ.get("STEXP_DATA_DIR") or platformdirs.user_data_dir("napari-stexp", False)
    return Path(root) / "annotations" / f"{slide.fingerprint()[:32]}.geojson"


def write_autosave(
    path: Path,
    regions: Sequence[Region],
    classes: Sequence[RegionClass],
    blinding: Blinding,
    slide_name: str = "",
) -> Path:
    """Save an annotation: its regions first, then what else is known of it.

    Raises
    ------
    OutputError
        The place can't be written.
    """
    write_geojson(regions, path)
    facts = {
        "format": _FORMAT,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "slide": slide_name,
        "n_regions": len(regions),
        "classes": [{"name": one.name, "color": list(one.color)} for one in classes],
        "blinding": blinding.to_dict(),
    }
    with atomic_path(_state_path(path)) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return path


def find_autosave(path: Path) -> Autosave | None:
    """Return what was saved under a path of `autosave_path`; None if nothing usable was."""
    try:
        facts = json.loads(_state_path(path).read_text(encoding="utf-8"))
        if not path.is_file() or facts.get("format") != _FORMAT:
            return None
        return _parse(path, facts)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, StexpError):
        return None


def _parse(path: Path, facts: dict[str, Any]) -> Autosave:
    return Autosave(
        path=path,
        saved=datetime.fromisoformat(facts["saved"]),
        slide=str(facts.get("slide", "")),
        n_regions=int(facts["n_regions"]),
        classes=tuple(
            RegionClass(str(one["name"]), tuple(int(part) for part in one["color"]))  # type: ignore[arg-type]
            for one in facts["classes"]
        ),
        blinding=Blinding.from_dict(facts["blinding"]),
    )


def remove_autosave(path: Path) -> None:
    """Forget what was saved under a path; it is kept once, beside it, as ``.old``.

    Raises
    ------
    AnnotationError
        The files can't be moved.
    """
    for file in (path, _state_path(path)):
        try:
            if file.exists():
                file.replace(file.with_name(f"{file.name}.old"))
        except OSError as error:
            raise AnnotationError(
                "the saved annotation can't be put away", path=file, found=error.strerror
            ) from error


def _state_path(path: Path) -> Path:
    return path.with_suffix(".state.json")
