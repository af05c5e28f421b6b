"""Everything that the window does, as methods of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_stexp.session.workbench.base import BarHost, Host
from napari_stexp.session.workbench.output import WorkbenchOutput
from napari_stexp.session.workbench.predict import WorkbenchPredict
from napari_stexp.session.workbench.train import WorkbenchTrain
from napari_stexp.session.workbench.work import WorkbenchWork

if TYPE_CHECKING:
    from types import TracebackType

    from napari_stexp.session.state import Session

__all__ = ["Workbench"]


class Workbench(WorkbenchWork, WorkbenchPredict, WorkbenchOutput, WorkbenchTrain):
    """Opens slides, predicts, shows genes, compares, draws figures, trains: docs/scripting.md.

    Every method does its work before it returns, with a bar in a terminal or a notebook. In
    the console of a window, ``stexp`` is the workbench of what that window shows: what a
    method changes is seen at once, and the window stays alive while it works.

    Parameters
    ----------
    session : Session, optional
        What to work on; default: a new one, with nothing open.
    quiet : bool
        Show no bar.
    host : Host, optional
        What runs long tasks; the window has its own.

    Attributes
    ----------
    session : Session
        What is open: every part of it can be read, and its signals followed.
    """

    def __init__(
        self, session: Session | None = None, *, quiet: bool = False, host: Host | None = None
    ) -> None:
        if session is None:
            from napari_stexp.session.state import Session

            session = Session()
        self.session = session
        self._host = BarHost(quiet=quiet) if host is None else host

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        session = self.session
        slide = "no slide" if session.slide is None else session.slide.name
        spots = "no spots" if session.spots is None else f"{session.spots.n_obs:,} spots"
        model = "no model" if session.bundle is None else session.bundle.header.name
        return f"<Workbench: {slide}, {spots}, {model}, {len(session.predictions)} predictions>"
