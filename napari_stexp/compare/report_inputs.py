"""What a comparison is made from: a prediction, a slide, a measurement, and their origin."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.compare.report_labels import OF_SPOTS
from napari_stexp.errors import EvaluationError
from napari_stexp.figure.outlines import bounds_of
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_stexp.annotation import Region
    from napari_stexp.slide import Slide

__all__ = [
    "check_slide",
    "describe_origin",
    "find_mpp",
    "name_of",
    "open_slide",
    "picture_of",
    "read_measured",
    "read_prediction",
]

#: Pixels along the longer side of what is shown of a slide: 300 dpi at 18 cm.
_PICTURE_PX = 2160
#: A slide's picture is never larger than this, however small a part of it is shown.
_MOST_PX = 6000


def read_prediction(prediction: str | Path | AnnData) -> AnnData:
    """Return a prediction, read where it is a file, that says its expression scale."""
    from napari_stexp import predict
    from napari_stexp.evaluate import scale_of

    adata = prediction if hasattr(prediction, "obs_names") else predict.read_prediction(prediction)
    scale_of(adata)
    return adata


def read_measured(
    measured: str | Path | AnnData | None, counts: str | Path | None, section: str | None
) -> AnnData | None:
    """Return spots with counts, read where they are a file or a folder."""
    from napari_stexp.spots import read_spots

    if measured is None or hasattr(measured, "obs_names"):
        return measured
    spots = read_spots(measured, counts=counts, section=section)
    if not spots.n_vars:
        raise EvaluationError("these spots come without measured counts", path=measured)
    return spots


def open_slide(slide: str | Path | Slide | None) -> Generator[Progress, None, Slide | None]:
    """Return a slide, opened where it is a file; a flat image is converted first."""
    from napari_stexp import slide as room

    if slide is None or not isinstance(slide, str | Path):
        return slide
    yield from room.prepare_slide(slide)
    return room.open_slide(slide)


def check_slide(prediction: AnnData, slide: Slide | None) -> list[str]:
    """Refuse a slide of another size than the predicted one; remark on another file."""
    facts = prediction.uns["stexp"].get("slide", {})
    if slide is None or not facts:
        return []
    known = facts.get("height"), facts.get("width")
    if None not in known and tuple(map(int, known)) != tuple(slide.shape):
        raise EvaluationError(
            "this isn't the slide that was predicted",
            path=slide.path,
            expected=f"{known[1]} x {known[0]} px, as {facts.get('file', 'the predicted one')}",
            found=f"{slide.shape[1]} x {slide.shape[0]} px",
        )
    if facts.get("fingerprint") in (None, "", slide.fingerprint()):
        return []
    return [
        f"{slide.path.name} has the size of the slide that was predicted, but isn't the same file."
    ]


def find_mpp(prediction: AnnData, measured: AnnData | None, slide: Slide | None) -> float | None:
    """Return µm per pixel, as the prediction used it, or as slide or spots say."""
    from napari_stexp.spots import estimate_mpp

    said = prediction.uns["stexp"].get("slide", {}).get("mpp")
    said = said or (None if slide is None else slide.mpp)
    if said:
        return float(said)
    tables = [table for table in (measured, prediction) if table is not None]
    return next((mpp for mpp in map(estimate_mpp, tables) if mpp), None)


def name_of(prediction: AnnData, measured: AnnData | None, slide: Slide | None) -> str:
    """Return what the section is called, and its slide, where that is another name."""
    tables = [table for table in (measured, prediction) if table is not None]
    said = (table.uns.get("stexp_spots", {}).get("section") for table in tables)
    section = next((str(name) for name in said if name), "")
    file = str(prediction.uns["stexp"].get("slide", {}).get("name") or "")
    file = slide.name if slide is not None else file
    return f"{section} ({file})" if section and file and section != file else section or file


def picture_of(
    slide: Slide | None, centers: NDArray[np.floating], regions: Sequence[Region] = ()
) -> tuple[NDArray[np.uint8], float] | None:
    """Return a slide reduced so that what a report shows of it prints at 300 dpi.

    Parameters
    ----------
    slide : Slide, optional
    centers : (N, 2)
        Spots, (x, y) in level-0 pixels.
    regions : sequence of Region
        In the same frame.

    Returns
    -------
    (ndarray (h, w, 3) uint8, float) or None
        As `Slide.thumbnail`; at most 6,000 px along the longer side.
    """
    if slide is None:
        return None
    places = np.asarray(centers, dtype=np.float64)
    corners = [places[np.isfinite(places).all(axis=1)]]
    if bounds := bounds_of(regions):
        corners.append(np.reshape(bounds, (2, 2)))
    shown = np.vstack(corners)
    side = float(np.ptp(shown, axis=0).max()) if len(shown) else 0.0
    longest = max(slide.shape)
    wanted = _PICTURE_PX * longest / max(min(side, longest), 1.0)
    return slide.thumbnail(int(min(max(wanted, _PICTURE_PX), _MOST_PX, longest)))


def describe_origin(
    prediction: Any,
    annotation: str | Path,
    measured: Any,
    slide: Slide | None,
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """Return what a comparison depends on: files with their hashes, parameters, versions."""
    from datetime import UTC, datetime
    from importlib import metadata

    from napari_stexp._version import __version__

    packages = ["anndata", "numpy", "pandas", "scipy", "scikit-learn", "shapely"]
    packages += ["scanpy"] if "leiden" in parameters["methods"] else []
    files = {"prediction": prediction, "annotation": annotation, "measurement": measured}
    facts: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"napari-stexp {__version__}",
        "files": {name: told for name, file in files.items() if (told := _describe_file(file))},
    }
    if slide is not None:
        facts["slide"] = slide.describe()
    facts["parameters"] = parameters
    facts["versions"] = {name: metadata.version(name) for name in packages}
    return facts


def _describe_file(file: Any) -> str | dict[str, Any]:
    from napari_stexp.files import sha256

    if not isinstance(file, str | Path):
        return ""
    if str(file).startswith(OF_SPOTS) or not Path(file).is_file():
        return str(file)
    path = Path(file)
    return {"path": str(path), "bytes": path.stat().st_size, "sha256": sha256(path)}
