"""Progress, facts and errors as they are printed."""

from __future__ import annotations

import io
import json
import logging

import numpy as np
import pytest

from napari_stexp.cli import reporting
from napari_stexp.cli.reporting import Reporter, format_time, print_facts, print_json
from napari_stexp.progress import Progress


def _task(closed: list[bool], stages=("loading", "predicting"), total=5):
    try:
        for stage in stages:
            for done in range(total + 1):
                yield Progress(done, total, stage)
        return "result"
    finally:
        closed.append(True)


@pytest.fixture
def stderr(monkeypatch):
    """What is written to stderr; a terminal of 100 columns where ``terminal`` is set."""
    from rich.console import Console

    file = io.StringIO()

    def use(*, terminal: bool) -> io.StringIO:
        console = Console(file=file, force_terminal=terminal, width=100, color_system=None)
        monkeypatch.setattr(reporting, "_stderr", lambda: console)
        return file

    return use


def test_a_terminal_gets_a_bar(stderr) -> None:
    file = stderr(terminal=True)
    closed: list[bool] = []
    assert Reporter().run(_task(closed), unit="spots") == "result"
    text = file.getvalue()
    assert "predicting" in text
    assert "5/5" in text
    assert closed == [True]


def test_a_log_gets_a_line_per_stage(stderr) -> None:
    file = stderr(terminal=False)
    Reporter().run(_task([]), unit="spots")
    lines = file.getvalue().splitlines()
    assert lines == ["loading: 0 of 5", "predicting: 0 of 5"]


def test_a_log_gets_a_line_now_and_then(stderr, monkeypatch) -> None:
    file = stderr(terminal=False)
    monkeypatch.setattr(reporting, "_LINE_INTERVAL", 0.0)
    Reporter().run(_task([], stages=("predicting",)), unit="spots")
    lines = file.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("predicting: 5 of 5, ")
    assert "spots/s" in lines[-1]


def test_quiet_is_quiet(stderr) -> None:
    file = stderr(terminal=True)
    reporter = Reporter(quiet=True)
    assert reporter.run(_task([])) == "result"
    reporter.note("something")
    assert file.getvalue() == ""


def test_an_interrupt_closes_the_task(stderr) -> None:
    stderr(terminal=False)
    closed: list[bool] = []

    def interrupt(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Reporter().run(_task(closed), on_report=interrupt)
    assert closed == [True]


def test_warnings_of_the_core_are_told(stderr) -> None:
    file = stderr(terminal=False)
    Reporter()
    logging.getLogger("napari_stexp.spots").warning("3 spots [were] left out")
    assert file.getvalue() == "3 spots [were] left out\n"


def test_an_error_stays_on_one_line(stderr) -> None:
    file = stderr(terminal=False)
    reporting.print_error("a [long] one " + "word " * 60 + "\nof two lines")
    assert file.getvalue().count("\n") == 1
    assert "[long]" in file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_format_time(seconds, text) -> None:
    assert format_time(seconds) == text


def test_json_is_valid_whatever_the_values(capsys, tmp_path) -> None:
    print_json(
        {
            "nan": float("nan"),
            "inf": np.float32("inf"),
            "array": np.array([1.0, np.nan]),
            "int": np.int64(3),
            "path": tmp_path,
            "tuple": (True, None, "µ"),
            4: {"deep": [np.bool_(True)]},
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "inf": None,
        "array": [1.0, None],
        "int": 3,
        "path": str(tmp_path),
        "tuple": [True, None, "µ"],
        "4": {"deep": [True]},
    }


def test_facts_are_lines(capsys) -> None:
    print_facts(
        {
            "name": "x",
            "nothing": None,
            "a_list": list(range(30)),
            "yes": True,
            "nested": {"deep": 0.123456},
        }
    )
    assert capsys.readouterr().out.splitlines() == [
        "name    x",
        "a list  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … (30 in all)",
        "yes     yes",
        "nested",
        "  deep  0.1235",
    ]
