"""A workspace's slide and model: referred to by their content, found again and opened."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from napari_stexp.errors import StexpError
from napari_stexp.files import sha256
from napari_stexp.progress import Progress
from napari_stexp.session.workspace.places import FileReference, find_file
from napari_stexp.session.workspace.workspace import Workspace
from napari_stexp.slide.location import Location

__all__ = ["open_files", "open_missing", "refer_to_files"]

_DIGESTS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # of open slides

Reading = Generator[Progress, None, Workspace]


def refer_to_files(workspace: Workspace, beside: Path) -> Workspace:
    """Return a workspace that refers to its open slide and model, from a file's place.

    Reads from the slide's file, so not for the main thread.
    """
    found: dict[str, Any] = {}
    slide, bundle = workspace.slide, workspace.bundle
    if slide is not None:
        if slide not in _DIGESTS:
            try:
                _DIGESTS[slide] = slide.fingerprint()
            except StexpError:  # on a drive that is gone for now: the place is known
                return replace(workspace, slide_file=FileReference.of(slide.path, "", beside))
        found["slide_file"] = FileReference.of(slide.path, _DIGESTS[slide], beside)
    elif workspace.slide_file is not None:
        found["slide_file"] = workspace.slide_file
    if bundle is not None:
        found["model_file"] = (
            FileReference.of(bundle.path, bundle.sha256, beside)
            if bundle.path is not None and bundle.sha256 is not None
            else None
        )
    return replace(workspace, **found)


def open_files(workspace: Workspace, path: Path, search: Sequence[Path]) -> Reading:
    """Open a workspace's slide and model where they are found; see `find_file`."""
    yield Progress(2, 4, "looking for the slide")
    slide, model = workspace.slide_file, workspace.model_file
    if slide is not None:
        place = find_file(slide, path, search, _fingerprint)
        if place is not None:
            workspace = yield from open_missing(workspace, "slide", place)
    yield Progress(3, 4, "looking for the model")
    if model is not None and workspace.bundle is None:
        place = find_file(model, path, search, sha256)
        if place is not None:
            workspace = yield from open_missing(workspace, "model", place)
    return workspace


def _fingerprint(path: Location) -> str:
    from napari_stexp.slide.identify import fingerprint

    return fingerprint(path)


def open_missing(workspace: Workspace, kind: str, path: Location) -> Reading:
    """Open a slide or model that a workspace needs, wherever it is now.

    Parameters
    ----------
    workspace : Workspace
    kind : {'slide', 'model'}
    path : Path or RemotePath
        The file; another one than was saved is taken, too.

    Raises
    ------
    SlideError, BundleError
        It can't be opened.
    """
    if kind == "model":
        yield Progress(0, 0, "loading the model")
        from napari_stexp.model import load_bundle

        return replace(workspace, bundle=load_bundle(Path(str(path))))
    from napari_stexp.slide import prepare_slide
    from napari_stexp.slide.opening import reopen_slide

    yield from prepare_slide(path)
    yield Progress(0, 0, "opening the slide")
    slide = reopen_slide(
        path, workspace.mpp, workspace.mpp_source, workspace.colour, workspace.settled
    )
    try:
        yield Progress(0, 0, "reading the overview")
        slide.overview()  # needed when it is shown, in the main thread
        yield Progress(0, 0, "opening the slide")
    except GeneratorExit:
        slide.close()
        raise
    return replace(workspace, slide=slide)
