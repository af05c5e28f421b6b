"""Samples of HEST-1k: the slide, the patient and the scale that belong to an h5ad file.

HEST-1k (Jaume et al., NeurIPS 2024, https://github.com/mahmoodlab/HEST) keeps ``st/<id>.h5ad``,
``wsis/<id>.tif`` and ``metadata/<id>.json`` in one folder; its library saves a single sample
as ``aligned_adata.h5ad``, ``aligned_fullres_HE.tif`` and ``metrics.json``.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_stexp.errors import SpotsError

__all__ = ["HestSample", "find_hest_sample", "find_hest_samples", "read_hest_record"]

_SLIDE_SUFFIXES = (".tif", ".tiff", ".svs")
_ALONE = "aligned_adata.h5ad"
_TOLERANCE = 0.05  # beyond which two sizes of a pixel are told apart

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HestSample:
    """Files of one sample.

    Attributes
    ----------
    name : str
        Its id, such as ``TENX95``.
    spots : Path
        The h5ad file.
    slide, metadata : Path or None
        None where they aren't there.
    """

    name: str
    spots: Path
    slide: Path | None
    metadata: Path | None


def find_hest_samples(folder: Path) -> list[HestSample]:
    """Return the samples of a HEST folder, by name; none where it isn't one.

    Parameters
    ----------
    folder : Path
        With ``st/`` beside ``wsis/`` or ``metadata/``; or that ``st/`` itself.
    """
    st = folder / "st" if (folder / "st").is_dir() else folder
    files = [] if not _is_hest(st) else sorted(st.glob("*.h5ad"))
    samples = [find_hest_sample(file) for file in files]
    return [sample for sample in samples if sample is not None]


def find_hest_sample(path: Path) -> HestSample | None:
    """Return what belongs to an h5ad file in HEST's layout, None for another file."""
    folder = path.absolute().parent
    if path.name == _ALONE:
        slide = folder / "aligned_fullres_HE.tif"
        words = [folder / name for name in ("meta.json", "metrics.json")]
        return HestSample(
            folder.name,
            path,
            slide if slide.is_file() else None,
            next((file for file in words if file.is_file()), None),
        )
    if not _is_hest(folder):
        return None
    root, name = folder.parent, path.stem
    slides = (root / "wsis" / (name + suffix) for suffix in _SLIDE_SUFFIXES)
    metadata = root / "metadata" / f"{name}.json"
    return HestSample(
        name,
        path,
        next((slide for slide in slides if slide.is_file()), None),
        metadata if metadata.is_file() else None,
    )


def _is_hest(st: Path) -> bool:
    root = st.absolute().parent
    return st.name == "st" and ((root / "wsis").is_dir() or (root / "metadata").is_dir())


def read_hest_record(sample: HestSample) -> dict[str, Any]:
    """Read what a sample's metadata say, in the words of ``uns['stexp_spots']``.

    Parameters
    ----------
    sample : HestSample

    Returns
    -------
    dict
        ``section``, ``patient``, ``organ``, ``technology``; ``pitch_um`` and
        ``diameter_um``; ``mpp_estimated`` (by HEST, from the spots or their alignment) and
        ``mpp_embedded`` (what the original image said), µm per pixel; ``magnification``;
        ``image_width`` and ``image_height``, px. Each absent where unknown.

    Raises
    ------
    SpotsError
        The file is no JSON object.
    """
    record: dict[str, Any] = {"section": sample.name}
    if sample.metadata is None:
        return record
    words = _read_json(sample.metadata)
    texts = {
        "patient": "patient",
        "organ": "organ",
        "technology": "st_technology",
        "magnification": "magnification",
    }
    lengths = {
        "pitch_um": "inter_spot_dist",
        "diameter_um": "spot_diameter",
        "mpp_estimated": "pixel_size_um_estimated",
        "mpp_embedded": "pixel_size_um_embedded",
        "image_width": "fullres_px_width",
        "image_height": "fullres_px_height",
    }
    for key, name in texts.items():
        value = words.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if text.lower() not in ("", "nan", "none"):
            record[key] = text
    for key, name in lengths.items():
        number = _positive(words.get(name))
        if number is not None:
            record[key] = number
    _compare_sizes(sample, record)
    return record


def _compare_sizes(sample: HestSample, record: Mapping[str, Any]) -> None:
    """Warn where the two sizes of a pixel contradict each other, as they do for some samples."""
    estimated, embedded = record.get("mpp_estimated"), record.get("mpp_embedded")
    if estimated is None or embedded is None:
        return
    ratio = embedded / estimated
    if abs(math.log(ratio)) > _TOLERANCE:
        logger.warning(
            "%s: the original image said %.4g µm per pixel, HEST estimated %.4g (%.3g times)",
            sample.name,
            embedded,
            estimated,
            ratio,
        )


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        # HEST's own files have NaN in them, which json takes.
        words = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpotsError(
            "the sample's metadata can't be read", path=path, expected="JSON", found=error
        ) from error
    if not isinstance(words, Mapping):
        raise SpotsError(
            "the sample's metadata can't be read",
            path=path,
            expected="a JSON object",
            found=type(words).__name__,
        )
    return words


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
