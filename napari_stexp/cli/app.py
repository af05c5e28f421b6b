"""The group of commands, its global options, and what becomes of errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_stexp.cli.reporting import Reporter, print_error
from napari_stexp.errors import StexpError

__all__ = ["app"]

FAILED, INTERRUPTED = 1, 130

_PACKAGE = Path(__file__).parents[1]


class Commands(TyperGroup):
    """Ends a command that fails with one line on stderr and an exit code that says what happened.

    An error that is not a `StexpError` is a defect of the program: it keeps
    its traceback, so that it can be reported.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except StexpError as error:
            if ctx.params.get("debug"):
                raise
            print_error(error.message)
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt as error:
            if ctx.params.get("debug"):
                raise
            print_error("interrupted")
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage, "
    "130 interrupted. A file is written whole or not at all.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from napari_stexp import __version__

        typer.echo(f"napari-stexp {__version__}")
        raise typer.Exit


@app.callback()
def set_up(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="STEXP_DEBUG", help="Show the traceback of an error."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Neither progress nor notices on stderr.")
    ] = False,
) -> None:
    """Predict spatial gene expression from H&E slides with mclSTExp, and browse it in napari.

    For research only: not for diagnosis or treatment decisions.
    """
    ctx.obj = Reporter(quiet=quiet)
    warnings.showwarning = _tell_warnings(ctx.obj, warnings.showwarning)


def _tell_warnings(reporter: Reporter, show: Callable[..., None]) -> Callable[..., None]:
    """Return a `warnings.showwarning` that tells our own as notices, without lines of code."""

    def tell(message: Warning | str, category: type, filename: str, *rest: Any) -> None:
        if Path(filename).is_relative_to(_PACKAGE):
            reporter.note(str(message))
        else:
            show(message, category, filename, *rest)

    return tell


def _add_commands() -> None:
    from napari_stexp.cli import (
        aligning,
        cohorts,
        comparing_annotation,
        cross_validating,
        demo,
        evaluating,
        importing,
        information,
        predicting,
        preparing,
        training,
        viewing,
    )

    for name, module, panel in (
        ("view", viewing, "Window"),
        ("demo", demo, "Window"),
        ("predict", predicting, "Prediction"),
        ("cohort", cohorts, "Prediction"),
        ("compare", comparing_annotation, "Prediction"),
        ("prepare", preparing, "Training and evaluation"),
        ("train", training, "Training and evaluation"),
        ("evaluate", evaluating, "Training and evaluation"),
        ("cross-validate", cross_validating, "Training and evaluation"),
        ("align", aligning, "Files"),
        ("import", importing, "Files"),
        ("info", information, "Files"),
    ):
        app.command(name, epilog=module.EPILOG, rich_help_panel=panel)(module.command)


_add_commands()
