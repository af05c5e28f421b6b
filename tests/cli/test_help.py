"""Every command explains itself, and its examples are ones that it accepts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from napari_stexp.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    *(
        "align",
        "view",
        "demo",
        "predict",
        "cohort",
        "prepare",
        "train",
        "evaluate",
        "cross-validate",
    ),
    *("compare", "import", "info"),
)
COMMAND = typer.main.get_command(app)


def _examples(text: str) -> list[str]:
    """Return the lines that call the program, with their continuation lines."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.startswith("napari-stexp ")]


def _documented() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return [line for name in COMMANDS for line in _examples(COMMAND.commands[name].epilog)] + [
        line for line in _examples(readme) if not line.startswith("napari-stexp --")
    ]


def test_these_are_all_commands() -> None:
    assert set(COMMAND.commands) == set(COMMANDS)


def test_the_main_help_names_every_command_and_the_exit_codes(run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(re.search(rf"^.? *{name}\b", result.stdout, re.MULTILINE) for name in COMMANDS)
    assert "130 interrupted" in re.sub(r"\s+", " ", result.stdout)
    assert "not for diagnosis" in re.sub(r"\s+", " ", result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_describes_every_option(run, name) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"napari-stexp {name}" in result.stdout.split("Example")[-1]
    assert all(
        getattr(parameter, "help", None) or parameter.name == "help"
        for parameter in COMMAND.commands[name].params
    )


@pytest.mark.parametrize("line", _documented())
def test_documented_calls_are_accepted(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = COMMAND.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    used = {word for word in arguments if re.match(r"--?[a-z]", word)}
    assert used - known == set()
    required = [
        parameter
        for parameter in command.params
        if parameter.required and parameter.param_type_name == "option"
    ]
    assert all(used.intersection(parameter.opts) for parameter in required)


def test_no_arguments_show_the_help(run) -> None:
    result = run()
    assert result.exit_code == 2
    assert "Usage" in result.stdout + result.stderr


def test_version(run) -> None:
    from napari_stexp import __version__

    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"napari-stexp {__version__}\n")


def test_an_unknown_command_is_wrong_usage(run) -> None:
    assert run("no-such-command").exit_code == 2


def test_choices_are_those_of_the_rooms() -> None:
    from typing import get_args, get_type_hints

    from napari_stexp.cli import options
    from napari_stexp.model import WINDOWINGS
    from napari_stexp.predict.output import SUFFIXES
    from napari_stexp.predict.params import SCALES
    from napari_stexp.session.opening.opening import make_tissue_grid

    assert [choice.value for choice in options.Windowing] == list(WINDOWINGS)
    assert [choice.value for choice in options.Scale] == list(SCALES)
    unneeded = dict.fromkeys(("Slide", "TissueMask", "GridArea"), object)
    layouts = get_type_hints(make_tissue_grid, localns=unneeded)["layout"]
    assert {choice.value for choice in options.Layout} == set(get_args(layouts))
    output = next(p for p in COMMAND.commands["predict"].params if p.name == "output")
    assert all(suffix in output.help for suffix in SUFFIXES)


def test_the_installed_script_runs() -> None:
    script = Path(sys.executable).with_name("napari-stexp")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("napari-stexp ")
