"""Workspaces, recovery and dropped files as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = [
    "find_missing_steps",
    "find_recoveries_steps",
    "open_again_steps",
    "read_gene_sets_steps",
    "read_prediction_steps",
    "sort_steps",
]

Steps = Generator[Progress, None, Any]


def sort_steps(paths: Sequence[Path]) -> Steps:
    """Tell what dropped files are."""
    yield Progress(0, 0, "looking at the files")
    from napari_stexp.session.opening.dropped import sort_dropped

    return sort_dropped(paths)


def read_prediction_steps(path: Path) -> Steps:
    """Read a prediction (AnnData)."""
    yield Progress(0, 0, "reading the prediction")
    from napari_stexp.predict import read_prediction

    return read_prediction(path)


def read_gene_sets_steps(path: Path) -> Steps:
    """Read gene sets as signatures."""
    yield Progress(0, 0, "reading the gene sets")
    from napari_stexp.gene import read_gmt
    from napari_stexp.session.genes.signatures import Signature

    return [Signature(one.name, tuple(one.genes), path.name) for one in read_gmt(path)]


def find_recoveries_steps() -> Steps:
    """Look for work that a crash has left."""
    yield Progress(0, 0, "looking for unsaved work")
    from napari_stexp.session.workspace.recovery import find_recoveries

    return find_recoveries()


def open_again_steps(
    workspace: Workspace,
) -> Generator[Progress, None, tuple[Workspace, list[str]]]:
    """Open the slide of work that was put away, which has been closed meanwhile."""
    from napari_stexp.session.workspace.opening import open_missing

    assert workspace.slide is not None
    return (yield from open_missing(workspace, "slide", workspace.slide.path)), []


def find_missing_steps(
    workspace: Workspace, chosen: Mapping[str, Path]
) -> Generator[Progress, None, tuple[Workspace, list[str]]]:
    """Open the files that the user has found; also say which are others than were saved."""
    from napari_stexp.session.workspace.opening import open_missing

    notices = []
    wanted = workspace.missing
    for kind, path in chosen.items():
        workspace = yield from open_missing(workspace, kind, path)
        opened = workspace.slide if kind == "slide" else workspace.bundle
        assert opened is not None
        digest = opened.fingerprint() if kind == "slide" else opened.sha256  # type: ignore[union-attr]
        if wanted[kind].digest and digest != wanted[kind].digest:
            notices.append(
                f"{path.name} isn't the same file as the {wanted[kind].name} that this work was "
                "saved with."
            )
    return workspace, notices
