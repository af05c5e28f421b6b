"""Pictures beside the tissue: label, overview of the glass, thumbnail.

A label or an overview can identify a patient. They are decoded only when they are
asked for by name, and nothing here shows, logs or keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = [
    "WARNING",
    "decode_steps",
    "write_associated",
]

Picture = Callable[[], NDArray[np.uint8]]

#: Said before any of them is shown or written.
WARNING = (
    "A label or an overview of the glass can show a name, a number or a barcode that identifies "
    "a patient."
)


def decode_steps(slide: Slide) -> Generator[Progress, None, dict[str, NDArray[np.uint8]]]:
    """Decode all of a slide's pictures; `WARNING` has been read by then."""
    names = slide.associated
    found: dict[str, NDArray[np.uint8]] = {}
    for name in names:
        yield Progress(len(found), len(names), f"reading the {name}")
        found[name] = slide.associated_image(name)
    return found


def write_associated(
    pictures: Mapping[str, Picture], folder: str | Path, stem: str
) -> dict[str, Path]:
    """Write pictures as PNG files ``<stem>_<name>.png``; `WARNING` has been read by then.

    Parameters
    ----------
    pictures : mapping of str to callable
        By name.
    folder : path-like
        Made where it is missing.
    stem : str
        What the files begin with.

    Returns
    -------
    dict of str to Path
        The files by the pictures' names.
    """
    from PIL import Image

    from napari_stexp.files import atomic_path

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, read in pictures.items():
        safe = re.sub(r"[^\w.-]+", "_", name)
        target = folder / f"{stem}_{safe}.png"
        with atomic_path(target) as part:
            Image.fromarray(read()).save(part, format="PNG")
        written[name] = target
    return written
