"""One editor per field of a settings record: made of the field's type, checked by its rule."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Callable, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from napari_stexp.model.records import Record, RuleError
from napari_stexp.panels.widgets import ignore_idle_wheel

__all__ = ["SettingField", "describe_fields", "make_fields"]

_WRONG = "QLineEdit, QComboBox { border: 1px solid rgb(225, 70, 70); }"


class SettingField(QObject):
    """An editor and what it holds.

    Parameters
    ----------
    field : dataclasses.Field
        Of a `Record`.
    kind : type
        The field's type.
    choices : sequence of str
        What a list offers; empty for a plain line.
    free : bool
        Whether something else than the choices may be typed.
    parent : QObject
        Owner.
    """

    changed = Signal()

    def __init__(
        self,
        field: dataclasses.Field[Any],
        kind: Any,
        choices: Sequence[str],
        free: bool,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.name = field.name
        self._problem = ""
        self._rule: Callable[[Any], Any] = field.metadata["rule"]
        self._kind, self._optional = _strip_optional(kind)
        self.widget = self._make(choices, free)

    def _make(self, choices: Sequence[str], free: bool) -> QWidget:
        if self._kind is bool:
            box = QCheckBox()
            box.toggled.connect(lambda _on: self.changed.emit())
            return box
        if choices:
            combo = ignore_idle_wheel(QComboBox())
            combo.addItems(list(choices))
            combo.setEditable(free)
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(8)
            combo.currentTextChanged.connect(lambda _text: self.changed.emit())
            return combo
        line = QLineEdit()
        line.textChanged.connect(lambda _text: self.changed.emit())
        if self._optional:
            line.setPlaceholderText("none")
        return line

    # ---- value ---------------------------------------------------------------------------

    def show(self, value: Any) -> None:
        """Show a value; nothing is told."""
        widget = self.widget
        before = widget.blockSignals(True)
        if isinstance(widget, QCheckBox):
            widget.setChecked(bool(value))
        elif isinstance(widget, QComboBox):
            text = "" if value is None else str(value)
            if widget.findText(text) < 0 and not widget.isEditable():
                widget.addItem(text)
            widget.setCurrentText(text)
        else:
            widget.setText(write_value(value))
            widget.setCursorPosition(0)
        widget.blockSignals(before)
        self.mark("")

    def value(self) -> Any:
        """Return what is in the editor, in the record's form.

        Raises
        ------
        ValueError
            It isn't what the field takes; the message says what is.
        """
        try:
            return self._rule(self._read())
        except RuleError as error:
            raise ValueError("; ".join(what for _, what in error.problems)) from None

    def _read(self) -> Any:
        widget = self.widget
        if isinstance(widget, QCheckBox):
            return widget.isChecked()
        text = (widget.currentText() if isinstance(widget, QComboBox) else widget.text()).strip()
        if not text and self._optional:
            return None
        return read_value(text, self._kind)

    def mark(self, problem: str) -> None:
        """Frame the editor in red; '' takes that away."""
        if problem == self._problem:
            return  # a style sheet is read anew each time, and there are forty fields
        self._problem = problem
        self.widget.setStyleSheet(_WRONG if problem else "")
        self.widget.setAccessibleDescription(problem)


def make_fields(
    kind: type[Record],
    choices: dict[str, tuple[Sequence[str], bool]],
    parent: QObject,
) -> dict[str, SettingField]:
    """Make an editor for every field of a record, by name in the record's order."""
    hints = get_type_hints(kind)
    return {
        field.name: SettingField(
            field, hints[field.name], *choices.get(field.name, ((), True)), parent
        )
        for field in dataclasses.fields(kind)
    }


def describe_fields(kind: type) -> dict[str, str]:
    """Return what a class's docstring says of its attributes: name -> sentence(s)."""
    text = inspect.getdoc(kind) or ""
    _, _, text = text.partition("Attributes\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        if re.match(r"^-{3,}$", line):
            break
        if line[:1].strip():
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {name: re.sub(r"`+", "", sentence) for name, sentence in found.items()}


def write_value(value: Any) -> str:
    """Return a value as one types it: '1e-4', '0.5, 0.5, 0.5', '' for None."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(write_value(part) for part in value)
    if isinstance(value, float):
        return re.sub(r"e([+-])0*(\d)", r"e\1\2", f"{value:g}").replace("e+", "e")
    return str(value)


def read_value(text: str, kind: Any) -> Any:
    """Return what was typed as the type that a field has.

    Raises
    ------
    ValueError
        It can't be read so.
    """
    origin = get_origin(kind)
    if origin in (tuple, list):
        inner = get_args(kind)[0]
        return tuple(read_value(part.strip(), inner) for part in text.split(",") if part.strip())
    if kind is int:
        return _number(text, int, "a whole number")
    if kind is float:
        return _number(text, float, "a number")
    return text


def _number(text: str, kind: Callable[[str], Any], what: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"expected {what}, found {text!r}") from None


def _strip_optional(kind: Any) -> tuple[Any, bool]:
    """Return the type without None, and whether None is allowed."""
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0], len(rest) < len(get_args(kind))
    return kind, False
