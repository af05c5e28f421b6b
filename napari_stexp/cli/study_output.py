"""What the commands about held-out data write and print."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.cli.reporting import print_facts, print_json

if TYPE_CHECKING:
    from napari_stexp.evaluate import StudyResult

__all__ = ["print_result", "the_command", "write_result"]

_WORDS = {"acg_pcc": "ACG", "heg_pcc": "HEG", "mse": "MSE", "mae": "MAE"}


def the_command() -> str:
    """Return the command line, as one would type it."""
    return shlex.join(["napari-stexp", *sys.argv[1:]])


def write_result(result: StudyResult, folder: Path) -> dict[str, Any]:
    """Write report and tables; return where they are."""
    from napari_stexp.evaluate import write_report, write_tables

    folder.mkdir(parents=True, exist_ok=True)
    write_tables(result, folder)
    report = folder / "report.html"
    write_report(result, report)
    return {"report": str(report), "tables": str(folder)}


def print_result(result: StudyResult, written: dict[str, Any], as_json: bool) -> None:
    """Print the numbers over all held-out sections, each with its scale and split."""
    sections = [section.section.to_json() for section in result.sections]
    rows, verdicts = _overall(result), _judge(result)
    remarks = list(result.facts.get("remarks", ()))
    if as_json:
        facts = {"split": result.split, "sections": sections, "overall": rows, "verdict": verdicts}
        print_json(facts | {"remarks": remarks} | written)
        return
    names = ", ".join(section["name"] for section in sections)
    facts = {"held out": f"by {result.split}: {names}"}
    for scale in result.scales:
        facts[f"expression per {scale}, held out by {result.split}"] = _say(rows, scale) | {
            "verdict": verdicts[scale]["text"]
        }
    for i, remark in enumerate(remarks):
        facts["note" + (f" {i + 1}" if i else "")] = remark
    print_facts(facts | written)


def _overall(result: StudyResult) -> list[dict[str, Any]]:
    table = result.summary[result.summary["section"] == "all"]
    columns = ["method", "split", "scale", "metric", "value", "ci_low", "ci_high"]
    return [dict(zip(columns, row, strict=True)) for row in table[columns].itertuples(index=False)]


def _judge(result: StudyResult) -> dict[str, dict[str, Any]]:
    """Return scale -> whether the model beats its strongest baseline, in a word and in words."""
    from napari_stexp.evaluate.report_verdict import judge

    verdicts = {}
    for scale in result.scales:
        verdict = judge(result, scale)
        text = ". ".join([verdict.headline, *verdict.sentences[:1]])
        verdicts[scale] = {
            "outcome": verdict.outcome,
            "strongest_baseline": verdict.baseline,
            "text": text,
        }
    return verdicts


def _say(rows: list[dict[str, Any]], scale: str) -> dict[str, str]:
    """Return method -> its numbers on a scale, in words."""
    from napari_stexp.evaluate import METHOD_TITLES

    said: dict[str, list[str]] = {}
    for row in rows:
        if row["scale"] == scale and row["metric"] in _WORDS:
            title = METHOD_TITLES.get(row["method"], row["method"])
            said.setdefault(title, []).append(f"{_WORDS[row['metric']]} {_say_value(row)}")
    return {title: ", ".join(numbers) for title, numbers in said.items()}


def _say_value(row: dict[str, Any]) -> str:
    """Return a number with its interval, where there is one."""
    value, low, high = row["value"], row["ci_low"], row["ci_high"]
    if math.isnan(value):  # a constant prediction has no correlation
        return "undefined"
    return f"{value:.3f}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")
