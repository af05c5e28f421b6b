"""Damage files of every format at random, and read what is left in watched processes.

    python scripts/fuzz_formats.py --files 3000 --seed 1

Whatever a file holds, reading it must end in a picture, in patches that are marked as unreadable,
or in one of the package's own errors: no crash, no other exception, nothing that lasts, and no
memory without end. Each finding is printed with the number that makes it again (``--again``).
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fuzzing

GOOD = ("read", "read in part", "refused")
_MIB = 2**20


def main(arguments: list[str] | None = None) -> int:
    """Run, print a summary, and return how many findings there were."""
    choices = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        os.environ["STEXP_CACHE_DIR"] = f"{name}/cache"
        made = fuzzing.build_all(Path(name) / "whole")
        kept = {
            n: p for n, p in made.items()
            if n not in choices.without and n in (choices.only or made)
        }  # fmt: skip
        if not kept:
            print("Formats:", ", ".join(made))
            return 1
        table: dict[str, Counter[str]] = {n: Counter() for n in kept}
        findings = 0
        for format_, number, outcome, seconds in _run(Path(name), kept, choices):
            word = outcome.partition("\n")[0]
            table[format_][word if word in GOOD else "finding"] += 1
            if word not in GOOD:
                findings += 1
                print(f"\n{format_} --seed {choices.seed} --again {number} ({seconds:.1f} s)")
                print(outcome, flush=True)
    _print(table)
    print(f"{findings} findings in {sum(sum(one.values()) for one in table.values())} files")
    return findings


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=300, help="damaged files, all formats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", type=int, help="only the damage of this number")
    parser.add_argument("--only", action="append", help="one format; can be given several times")
    parser.add_argument("--not", dest="without", action="append", default=[], help="leave it out")
    parser.add_argument("--seconds", type=float, default=20.0, help="for one file")
    parser.add_argument("--memory", type=int, default=1500, help="MiB more than at the start")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args(arguments)


def _run(
    folder: Path, made: dict[str, Path], choices: argparse.Namespace
) -> Iterator[tuple[str, int, str, float]]:
    """Yield format, number, outcome and seconds of each file."""
    if choices.again is not None:
        jobs = [(name, choices.again) for name in made]
    else:
        each = -(-choices.files // len(made))
        jobs = [(name, number) for number in range(each) for name in made]
    children = [_Child(folder, n, made, choices) for n in range(choices.processes)]
    waiting = iter(jobs)
    busy = {child: child.start(job) for child, job in zip(children, waiting, strict=False)}
    while busy:
        multiprocessing.connection.wait([child.end for child in busy], timeout=0.2)
        for child in list(busy):
            outcome = child.outcome()
            if outcome is None:
                continue
            yield (*busy.pop(child), *outcome)
            following = next(waiting, None)
            if following is not None:
                busy[child] = child.start(following)
    for child in children:
        child.stop()


class _Child:
    """A process that reads damaged files one by one, and is ended where it lasts."""

    def __init__(
        self, folder: Path, number: int, made: dict[str, Path], choices: argparse.Namespace
    ) -> None:
        self._made, self._choices, self._starts = made, choices, 0
        self._folder, self._number = folder, number
        self._log = folder / f"child{number}.log"
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.end, theirs = context.Pipe()
        self._starts += 1
        work = self._folder / f"child{self._number}-{self._starts}"
        self._process = context.Process(
            target=_work, daemon=True,
            args=(theirs, work, self._folder / "whole", self._made, self._choices, self._log),
        )  # fmt: skip
        self._process.start()
        theirs.close()
        try:
            ready = self.end.poll(120) and self.end.recv() == "ready"
        except EOFError:
            ready = False
        if not ready:
            raise SystemExit(f"a child doesn't start: {self._log.read_text()}")

    def start(self, job: tuple[str, int]) -> tuple[str, int]:
        self.end.send(job)
        self._since = time.monotonic()
        return job

    def outcome(self) -> tuple[str, float] | None:
        """Return what came of it; None as long as it is under way."""
        passed = time.monotonic() - self._since
        try:
            if self.end.poll():
                return self.end.recv(), passed
            if passed < self._choices.seconds:
                return None
            found = f"lasts over {passed:.0f} s"
        except EOFError:
            self._process.join(10)
            found = f"ended with {self._process.exitcode}"
        self._process.kill()
        self._process.join()
        found += "\n" + self._log.read_text()[-3000:]
        self._begin()
        return found, passed

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def _work(
    end: Connection, work: Path, whole: Path, made: dict[str, Path],
    choices: argparse.Namespace, log: Path,
) -> None:  # fmt: skip
    """Read what is asked for until the process is ended."""
    file = log.open("w+")
    os.dup2(file.fileno(), 2)
    faulthandler.enable(file)
    logging.disable()
    _warm(made)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + choices.memory * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    damages: dict[str, fuzzing.Damage] = {}
    end.send("ready")
    while True:
        name, number = end.recv()
        if name not in damages:
            place = name.replace(" ", "-")
            damages[name] = fuzzing.Damage(made[name], whole / place, work / place)
        faulthandler.dump_traceback_later(choices.seconds * 0.8, file=file)
        end.send(_try(name, number, damages[name], choices.seed))
        faulthandler.cancel_dump_traceback_later()


def _warm(made: dict[str, Path]) -> None:
    """Import all that reading needs, before memory is limited; whole files must be read whole."""
    for name, path in made.items():
        found = fuzzing.read(name, path)
        if found != "read":
            raise SystemExit(f"{name} as it was built: {found}")


def _try(name: str, number: int, damage: fuzzing.Damage, seed: int) -> str:
    place = damage.make(random.Random(f"{seed} {name} {number}"))
    try:
        return fuzzing.read(name, damage.opened)
    except BaseException as error:  # noqa: BLE001  any is a finding
        return f"{type(error).__name__} after damage to {place}\n{traceback.format_exc()}"
    finally:
        damage.undo(place)


def _print(table: dict[str, Counter[str]]) -> None:
    heads = (*GOOD, "finding")
    print("\n" + " " * 18 + "".join(f"{head:>14}" for head in heads))
    for name, counts in table.items():
        print(f"{name:<18}" + "".join(f"{counts[head]:>14}" for head in heads))


if __name__ == "__main__":
    sys.exit(min(main(), 1))
