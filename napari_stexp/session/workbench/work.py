"""The workbench's whole work: files of any kind, and workspaces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import SpotsError
from napari_stexp.session.workbench.files import WorkbenchFiles

if TYPE_CHECKING:
    from napari_stexp.session.opening.dropped import Dropped
    from napari_stexp.session.workspace.recovery import Recovery
    from napari_stexp.session.workspace.workspace import Workspace
    from napari_stexp.slide.location import Location

__all__ = ["WorkbenchWork"]


class WorkbenchWork(WorkbenchFiles):
    """Opens whatever there is, and keeps the whole work in one file."""

    # ---- anything ------------------------------------------------------------------------

    def open(self, *paths: str | Location) -> list[tuple[Location, str]]:
        """Open files and folders of any kind, as dropping them on the window does.

        Parameters
        ----------
        *paths : path-like or address
            Slides, spots with their counts, models, predictions, annotations, labels, gene
            sets, workspaces, a run's folder with its slide; told apart by their content, and
            opened in the order in which one lies on the other.

        Returns
        -------
        list of (path, str)
            What was opened, and what it is.

        Raises
        ------
        StexpError
            One of them can't be opened; those before it are.
        """
        from napari_stexp.session.opening.dropped import sort_dropped

        found = sort_dropped(paths)
        for one in found:
            if one.problem is not None:
                raise one.problem
        counts = [Path(str(one.path)) for one in found if one.kind == "counts"]
        openers: dict[str, Callable[[Any], Any]] = {
            "workspace": self.open_workspace,
            "slide": self.open_slide,
            "spots": lambda path: self.load_spots(path, counts=counts.pop(0) if counts else None),
            "bundle": self.load_model,
            "prediction": self.open_prediction,
            "annotation": self.load_regions,
            "labels": self.load_labels,
            "gene sets": self.load_signatures,
        }
        for one in found:
            if one.kind != "counts" and not self._is_open(one):
                openers[one.kind](one.path)
        if counts:
            raise SpotsError(
                "these are counts without positions", path=counts[0],
                hint="Open them together with their spot file.",
            )  # fmt: skip
        return [(one.path, one.kind) for one in found]

    def _is_open(self, one: Dropped) -> bool:
        """Whether a slide that was found in a folder is open already."""
        slide = self.session.slide
        return one.found_in is not None and slide is not None and slide.path == one.path

    # ---- the whole work ------------------------------------------------------------------

    def save_workspace(self, path: str | Path) -> Path:
        """Save all that is open as one file (``.stexp``): docs/workspace.md."""
        from napari_stexp.session.workspace.file import start_saving

        path = Path(path)
        if self._host.save_workspace(path):
            return path
        task = start_saving(self.session, path)
        return Path(self._run("workspace", f"Saving {path.name}", task))

    def recoveries(self) -> list[Recovery]:
        """Return work that was kept when a window ended unexpectedly, newest first.

        `open_workspace` goes on with one: ``wb.open_workspace(wb.recoveries()[0].path)``.
        """
        from napari_stexp.session.workspace.recovery import find_recoveries

        return find_recoveries()

    def open_workspace(self, path: str | Path, *, search: tuple[str | Path, ...] = ()) -> Workspace:
        """Go on with saved work, in place of all that is open.

        Parameters
        ----------
        path : path-like
        search : path-likes
            Folders in which a slide or model may be that was moved; a window looks where
            files were opened lately.

        Returns
        -------
        Workspace
            ``missing`` says what wasn't found.
        """
        from napari_stexp.session.workspace.file import read_workspace
        from napari_stexp.session.workspace.restore import restore_workspace

        path = Path(path)
        opened = self._host.open_workspace(path)
        if opened is not None:
            return opened
        task = read_workspace(path, search=search)
        workspace: Workspace = self._run("workspace", f"Opening {path.name}", task)
        restore_workspace(self.session, workspace)
        return workspace
