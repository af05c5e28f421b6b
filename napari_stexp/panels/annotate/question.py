"""A question in a panel, with a button per answer; nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import Notice, make_button, make_row

__all__ = ["Question"]


class Question(QWidget):
    """A notice over its answers; hidden until it is asked.

    Parameters
    ----------
    answers : dict of str to (str, callable)
        Text of each button, with its tooltip and what it does.
    kind : str
        Of the notice.
    """

    def __init__(
        self, answers: dict[str, tuple[str, Callable[[], None]]], kind: str = "warning"
    ) -> None:
        super().__init__()
        self._kind = kind
        self.notice = Notice(kind)
        self.buttons: dict[str, QPushButton] = {}
        for text, (tooltip, action) in answers.items():
            self.buttons[text] = make_button(text, tooltip, self._answer(action))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.notice)
        layout.addLayout(make_row(*self.buttons.values()))
        self.hide()

    def _answer(self, action: Callable[[], None]) -> Callable[[], None]:
        def answer() -> None:
            self.hide()
            action()

        return answer

    def ask(self, text: str) -> None:
        """Ask; an empty text takes the question back."""
        self.notice.say(self._kind, text)
        self.setVisible(bool(text))
