"""One tree of exceptions: every message names the file, what was expected and what was found.

Core code raises these and nothing broader. None of them derives from
``RuntimeError``, because napari's generator workers swallow that one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "AlignmentError",
    "AnnotationError",
    "BundleError",
    "CheckpointError",
    "DeviceError",
    "EvaluationError",
    "GeneListError",
    "OutputError",
    "PredictionError",
    "ScaleError",
    "SlideError",
    "SpotsError",
    "StexpError",
    "TileError",
    "TrainingError",
    "WorkspaceError",
]


class StexpError(Exception):
    """Base of everything that napari-stexp raises on purpose.

    Parameters
    ----------
    what : str
        What went wrong, as a short sentence without a full stop.
    path : path-like, optional
        The file or folder that it is about; an address (`slide.location.RemotePath`) is kept
        as it is.
    expected, found : object, optional
        What was needed, and what was there instead.
    hint : str, optional
        The way out, as a sentence.
    """

    def __init__(
        self,
        what: str,
        *,
        path: object = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.path: Any = Path(path) if isinstance(path, str) else path
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole text, on one line."""
        text = f"{self.path}: {self.what}" if self.path is not None else self.what
        details = [
            f"{word} {value}"
            for word, value in (("expected", self.expected), ("found", self.found))
            if value is not None
        ]
        if details:
            text += f" ({'; '.join(details)})"
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, so that a cluster's workers can report it."""
        return (_rebuild, (type(self), self.what, self.path, self.expected, self.found, self.hint))


def _rebuild(
    kind: type[StexpError],
    what: str,
    path: object,
    expected: object,
    found: object,
    hint: str | None,
) -> StexpError:
    return kind(what, path=path, expected=expected, found=found, hint=hint)


class SlideError(StexpError):
    """A slide can't be opened: missing, damaged, or of a kind that is not read."""


class TileError(SlideError):
    """One tile of an otherwise readable slide doesn't decode."""


class ScaleError(SlideError):
    """The size of a pixel in µm is missing, implausible, or contradicts the spots."""


class SpotsError(StexpError):
    """A spot or count table can't be used."""


class AlignmentError(StexpError):
    """Spots can't be laid on a slide in this way."""


class AnnotationError(StexpError):
    """An annotation file can't be used."""


class GeneListError(StexpError):
    """A gene list can't be read, or doesn't fit what it is used with."""


class BundleError(StexpError):
    """A model bundle is damaged, incomplete, or written by a newer version."""


class CheckpointError(BundleError):
    """A released checkpoint can't be imported."""


class PredictionError(StexpError):
    """A prediction can't be made with these inputs and settings."""


class DeviceError(PredictionError):
    """The compute device is missing or ran out of memory."""


class TrainingError(StexpError):
    """Training can't start or go on."""


class EvaluationError(StexpError):
    """A comparison can't be made with these inputs."""


class OutputError(StexpError):
    """A result can't be written where it was asked for."""


class WorkspaceError(StexpError):
    """A saved workspace is damaged, of a newer version, or no workspace."""
