"""``napari-stexp demo``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_stexp.cli.options import check_suffix
from napari_stexp.cli.reporting import Reporter
from napari_stexp.errors import StexpError

EPILOG = """Examples:

napari-stexp demo

napari-stexp demo --screenshot demo.png
"""

#: Tells the process under Xvfb that it is the one; without a loop if Xvfb fails.
_INSIDE = "STEXP_DEMO_INSIDE"
_PREDICTING_LIMIT = 600.0
_DRAWING_TIME = 2.0
_WINDOW_PX = (1500, 920)
_DATA = "STEXP_DATA_DIR"
#: The gene that is shown first: what "HER2-positive" is about.
_GENE = "ERBB2"


def command(
    ctx: typer.Context,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            help="Write a picture of the window to this file (.png) and end. "
            "Without a screen: demo-screenshot.png in the current folder.",
            callback=check_suffix(".png"),
        ),
    ] = None,
) -> None:
    """Open the synthetic sample slide with a prediction shown.

    Without a screen the window is drawn on a virtual one (Linux, Xvfb), and
    a picture of it is written. Your own favourites, recent files and layout
    are neither read nor changed.
    """
    if not _has_screen():
        _run_on_virtual_screen(screenshot or Path("demo-screenshot.png"))
        return
    if screenshot is not None:
        from napari_stexp.files import check_writable

        check_writable(screenshot)
    reporter: Reporter = ctx.obj
    reporter.note("The sample is synthetic: drawn and counted by a program, no patient's tissue.")
    with _own_data():
        _show_sample(screenshot)


@contextmanager
def _own_data() -> Iterator[None]:
    """Keep what the user has kept out of it: favourites, recent files, layout, unsaved work."""
    before = os.environ.get(_DATA)
    with tempfile.TemporaryDirectory(prefix="stexp-demo-", ignore_cleanup_errors=True) as folder:
        os.environ[_DATA] = folder
        try:
            yield
        finally:
            os.environ.pop(_DATA)
            if before is not None:
                os.environ[_DATA] = before


def _show_sample(screenshot: Path | None) -> None:
    from napari_stexp.cli.window import Window, WindowPlan
    from napari_stexp.viewer import sample_files

    files = sample_files()
    window = Window(
        WindowPlan(
            slide=files.slide,
            spots=files.spots,
            model=files.bundle,
            annotation=files.annotation,
            predict=True,
        ),
        on_predicted=_show_gene,
    )
    window.viewer.window.resize(*_WINDOW_PX)
    if screenshot is None:
        window.run()
        return
    try:
        _photograph(window, screenshot)
    finally:
        window.close()
    typer.echo(str(screenshot.resolve()))


def _has_screen() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _run_on_virtual_screen(screenshot: Path) -> None:
    """Run this command again under Xvfb; its exit code becomes ours."""
    xvfb = shutil.which("xvfb-run")
    if xvfb is None or os.environ.get(_INSIDE):
        raise StexpError(
            "there is no screen (DISPLAY is not set) and no virtual one",
            expected="xvfb-run",
            hint="sudo apt-get install xvfb xauth",
        )
    again = [sys.executable, "-m", "napari_stexp.cli", "demo", "--screenshot", str(screenshot)]
    environment = os.environ | {_INSIDE: "1"}
    environment.pop("QT_QPA_PLATFORM", None)  # 'offscreen' can't draw the canvas
    command = [xvfb, "-a", "-s", "-screen 0 1600x1000x24", *again]
    code = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode
    if code:
        raise typer.Exit(code)


def _show_gene(window: Any) -> None:
    if _GENE in window.session.genes:
        window.session.gene = _GENE
    window.show_panel("Genes")


def _photograph(window: Any, path: Path) -> None:
    """Wait for the prediction, show its genes, and write a picture of the window."""
    import time

    from napari_stexp.files import atomic_path
    from napari_stexp.panels import get_adapter

    session = window.session
    window.wait(
        lambda: (
            session.prediction is not None
            and session.prediction.finished
            and not window.controller.busy("predict")
        ),
        _PREDICTING_LIMIT,
        "the prediction of the sample",
    )
    drawn = time.monotonic() + _DRAWING_TIME
    window.wait(lambda: time.monotonic() > drawn, 2 * _DRAWING_TIME, "drawing")
    live = get_adapter(window.viewer).live
    if live is not None:
        live.finish()  # all of the slide is sharp
    with atomic_path(path) as temporary:
        window.viewer.screenshot(str(temporary), canvas_only=False, flash=False)
