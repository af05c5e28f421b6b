"""Between the dock *Plots* and the session: profiles in the background, the latest one counts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_stexp.errors import StexpError
from napari_stexp.panels.plots.table_file import save_table_steps
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session import Profile, Session

__all__ = ["ReadingControl", "profile_steps"]


class ReadingControl(QObject):
    """Runs what the dock *Plots* asks for; the areas are profile and profile-table.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    profile_found = Signal(object)  # Profile, or the StexpError that says why there is none

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self._wanted: tuple[Any] | None = None

    def profile(self, spots: Any) -> None:
        """Find a profile in the background; a second call takes the place of the first.

        Parameters
        ----------
        spots : int, array or shapely geometry
            As `napari_stexp.session.start_profile` takes them.
        """
        self._wanted = (spots,)
        if self._controller.busy("profile"):
            self._controller.cancel("profile")
        else:
            self._start()

    def _start(self) -> None:
        wanted, self._wanted = self._wanted, None
        session = self.session
        if wanted is None or session.spots is None:
            return
        expression = session.expression

        def tell(found: Any) -> None:
            if self._wanted is None and session.expression is expression:
                self.profile_found.emit(found)

        self._controller.start(
            "profile",
            profile_steps(session, *wanted),
            title="Reading the profile",
            on_return=tell,
            on_end=self._start,
        )

    def select(self, mask: Any) -> None:
        """Select spots; None for none."""
        self._controller.guard("profile", self.session.select_spots, mask)

    def save_table(self, table: Any, path: Path, notes: Sequence[str]) -> None:
        """Write a table as CSV, with notes on top."""
        self._controller.remember(path.parent)
        self._controller.start(
            "profile-table",
            save_table_steps(table, path, notes),
            title=f"Writing {path.name}",
            on_return=lambda done: self._controller.succeeded.emit(
                "profile-table", f"Saved as {done}"
            ),
        )


def profile_steps(session: Session, spots: Any) -> Generator[Progress, None, Profile | StexpError]:
    """Find a profile; a refusal is a result, too: that a spot has no values is no failure."""
    from napari_stexp.session import start_profile

    yield Progress(0, 0, "reading the spots")
    try:
        return (yield from start_profile(session, spots))
    except StexpError as error:
        return error
