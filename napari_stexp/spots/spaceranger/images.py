"""The full-resolution image of a run: in its folder, beside it, or named in its records."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path

__all__ = ["find_image"]

_SUFFIXES = frozenset({
    ".tif", ".tiff", ".btf", ".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".czi", ".qptiff", ".jpg",
    ".jpeg", ".png",
})  # fmt: skip
#: Reduced, annotated, fluorescent or segmented images that Space Ranger writes or reads.
_NO_SLIDES = (
    "hires", "lowres", "fiducial", "detected_tissue", "cytassist", "cyt_image", "cytimage",
    "aligned", "thumb", "registration", "segmentation", "mask", "umi_count", "overlay",
)  # fmt: skip
_FOLDERS = ("image", "images", "microscope_image", "microscope_images")
_INVOKED = re.compile(r"tissue_image_paths\s*[=:]\s*\[(.*?)\]", re.DOTALL)
_QUOTED = re.compile(r'"([^"\n]+)"')
_COMMAND = re.compile(r"--image[=\s]+(?:\"([^\"\n]+)\"|'([^'\n]+)'|(\S+))")
_NAMED = re.compile(
    rb'"([^"<>\\|?*\n]{1,300}\.(?:tiff?|btf|svs|ndpi|qptiff|jpe?g|png))"', re.IGNORECASE
)
_LONGEST_RECORD = 1 << 20  # bytes, of a file that repeats how Space Ranger was called
_LONGEST_SUMMARY = 1 << 26

logger = logging.getLogger(__name__)


def find_image(
    root: Path, outer: Path, stem: str = "", others: Collection[str] = ()
) -> Path | None:
    """Return the full-resolution image of a run.

    Parameters
    ----------
    root : Path
        What holds ``spatial`` or ``binned_outputs``: mostly ``outs``.
    outer : Path
        The run's folder; ``root``, or its parent.
    stem : str
        Prefix of the section's files, where a folder holds several sections.
    others : collection of str
        Those of all of them.

    Returns
    -------
    Path or None
        What the run's own record names (``_invocation``, ``_cmdline``), where it is or under
        that name in the run's folders; else an image there, or one beside them with the
        run's name in its own. Of several the one called so (``…image.tif``); else None.
    """
    inner = [root, *(root / name for name in _FOLDERS)]
    if outer != root:
        inner += [outer, *(outer / name for name in _FOLDERS)]
    beside = outer.absolute().parent
    named = [] if stem else _named_in_records(dict.fromkeys((root, outer)))
    for text in named:
        found = _look_up(text, (*inner, beside))
        if found is not None:
            return found
    images = [
        path for path in _images_in(inner) if not stem or _prefix_of(path.name, others) == stem
    ]
    if not images:
        run = outer.absolute().name.lower()
        images = [path for path in _images_in([beside]) if run in path.name.lower()]
    return _choose(images) if images else None if stem else _from_summary(root, inner, beside)


def _prefix_of(name: str, stems: Iterable[str]) -> str:
    """Return the longest of some prefixes that a name has."""
    return max(
        (stem for stem in stems if name.lower().startswith(stem.lower())), key=len, default=""
    )


def _images_in(folders: Iterable[Path]) -> list[Path]:
    found = []
    for folder in folders:
        try:
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
        except OSError:  # somebody else's folder beside the run
            continue
        found += [path for path in entries if _may_be(path.name) and path.is_file()]
    return found


def _may_be(name: str) -> bool:
    suffix = Path(name).suffix.lower()
    return suffix in _SUFFIXES and not any(word in name.lower() for word in _NO_SLIDES)


def _choose(images: list[Path]) -> Path | None:
    certain = [path for path in images if path.name.lower().split(".")[0].endswith("image")]
    for choice in (images, certain):
        if len(choice) == 1:
            return choice[0]
    logger.warning("%s: which of the images is the slide is unclear", images[0].parent)
    return None


def _named_in_records(folders: Iterable[Path]) -> list[str]:
    """Return the images that Space Ranger was called with."""
    found = []
    for folder in folders:
        for name in ("_invocation", "_cmdline"):
            path = folder / name
            try:
                if not path.is_file() or path.stat().st_size > _LONGEST_RECORD:
                    continue
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            for part in _INVOKED.findall(text):
                found += _QUOTED.findall(part)
            found += ["".join(parts) for parts in _COMMAND.findall(text)]
    return found


def _look_up(text: str, folders: Iterable[Path]) -> Path | None:
    """Return the file of that name where it was, or in one of the folders."""
    name = re.split(r"[/\\]", text)[-1]
    if Path(name).suffix.lower() not in _SUFFIXES:
        return None
    for path in (Path(text), *(folder / name for folder in folders)):
        try:
            if path.is_file():
                return path
        except OSError:
            continue
    return None


def _from_summary(root: Path, inner: list[Path], beside: Path) -> Path | None:
    """Return an image that the web summary names, where a file of that name is near."""
    path = root / "web_summary.html"
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_SUMMARY:
            return None
        names = {name.decode("utf-8", "replace") for name in _NAMED.findall(path.read_bytes())}
    except OSError:
        return None
    found = {_look_up(name, (*inner, beside)) for name in names if _may_be(name)} - {None}
    return found.pop() if len(found) == 1 else None
