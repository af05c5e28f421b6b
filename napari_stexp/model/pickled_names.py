"""Read names out of a pickle without unpickling it.

Gene lists are published as pickles: object arrays in ``.npy`` files, pandas' Index in
``.pkl`` files. Unpickling runs whatever the file says, so it is never done here. The
opcodes are read one by one (`pickletools.genops`, which executes nothing) and played on
a stack that holds nothing but text, small numbers, tuples, lists, dictionaries and inert
marks. A mark stands where NumPy or pandas would have been called; nothing is imported
and nothing is called. Whatever isn't on the lists below is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["LARGEST_PICKLE", "UnsafePickleError", "read_pickled_names"]

#: Bytes. A list of all human genes takes 1 MB; keeps hostile files from taking minutes.
LARGEST_PICKLE = 8 * 1024**2

_RECONSTRUCT = "numpy.ndarray's reconstruction"
_ARRAY = "numpy.ndarray"
_DTYPE = "numpy.dtype"
_NEW_INDEX = "pandas.Index's reconstruction"
_INDEX = "pandas.Index"

#: The only globals that are recognised; each becomes a mark, none is imported.
_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("pandas.core.indexes.base", "_new_Index"): _NEW_INDEX,
    ("pandas.core.indexes.base", "Index"): _INDEX,
}
_OBJECT_TYPES = ("O8", "O4", "O", "|O")


class UnsafePickleError(ValueError):
    """The pickle holds more than a list of names, or is damaged."""


@dataclass(frozen=True)
class _Mark:
    """Stands for a global that would have been imported."""

    what: str


@dataclass(eq=False)
class _Array:
    """Stands for an array of objects; ``content`` is its list once its state was read."""

    content: list[Any] | None = None


_BOTTOM = object()  # where MARK was pushed
_OBJECT_TYPE = _Mark("numpy.dtype('O')")


def read_pickled_names(data: bytes) -> list[str]:
    """Return the names in a pickle of a list, tuple, object array or pandas Index of text.

    Parameters
    ----------
    data : bytes
        The whole pickle, any protocol, at most `LARGEST_PICKLE` bytes.

    Raises
    ------
    UnsafePickleError
        An opcode, global or call that a list of names doesn't need; an entry that is no
        text; a damaged, cut off or too large pickle, or bytes behind its end.
    """
    if len(data) > LARGEST_PICKLE:
        raise UnsafePickleError(f"{len(data):,} bytes, more than {LARGEST_PICKLE:,}")
    machine = _Machine()
    at = 0
    try:
        for opcode, argument, position in pickletools.genops(data):
            at = position or 0
            machine.play(opcode.name, argument)
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{error} at byte {at}") from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnsafePickleError(f"damaged near byte {at} ({type(error).__name__})") from error
    if at + 1 != len(data):
        raise UnsafePickleError(f"{len(data) - at - 1} bytes behind the pickle's end")
    return _as_names(machine.result)


def _as_names(result: object) -> list[str]:
    if isinstance(result, _Array):
        result = result.content
    if not isinstance(result, list | tuple):
        raise UnsafePickleError(f"{_kind(result)} instead of a list of names")
    for entry in result:
        if type(entry) is not str:
            raise UnsafePickleError(f"an entry that is {_kind(entry)}, not text")
    names = list(result)
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:  # a pickle may hold half of a surrogate pair
        raise UnsafePickleError("an entry that is no valid text") from error
    return names


def _kind(value: object) -> str:
    """Say what something is without showing its content, which may be endless."""
    if isinstance(value, _Mark):
        return value.what
    return {_Array: "an array", type(None): "None"}.get(type(value), f"a {type(value).__name__}")


class _Machine:
    """The pickle machine's stack and memo, for the opcodes that names need."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.result: object = None

    def play(self, name: str, argument: Any) -> None:
        """Play one opcode, or refuse it."""
        if name in _IGNORED:
            return
        if name in _LITERALS:
            self.stack.append(_LITERALS[name](argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise UnsafePickleError(f"the opcode {name}")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _BOTTOM:
            raise UnsafePickleError("a stray mark")
        return value

    def pop_to_mark(self) -> list[Any]:
        """Take off everything above the last mark, and the mark."""
        items = []
        while (value := self.stack.pop()) is not _BOTTOM:
            items.append(value)
        return items[::-1]

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise UnsafePickleError(f"a {kind.__name__}'s opcode on {_kind(self.stack[-1])}")
        return self.stack[-1]

    def push_tuple(self, length: int) -> None:
        self.stack.append(tuple(self.pop() for _ in range(length))[::-1])

    def push_global(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise UnsafePickleError("a global without a name")
        if (module, name) not in _GLOBALS:
            raise UnsafePickleError(f"{module[:60]}.{name[:60]}")
        self.stack.append(_Mark(_GLOBALS[module, name]))

    def append(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if len(keys) != len(values) or any(type(key) is not str for key in keys):
            raise UnsafePickleError("a dictionary without names")
        self.top(dict).update(zip(keys, values, strict=True))

    def reduce(self) -> None:
        """Replace a call by the mark of what it would return."""
        arguments, function = self.pop(), self.pop()
        if type(arguments) is not tuple or type(function) is not _Mark:
            raise UnsafePickleError(f"a call of {_kind(function)}")
        self.stack.append(_recognise_call(function.what, arguments))

    def build(self) -> None:
        """Take the state of an array; that of its type is known already."""
        state = self.pop()
        target = self.stack[-1]
        if type(state) is not tuple:
            raise UnsafePickleError(f"a state that is {_kind(state)}")
        if isinstance(target, _Array):
            target.content = _array_content(state)
        elif target is not _OBJECT_TYPE:
            raise UnsafePickleError(f"a state for {_kind(target)}")

    def stop(self) -> None:
        self.result = self.pop()
        if self.stack:
            raise UnsafePickleError("more than one object")


def _recognise_call(function: str, arguments: tuple[Any, ...]) -> Any:
    """Return the mark for NumPy's and pandas' own ways to store arrays."""
    if function == _RECONSTRUCT and _matches(arguments, (_Mark(_ARRAY), (0,), b"b")):
        return _Array()
    if function == _DTYPE and arguments and arguments[0] in _OBJECT_TYPES:
        return _OBJECT_TYPE
    if function == _NEW_INDEX and len(arguments) == 2 and arguments[0] == _Mark(_INDEX):
        state = arguments[1]
        if type(state) is dict and set(state) <= {"data", "name"}:
            array = state.get("data")
            if isinstance(array, _Array) and array.content is not None:
                return array
    raise UnsafePickleError(f"a call of {function} with other arguments")


def _matches(arguments: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    return len(arguments) == len(expected) and all(
        type(a) is type(b) and a == b for a, b in zip(arguments, expected, strict=True)
    )


def _array_content(state: tuple[Any, ...]) -> list[Any]:
    """Return the objects in an array's state (version, shape, dtype, Fortran order, list)."""
    if len(state) != 5 or state[2] is not _OBJECT_TYPE or type(state[4]) is not list:
        raise UnsafePickleError("an array that isn't one of objects")
    shape, content = state[1], state[4]
    if type(shape) is not tuple or len(shape) != 1 or shape[0] != len(content):
        raise UnsafePickleError("an array that isn't one list of names")
    return content


def _small(value: Any) -> int:
    if type(value) is not int and type(value) is not bool:
        raise UnsafePickleError("a number that is none")
    return value


_IGNORED = frozenset({"PROTO", "FRAME"})
_LITERALS: dict[str, Callable[[Any], Any]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
    "MARK": lambda _: _BOTTOM,
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2"), _small),
    **dict.fromkeys(
        ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES"),
        lambda text: text,
    ),
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "TUPLE": lambda m, _: m.stack.append(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m, _: m.push_tuple(1),
    "TUPLE2": lambda m, _: m.push_tuple(2),
    "TUPLE3": lambda m, _: m.push_tuple(3),
    "LIST": lambda m, _: m.stack.append(m.pop_to_mark()),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.pop_to_mark()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.pop_to_mark()),
    "MEMOIZE": lambda m, _: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    **dict.fromkeys(
        ("PUT", "BINPUT", "LONG_BINPUT"), lambda m, key: m.memo.__setitem__(key, m.stack[-1])
    ),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, key: m.stack.append(m.memo[key])),
    "GLOBAL": lambda m, text: m.push_global(*text.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.push_global(*[m.pop(), m.pop()][::-1]),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
    "STOP": lambda m, _: m.stop(),
}
