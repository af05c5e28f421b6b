"""Between the window and the session: opens and saves the whole work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.panels.workspace import workspace_tasks as tasks
from napari_stexp.panels.workspace.drop_queue import DropQueue
from napari_stexp.panels.workspace.leaving import Leaving
from napari_stexp.panels.workspace.recovery_keeper import RecoveryKeeper
from napari_stexp.panels.workspace.unsaved import Unsaved
from napari_stexp.session.recent import RecentFiles
from napari_stexp.session.workspace.file import SUFFIX, read_workspace, write_workspace
from napari_stexp.session.workspace.restore import restore_workspace
from napari_stexp.session.workspace.workspace import default_name, take_workspace

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session.workspace.places import FileReference
    from napari_stexp.session.workspace.recovery import Recovery
    from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["WorkspaceControl"]

_CAMERA_MS = 250  # after the layers, which fit the slide into the window


class WorkspaceControl(QObject):
    """Runs what concerns the whole work: its file, its copy for a crash, recent files.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.

    Attributes
    ----------
    path : Path or None
        The workspace's file.
    missing : dict of str to FileReference
        Slide and model that the workspace needs and that weren't found.
    pending : Workspace or None
        One that was read, and waits for an answer about what is missing.
    leaving : Leaving
        Opens and closes slides; asks before anything unsaved goes.
    """

    changed = Signal()  # name, or whether there are unsaved changes
    missing_found = Signal()  # see `pending`

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self._session = controller.session
        self._viewer: Any = lambda: None
        self.path: Path | None = None
        self.missing: dict[str, FileReference] = {}
        self.pending: Workspace | None = None
        self._pending_path: Path | None = None
        self._pending_recovery: Recovery | None = None
        self.recent = RecentFiles()
        self.unsaved = Unsaved(self._session, self)
        self.leaving = Leaving(controller, self)
        self.keeper = RecoveryKeeper(controller, self)
        self.drops = DropQueue(controller, self)
        self.unsaved.changed.connect(self.changed)
        controller.succeeded.connect(self._on_succeeded)
        self._signals = (
            (self._session.slide_changed, self._on_slide),
            (self._session.bundle_changed, self._on_bundle),
        )
        for signal, slot in self._signals:
            signal.connect(slot)

    def attach(self, viewer: Any) -> None:
        """Follow a viewer's camera; no reference to it is kept alive."""
        self._viewer = ref(viewer)

    @property
    def viewer(self) -> Any:
        """The viewer, None where it is gone."""
        return self._viewer()

    def close(self) -> None:
        """End well; called when the viewer goes."""
        for signal, slot in self._signals:
            signal.disconnect(slot, missing_ok=True)
        self.unsaved.close()
        self.keeper.close()

    # ---- following -----------------------------------------------------------------------

    def _on_slide(self, slide: Any) -> None:
        if slide is not None:
            self.recent.add("slide", slide.path)
            self.missing.pop("slide", None)
        elif self._session.spots is None and not self._session.regions.items:
            self.forget_name()
            self.changed.emit()

    def _on_bundle(self, bundle: Any) -> None:
        if bundle is not None:
            self.missing.pop("model", None)
            if getattr(bundle, "path", None) is not None:
                self.recent.add("model", bundle.path)

    def _on_succeeded(self, area: str, _text: str) -> None:
        if area == "save":
            self.unsaved.note_prediction(self._session.prediction)
            self.changed.emit()

    @property
    def name(self) -> str:
        """What the work is called: its file, else its slide; '' while nothing is open."""
        if self.path is not None:
            return self.path.stem
        if self._session.slide is not None:
            return str(self._session.slide.name)
        return "unnamed" if self.unsaved.is_work else ""

    @property
    def default_path(self) -> Path:
        """What to suggest as the workspace's file: beside the slide."""
        slide = self._session.slide
        local = slide is not None and isinstance(slide.path, Path)
        folder = slide.path.parent if local else self._controller.folder
        return self.path or folder / default_name(self._session)

    def forget_name(self) -> None:
        """Begin a work of no name, that lacks nothing."""
        self.path, self.missing = None, {}

    # ---- saving --------------------------------------------------------------------------

    def take(self) -> Workspace:
        """Take the whole work as it is now."""
        from napari_stexp.panels.workspace.camera import read_camera

        camera = read_camera(self._viewer(), self._session)
        habits = self._controller.habits
        window = None if habits is None else habits.state()
        return take_workspace(self._session, camera=camera, window=window, missing=self.missing)

    def save(self, path: Path | None = None, then: Callable[[], None] | None = None) -> None:
        """Save the work under its own name, or another one, in the background."""
        path = self.path if path is None else path
        if path is None:
            return
        if path.suffix.lower() != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        self._controller.remember(path)
        kept, revision = self.take(), self.unsaved.revision

        def tell(written: Path) -> None:
            self.path = written
            self.unsaved.note_saved(revision, kept)
            self.recent.add("workspace", written)
            self._controller.annotating.autosaver.forget(kept.regions)
            show_info(f"Saved {written}")
            if then is not None:
                then()

        self._controller.start(
            "workspace",
            write_workspace(kept, path),
            title=f"Saving {path.name}",
            on_return=tell,
            patient=True,
        )

    # ---- opening -------------------------------------------------------------------------

    def open(self, path: str | Path) -> None:
        """Open a workspace in the background, in place of all that is open."""
        path = Path(path)
        self.leaving.ask_before(f"opening {path.name}", lambda: self._read(path, path))

    def open_at_once(self, path: str | Path, recovery: Recovery | None = None) -> None:
        """Open a workspace in the background, without asking what becomes of unsaved work."""
        self._read(Path(path), Path(path) if recovery is None else recovery.saved_as, recovery)

    def recover(self, recovery: Recovery) -> None:
        """Go on with what a crash has left."""
        self.leaving.ask_before(
            "recovering", lambda: self._read(recovery.path, recovery.saved_as, recovery)
        )

    def _read(self, place: Path, path: Path | None, recovery: Recovery | None = None) -> None:
        def take(workspace: Workspace) -> None:
            if workspace.missing:
                self.pending, self._pending_path = workspace, path
                self._pending_recovery = recovery
                self.missing_found.emit()
            else:
                self._restore(workspace, path, recovery)

        if recovery is None:
            self._controller.remember(place)
        search = [*self.recent.folders, *([path.parent] if path is not None else [])]
        self._controller.start(
            "workspace",
            read_workspace(place, search=search),
            title=f"Opening {recovery.name if recovery else place.name}",
            on_return=take,
        )

    def answer_missing(self, chosen: dict[str, Path] | None) -> None:
        """Go on with what was read, with files that the user has found; None for not at all."""
        pending, path, recovery = self.pending, self._pending_path, self._pending_recovery
        self.pending = None
        if pending is None or chosen is None:
            if pending is not None and pending.slide is not None:
                pending.slide.close()
            return
        if not chosen:
            self._restore(pending, path, recovery)
            return

        def take(found: tuple[Workspace, list[str]]) -> None:
            self._restore(found[0], path, recovery)
            for notice in found[1]:
                show_warning(notice)

        self._controller.start(
            "workspace",
            tasks.find_missing_steps(pending, chosen),
            title="Opening the files",
            on_return=take,
        )

    def find_missing(self, kind: str, path: Path) -> None:
        """Open a slide or model that the open workspace lacks, and keep all else."""
        kept = self.take()

        def take(found: tuple[Workspace, list[str]]) -> None:
            self._show(found[0])
            for notice in found[1]:
                show_warning(notice)

        self._controller.start(
            "workspace",
            tasks.find_missing_steps(kept, {kind: path}),
            title=f"Opening {path.name}",
            on_return=take,
        )

    def _restore(self, workspace: Workspace, path: Path | None, recovery: Recovery | None) -> None:
        self._show(workspace)
        self.path = path
        self.unsaved.note_opened(workspace, saved=recovery is None)
        if self._controller.habits is not None:
            self._controller.habits.show_state(workspace.view.window)
        if recovery is not None:
            self.keeper.adopt(recovery)
            self.keeper.touch()
            show_info("Recovered. Save it under a name of your own when you are content with it.")
        elif path is not None:
            self.recent.add("workspace", path)
        self._controller.annotating.autosaver.settle(workspace.saved, take=recovery is not None)
        self.changed.emit()

    def show_again(self, workspace: Workspace, path: Path | None) -> None:
        """Show work that was open before, under the name (a file, or None) that it had."""
        self._show(workspace)
        self.path = path
        self._controller.annotating.autosaver.settle(None, take=False)
        self.changed.emit()

    def _show(self, workspace: Workspace) -> None:
        from napari_stexp.panels.workspace.camera import point_camera

        self._controller.predicting.stop()
        try:
            restore_workspace(self._session, workspace)
        except Exception:
            if workspace.slide is not None and workspace.slide is not self._session.slide:
                workspace.slide.close()
            raise
        self.missing = dict(workspace.missing)
        viewer, session = self._viewer, self._session
        QTimer.singleShot(
            _CAMERA_MS, lambda: point_camera(viewer(), session, workspace.view.camera)
        )
