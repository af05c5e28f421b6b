"""What the parts of a session have in common: whose they are, and telling what was set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload
from weakref import ref

if TYPE_CHECKING:
    from typing import Self

    from napari_stexp.session.state import Session

__all__ = ["SessionPart", "Told"]

Value = TypeVar("Value")


class SessionPart:
    """A part that knows its session, without keeping it alive.

    Parameters
    ----------
    session : Session
        Which owns this.
    """

    def __init__(self, session: Session) -> None:
        self._kept = ref(session)

    @property
    def _session(self) -> Session:
        session = self._kept()
        assert session is not None
        return session


class Told(Generic[Value]):
    """An attribute whose signal is emitted when it becomes another one.

    Of an attribute ``shown``, the signal is ``shown_changed``, and it is given the new value;
    setting what is already set emits nothing.

    Parameters
    ----------
    initial : object
        What it is until it is set.
    doc : str
        What it says, for help.
    """

    def __init__(self, initial: Value, doc: str) -> None:
        self._initial = initial
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._signal = f"_{name}", f"{name}_changed"

    @overload
    def __get__(self, part: None, owner: type) -> Self: ...

    @overload
    def __get__(self, part: object, owner: type) -> Value: ...

    def __get__(self, part: object | None, owner: type) -> Any:
        return self if part is None else getattr(part, self._name, self._initial)

    def __set__(self, part: object, value: Value) -> None:
        if value != getattr(part, self._name, self._initial):
            setattr(part, self._name, value)
            getattr(part, self._signal).emit(value)
