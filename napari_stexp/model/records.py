"""Frozen dataclasses that validate themselves and read and write JSON.

A field carries its rule, a function that returns the value in its proper form
or raises `RuleError`. The same rules run when a record is made in code and when
it is read from a file, and all problems are reported at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from napari_stexp.errors import BundleError

__all__ = ["Record", "RuleError", "rule"]

Rule = Callable[[Any], Any]
_SHOWN = 60  # characters of a wrong value that a message repeats


class RuleError(Exception):
    """A value breaks its rule; ``problems`` are (place below the value, sentence)."""

    def __init__(self, problems: str | list[tuple[str, str]]) -> None:
        self.problems = [("", problems)] if isinstance(problems, str) else problems
        super().__init__(str(problems))


def expected(what: str, found: object) -> RuleError:
    """Make the error 'expected ``what``, found ``found``'."""
    shown = repr(found)
    return RuleError(f"expected {what}, found {shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}")


def rule(check: Rule, default: Any = dataclasses.MISSING, **kwargs: Any) -> Any:
    """Make a dataclass field with a rule."""
    if default is not dataclasses.MISSING:
        kwargs["default"] = default
    return dataclasses.field(metadata={"rule": check}, **kwargs)


def text(longest: int = 10_000, *, empty: bool = True) -> Rule:
    """Text of at most ``longest`` characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not (empty or value.strip()):
            raise expected(f"text of {'0' if empty else '1'} to {longest} characters", value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise expected("text that can be stored as UTF-8", value) from None
        return value

    return check


def choice(*options: object) -> Rule:
    """One of ``options``."""

    def check(value: Any) -> Any:
        for option in options:
            if type(value) is type(option) and value == option:
                return value
        raise expected(f"one of {', '.join(map(repr, options))}", value)

    return check


def whole(low: int, high: int) -> Rule:
    """Accept a whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise expected(f"a whole number from {low} to {high}", value)
        return value

    return check


def number(low: float, high: float) -> Rule:
    """Accept a finite number from ``low`` to ``high``."""

    def check(value: Any) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not math.isfinite(value) or not low <= value <= high:
            raise expected(f"a number from {low:g} to {high:g}", value)
        return float(value)

    return check


def optional(check: Rule) -> Rule:
    """Accept None, or what ``check`` accepts."""
    return lambda value: None if value is None else check(value)


def many(check: Rule, length: int | None = None, *, least: int = 0, most: int = 1_000_000) -> Rule:
    """Accept a sequence, each entry by ``check``; kept as a tuple."""

    def check_all(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise expected("a list", value)
        low, high = (least, most) if length is None else (length, length)
        if not low <= len(value) <= high:
            raise expected(f"a list of {low if low == high else f'{low} to {high}'}", value)
        problems: list[tuple[str, str]] = []
        result = []
        for i, entry in enumerate(value):
            try:
                result.append(check(entry))
            except RuleError as error:
                problems += [(f"[{i}]{place}", what) for place, what in error.problems]
        if problems:
            raise RuleError(problems)
        return tuple(result)

    return check_all


def json_value(value: Any, depth: int = 0) -> Any:
    """Accept what JSON can hold (dicts with text keys, lists, text, finite numbers, None)."""
    if depth > 20:
        raise RuleError("nested more than 20 deep")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return text(10_000_000)(value)
    if isinstance(value, float):
        return number(-math.inf, math.inf)(value)
    if isinstance(value, Mapping):
        return {text()(key): json_value(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [json_value(entry, depth + 1) for entry in value]
    raise expected("what JSON can hold", value)


def json_object(value: Any) -> dict[str, Any]:
    """Accept a dictionary that JSON can hold."""
    if not isinstance(value, Mapping):
        raise expected("a JSON object", value)
    result: dict[str, Any] = json_value(value)
    return result


def record(kind: type[Record]) -> Rule:
    """Accept a ``kind``, or the JSON object of one."""

    def check(value: Any) -> Record:
        return value if isinstance(value, kind) else kind._read(value)

    return check


@dataclasses.dataclass(frozen=True)
class Record:
    """Base of the bundle header's parts.

    Raises
    ------
    BundleError
        When made with values that break their rules, listing all of them.
    """

    def __post_init__(self) -> None:
        problems = self._settle()
        if problems:
            raise _listed(type(self), problems)

    def cross_check(self) -> list[tuple[str, str]]:
        """Return (place, problem) for rules that span several fields."""
        return []

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-able dictionaries and lists."""
        result: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            result[field.name] = _plain(getattr(self, field.name))
        return result

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` gave.

        Raises
        ------
        BundleError
            Keys are missing, unknown, or hold wrong values; all are listed.
        """
        try:
            return cls._read(data)
        except RuleError as error:
            raise _listed(cls, error.problems) from None

    @classmethod
    def _read(cls, data: Any) -> Self:
        if not isinstance(data, Mapping):
            raise expected("a JSON object", data)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        problems = [(f".{str(key)[:_SHOWN]}", "unknown key") for key in data if key not in fields]
        for name, field in fields.items():
            needed = field.default is field.default_factory is dataclasses.MISSING
            if needed and name not in data:
                problems.append((f".{name}", "missing"))
        made = object.__new__(cls)  # so that this record's problems join its parent's list
        for name, field in fields.items():
            if name in data:
                value = data[name]
            elif field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            else:
                value = field.default
            object.__setattr__(made, name, value)
        absent = {place[1:] for place, what in problems if what == "missing"}
        problems += made._settle(absent)
        if problems:
            raise RuleError(problems)
        return made

    def _settle(self, absent: set[str] | frozenset[str] = frozenset()) -> list[tuple[str, str]]:
        """Put each field into its proper form; return the problems."""
        problems: list[tuple[str, str]] = []
        for field in dataclasses.fields(self):
            if field.name in absent:
                continue
            try:
                value = field.metadata["rule"](getattr(self, field.name))
                object.__setattr__(self, field.name, value)
            except RuleError as error:
                problems += [(f".{field.name}{place}", what) for place, what in error.problems]
        if not problems and not absent:
            problems += self.cross_check()
        return problems


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value


def _listed(kind: type, problems: list[tuple[str, str]], most: int = 20) -> BundleError:
    lines = [f"{place.lstrip('.')}: {what}" if place else what for place, what in problems[:most]]
    if len(problems) > most:
        lines.append(f"and {len(problems) - most} more")
    return BundleError(f"not a valid {kind.__name__}: " + "; ".join(lines))
