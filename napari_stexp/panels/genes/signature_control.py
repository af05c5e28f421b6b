"""Between the panel *Genes* and the session: signatures, their scores, composites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_stexp.errors import GeneListError
from napari_stexp.gene import GeneSet, marker_panels, parse_genes
from napari_stexp.panels.genes.signature_tasks import read_gmt_steps
from napari_stexp.panels.text import count
from napari_stexp.session import (
    CompositeStyle,
    SignatureScores,
    free_name,
    start_signature_scores,
)

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session.genes.expression import Expression

__all__ = ["SignatureControl"]


class SignatureControl(QObject):
    """Offers signatures, and has scores found of those that are shown.

    The areas are signatures (what the user asks for) and scores of signatures (what
    follows from it).

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = session = controller.session
        self._names_wanted = False
        self._tried: tuple[Any, ...] | None = None  # what failed isn't tried again by itself
        self._signals: list[tuple[Any, Callable[..., None]]] = [
            (signal, self._on_changed)
            for signal in (
                session.gene_changed, session.composite_changed, session.source_changed,
                session.spots_changed, session.prediction_changed, session.views.changed,
                session.signatures.changed, session.values_hidden_changed,
            )
        ]  # fmt: skip
        for signal, slot in self._signals:
            signal.connect(slot)
        controller.task_ended.connect(self._on_task_ended)

    def close(self) -> None:
        """Stop following the session."""
        for signal, slot in self._signals:
            signal.disconnect(slot, missing_ok=True)
        self._signals.clear()

    # ---- what there is -------------------------------------------------------------------

    @property
    def offered(self) -> dict[str, GeneSet]:
        """Built-in marker panels, and the session's own signatures, by name."""
        found = {panel.name: panel.as_set() for panel in marker_panels()}
        return found | {one.name: one for one in self.session.signatures.items}

    def is_built_in(self, name: str) -> bool:
        """Whether a name is that of a marker panel that comes with the program."""
        return any(panel.name == name for panel in marker_panels())

    def use(self, name: str) -> None:
        """Take a marker panel among the session's signatures, where it isn't yet."""
        if name not in self.session.signatures and self.is_built_in(name):
            self.session.signatures.add(self.offered[name])

    def show(self, name: str) -> None:
        """Show the score of a signature, or a gene."""
        self._controller.cleared.emit("signatures")
        self._tried = None
        self._controller.guard("signatures", self._show, name)
        self._find_missing()

    def _show(self, name: str) -> None:
        self.use(name)
        self.session.gene = name

    def add_pasted(self, name: str, text: str) -> bool:
        """Add a pasted list of genes as a signature, and show its score; True if it worked."""
        self._controller.cleared.emit("signatures")
        return self._controller.guard("signatures", self._add_pasted, name, text)

    def _add_pasted(self, name: str, text: str) -> None:
        genes = parse_genes(text)
        if not genes:
            raise GeneListError(
                "there are no genes in the list", hint="Paste names such as ERBB2, GRB7, KRT8."
            )
        if not (name := name.strip()):
            name = f"My genes {sum(one.startswith('My genes') for one in self.offered) + 1}"
        name = free_name(self.session, name)
        if self.is_built_in(name):
            raise GeneListError(f"{name!r} is a built-in panel", hint="Choose another name.")
        self.session.signatures.add(GeneSet(name, genes, "a pasted list"))
        if self.session.expression is not None:
            self.session.gene = name

    def load_gmt(self, path: str | Path) -> None:
        """Read gene sets from a GMT file in the background."""
        path = Path(path)
        self._controller.remember(path)

        def take(sets: list[GeneSet]) -> None:
            new = [GeneSet(free_name(self.session, one.name), one.genes, one.source)
                   for one in sets if not self.is_built_in(one.name)]  # fmt: skip
            self.session.signatures.add(*new)
            self._controller.succeeded.emit(
                "signatures", f"{count(len(new), 'gene set')} from {path.name}."
            )

        self._controller.start(
            "signatures", read_gmt_steps(path), title=f"Reading {path.name}", on_return=take
        )

    def remove(self, names: Sequence[str]) -> None:
        """Remove signatures from the session."""
        self._controller.cleared.emit("signatures")
        with self.session.undoing.step("Remove signatures"):
            self.session.signatures.remove(list(names))

    # ---- composites ----------------------------------------------------------------------

    def show_composite(self, names: Sequence[str]) -> None:
        """Show up to three genes or signatures at once; none for the active gene alone."""
        self._controller.cleared.emit("composite")
        self._controller.guard("composite", self._show_composite, tuple(names))

    def _show_composite(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.use(name)
        with self.session.undoing.step("Mix genes"):
            self.session.composite = names

    def set_style(self, style: CompositeStyle) -> None:
        """Mix colours otherwise, or between other limits."""
        self._controller.guard("composite", setattr, self.session, "composite_style", style)

    # ---- scores --------------------------------------------------------------------------

    def want_names(self) -> None:
        """Have the other names of genes found, by which more of a signature is known."""
        self._names_wanted = True
        self._find_missing()

    def _on_changed(self, _: Any = None) -> None:
        self._find_missing()

    def _on_task_ended(self, area: str) -> None:
        if area in ("predict", "scores of signatures"):
            self._find_missing()

    def _shown(self) -> list[str]:
        """Return the signatures that are shown somewhere."""
        session = self.session
        names = dict.fromkeys((session.gene, *session.composite, *session.views.genes))
        return [name for name in names if name in session.signatures]

    def _find_missing(self) -> None:
        """Have scores found that are shown and aren't known, or are older than their values."""
        session, controller = self.session, self._controller
        if session.spots is None or session.hides_values or controller.busy("scores of signatures"):
            return
        shown, signatures = self._shown(), session.signatures
        if not shown and not self._names_wanted:
            return
        sources: list[Expression] = []
        missing: dict[str, None] = {}
        for source in session.all_expressions():
            # While a prediction runs, scores wait for its end once there are any.
            running = controller.busy("predict") and source is session.expression
            lacking = [
                name
                for name in shown
                if not signatures.has_scores(name, source)
                or not (running or signatures.is_current(name, source))
            ]
            if lacking or (self._names_wanted and signatures.names_of(source) is None):
                sources.append(source)
                missing.update(dict.fromkeys(lacking))
        attempt = (tuple(missing), tuple(map(id, sources)))
        if sources and attempt != self._tried:
            self._tried = attempt
            controller.start(
                "scores of signatures",
                start_signature_scores(session, list(missing), sources),
                title="Scoring signatures",
                unit="spots",
                on_return=self._take,
            )

    def _take(self, found: list[SignatureScores]) -> None:
        self._tried = None
        self.session.signatures.put_many(found)
