"""Up to three genes or signatures at once, in three colours."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QStringListModel
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from napari_stexp.panels.genes.channel_row import ChannelRow
from napari_stexp.panels.text import join_words
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row
from napari_stexp.session import MIXING
from napari_stexp.session.genes.composite import channel_color

if TYPE_CHECKING:
    from napari_stexp.panels.genes.genes_panel import GenesPanel

__all__ = ["CompositeView"]

_MEANING = {
    "rgb": "Colours add up: red and green are yellow, all three white; black is none.",
    "cmy": "Colours cover like ink: cyan and yellow are green, all three black; white is none.",
}


class CompositeView(QWidget):
    """Chooses what is red, green and blue, and between which limits.

    Parameters
    ----------
    panel : GenesPanel
        Whose session is shown.
    """

    def __init__(self, panel: GenesPanel) -> None:
        super().__init__()
        self._panel = panel
        self.session, self._control = panel.session, panel.controller.signatures
        self._names = QStringListModel(self)
        self._known: dict[str, str] = {}  # names as they are, by the folded ones
        self.shown_box = QCheckBox("show together")
        self.shown_box.setToolTip(
            "Show these genes at once in three colours, or only the active gene. A click on a "
            "gene in the list shows that gene alone again."
        )
        self.add_button = make_button(
            "Add shown gene", "Put the gene that is shown into the next free colour.", self._add
        )
        self.mixing_box = ignore_idle_wheel(QComboBox())
        self.mixing_box.addItem("red, green, blue", "rgb")
        self.mixing_box.addItem("cyan, magenta, yellow", "cmy")
        self.mixing_box.setToolTip(
            "The three colours. Cyan, magenta and yellow are told apart by eyes that don't tell "
            "red from green."
        )
        self.rows = [ChannelRow(self._names) for _ in MIXING["rgb"]]
        self.trouble = Notice("warning")
        self.meaning = Notice("hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in self.rows:
            layout.addWidget(row)
        layout.addLayout(make_row(self.shown_box, self.add_button, stretch=0))
        layout.addWidget(self.mixing_box)
        layout.addWidget(self.trouble)
        layout.addWidget(self.meaning)
        panel.add_area("composite", "this", layout)
        self._connect(panel)
        self.refresh()

    def _connect(self, panel: GenesPanel) -> None:
        session = self.session
        for row in self.rows:
            row.name_requested.connect(self._ask)
            row.limits_requested.connect(partial(self._ask_limits, row))
        self.shown_box.clicked.connect(self._on_shown)
        self.mixing_box.activated.connect(self._ask_mixing)
        panel.watch(session.composite_changed, self._on_composite)
        for signal in (session.display_changed, session.prediction_updated):
            panel.watch(signal, self._on_values)
        for signal in (
            session.signatures.changed, session.source_changed, session.spots_changed,
            session.prediction_changed, session.values_hidden_changed,
        ):  # fmt: skip
            panel.watch(signal, self._on_content)

    # ---- showing -------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Know the genes once somebody looks."""
        super().showEvent(event)
        self.refresh()

    def _on_content(self, _: Any = None) -> None:
        if self.isVisibleTo(self._panel):
            self.refresh()

    def _on_values(self, _: Any = None) -> None:
        if self.isVisibleTo(self._panel) and self.session.composite:
            self._show_limits()

    def _on_composite(self, _: Any = None) -> None:
        composite = self.session.composite
        if composite:
            for row, name in zip(self.rows, (*composite, "", ""), strict=False):
                row.set_text(name)
        self._show()

    def refresh(self) -> None:
        """Show the session's composite, and offer what can be in it."""
        names = [*self._control.offered, *self.session.genes]
        self._known = {name.casefold(): name for name in reversed(names)}
        self._names.setStringList(names)
        self._on_composite()

    def _show(self) -> None:
        session = self.session
        style = session.composite_style
        for channel, (row, name) in enumerate(zip(self.rows, style.color_names, strict=True)):
            row.set_color(name, channel_color(style.mixing, channel))
        self.mixing_box.setCurrentIndex(self.mixing_box.findData(style.mixing))
        self.shown_box.setChecked(bool(session.composite))
        self.shown_box.setEnabled(any(row.text for row in self.rows))
        self.meaning.say("hint", _MEANING[style.mixing] if session.composite else "")
        self._show_limits()

    def _show_limits(self) -> None:
        session = self.session
        style, transform = session.composite_style, session.display.transform
        for row in self.rows:
            name = row.text
            if name not in session.composite:
                row.show_limits(None, (0.0, 1.0), by_hand=False)
                continue
            by_hand = (name, transform) in style.limits
            row.show_limits(session.shown_values(name), session.channel_limits(name), by_hand)

    # ---- asking --------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for what is in the boxes; say what isn't known."""
        names, unknown = [], []
        for row in self.rows:
            if row.text:
                found = self._find(row.text)
                if found is None:
                    unknown.append(row.text)
                elif found in names:
                    row.set_text("")
                else:
                    row.set_text(found)
                    names.append(found)
        self.trouble.say("warning", f"Not known here: {join_words(unknown)}." if unknown else "")
        self.shown_box.setEnabled(bool(names))
        if tuple(names) != self.session.composite:
            before = [row.text for row in self.rows]
            self._control.show_composite(names)
            if unknown:  # it stays, to be corrected
                for row, text in zip(self.rows, before, strict=True):
                    row.set_text(text)

    def _find(self, text: str) -> str | None:
        """Return the gene or signature that a text names, whatever its case, or by an alias."""
        found = self._known.get(text.casefold())
        expression = self.session.expression
        if found is None and expression is not None:
            match = self.session.signatures.match([text], expression)
            found = match.known[0] if match.known else None
        return found

    def _on_shown(self, shown: bool) -> None:
        if shown:
            self._ask()
        else:
            self._control.show_composite(())

    def _add(self) -> None:
        gene = self.session.gene
        texts = [row.text for row in self.rows]
        if gene is None or gene in texts:
            return
        if "" not in texts:
            self.trouble.say("warning", "All three colours are taken: clear one of them first.")
            return
        self.rows[texts.index("")].set_text(gene)
        self._ask()

    def _ask_limits(self, row: ChannelRow, limits: tuple[float, float] | None) -> None:
        session = self.session
        style = session.composite_style.with_limits(row.text, session.display.transform, limits)
        self._control.set_style(style)

    def _ask_mixing(self, _at: int) -> None:
        style = self.session.composite_style
        self._control.set_style(type(style)(self.mixing_box.currentData(), style.limits))
