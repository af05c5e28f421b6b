"""Chooses what is shown side by side: one picture, several genes, all models, or both sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QButtonGroup, QComboBox, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_stexp.panels.text import count, join_words
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row
from napari_stexp.session import MOST_GENES

if TYPE_CHECKING:
    from napari_stexp.panels.genes.genes_panel import GenesPanel

__all__ = ["ViewsRow"]

_FIRST, _SELECTED, _FAVOURITES, _RECENT = "first", "selected", "favourites", "recent"
_SCORES, _GENES_OF = "scores", "genes of "
_CHOICES = {
    _FIRST: "First of the list",
    _SELECTED: "Selected in the list",
    _FAVOURITES: "Favourites",
    _RECENT: "Shown last",
}
_NONE = {
    _SELECTED: "Select genes in the list first: hold Ctrl or Shift while you click.",
    _FAVOURITES: "None of these genes is a favourite yet: click the star beside a gene.",
    _RECENT: "None of these genes was shown yet.",
    _SCORES: "There are no signatures yet; add one above.",
}
_BUTTONS = {
    "single": ("One", "Show one picture: the active gene."),
    "genes": ("Genes", "Show the genes chosen above side by side, with one camera."),
    "models": ("Models", "Show the active gene in every prediction, with the same limits."),
    "sides": ("Measured", "Show the active gene as measured, as predicted, and the difference."),
}
_NOT_YET = {
    "models": "There is one prediction only: predict with another model first.",
    "sides": "This needs a prediction of spots that were measured, too.",
}


class ViewsRow(QWidget):
    """Sets `Session.views`.

    Parameters
    ----------
    panel : GenesPanel
        Whose session is shown, and whose list genes are taken from.
    """

    def __init__(self, panel: GenesPanel) -> None:
        super().__init__()
        self._panel = panel
        self.session, self._controller = panel.session, panel.controller
        self.choice = ignore_idle_wheel(QComboBox())
        self.choice.setToolTip("Which genes are shown side by side.")
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.number = ignore_idle_wheel(QSpinBox())
        self.number.setRange(1, MOST_GENES)
        self.number.setValue(9)
        self.number.setToolTip(f"How many of them at most; {MOST_GENES} fit on a screen.")
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        for kind, (words, tooltip) in _BUTTONS.items():
            button = make_button(words, tooltip)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, kind=kind: self.show_views(kind))
            self.buttons[kind] = button
            self._group.addButton(button)
        self.notice = Notice("hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(make_row(self.choice, self.number, stretch=0))
        layout.addLayout(make_row(*self.buttons.values()))
        layout.addWidget(self.notice)
        self._fill_choice()
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        session, watch = self.session, self._panel.watch
        self.choice.activated.connect(self._on_choice)
        self.number.valueChanged.connect(self._on_choice)
        watch(session.views.changed, self.refresh)
        watch(session.predictions.changed, self.refresh)
        watch(session.signatures.changed, self._fill_choice)
        for signal in (session.spots_changed, session.prediction_changed,
                       session.values_hidden_changed):  # fmt: skip
            watch(signal, self.refresh)

    # ---- showing -------------------------------------------------------------------------

    def refresh(self, _: Any = None) -> None:
        """Show which views there are, and which there can be."""
        session = self.session
        can = {
            "single": True,
            "genes": True,
            "models": len(session.predictions) > 1,
            "sides": session.prediction is not None and session.has_measurement,
        }
        for kind, button in self.buttons.items():
            button.setChecked(kind == session.views.kind)
            button.setEnabled(can[kind] and not session.hides_values)
            button.setToolTip(_BUTTONS[kind][1] if can[kind] else _NOT_YET[kind])
        if session.views.kind == "single":
            self.notice.clear_if("hint")

    def _fill_choice(self, _: Any = None) -> None:
        chosen = self.choice.currentData()
        self.choice.clear()
        for kind, words in _CHOICES.items():
            self.choice.addItem(words, kind)
        for name in self.session.signatures:
            self.choice.addItem(f"Genes of {name}", _GENES_OF + name)
        if len(self.session.signatures):
            self.choice.addItem("All signatures", _SCORES)
        self.choice.setCurrentIndex(max(self.choice.findData(chosen), 0))

    # ---- asking --------------------------------------------------------------------------

    def show_views(self, kind: str) -> None:
        """Show pictures of another kind."""
        genes = self.chosen_genes() if kind == "genes" else []
        if kind == "genes" and not genes:
            self._say_why_not()
        else:
            self._controller.guard("genes", self.session.views.show, kind, genes)
        self.refresh()

    def chosen_genes(self) -> list[str]:
        """Return the genes to be shown side by side, those that there are values of."""
        return self._known()[: self.number.value()]

    def _wanted(self) -> list[str]:
        kind, session, names = self.choice.currentData(), self.session, self._panel.list
        if kind == _FIRST:
            return list(names.top_genes(self.number.value()))
        if kind == _SELECTED:
            return list(names.selected_genes())
        if kind == _FAVOURITES:
            return sorted(session.marks.favourites, key=str.casefold)
        if kind == _RECENT:
            return list(session.marks.recent)
        if kind == _SCORES:
            return list(session.signatures)
        name = kind.removeprefix(_GENES_OF)
        return list(session.signatures[name].genes) if name in session.signatures else []

    def _known(self) -> list[str]:
        expression, signatures = self.session.expression, self.session.signatures
        return [
            gene
            for gene in self._wanted()
            if gene in signatures or (expression is not None and gene in expression)
        ]

    def _on_choice(self, _: Any = None) -> None:
        """Follow at once where genes are shown side by side already."""
        self.notice.clear_if("hint", "warning")
        if self.session.views.kind == "genes":
            self.show_views("genes")
        left_out = [gene for gene in self._wanted() if gene not in self._known()]
        more = len(self._known()) - self.number.value()
        if left_out:
            self.notice.say("hint", f"There are no values of {join_words(left_out)}.")
        elif more > 0 and self.choice.currentData() != _FIRST:
            self.notice.say("hint", f"{count(more, 'gene')} more would not fit in.")

    def _say_why_not(self) -> None:
        kind = self.choice.currentData()
        self.notice.say("warning", _NONE.get(kind, "There are no values of any of these genes."))
