"""Between the panel *Compare* and the session: ranks genes, finds domains, scores, reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QUrl, Signal
from qtpy.QtGui import QDesktopServices

from napari_stexp.errors import EvaluationError, StexpError
from napari_stexp.panels.compare import compare_tasks as tasks
from napari_stexp.panels.plots.table_file import save_table_steps

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["CompareControl"]


class CompareControl(QObject):
    """Runs what the panel *Compare* asks for.

    The areas are sides, rank, table, agreement, scores and report. A result of spots or a
    prediction that are no longer shown is dropped.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    sides_found = Signal(object)  # Sides, or the StexpError that says why there are none

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self.plots = controller.plots
        self.report: Path | None = None
        self._wanted: tasks.SidesChoice | None = None

    def _start(
        self,
        area: str,
        make: Callable[[], Any],
        name: str,
        title: str,
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        """Run a task, put its result into the session's comparison, and do something with it."""
        session = self.session
        shown = (session.spots, session.prediction)
        try:
            steps = make()
        except StexpError as error:
            self._controller.fail(area, error)
            return

        def take(result: Any) -> None:
            if (session.spots, session.prediction) == shown:
                setattr(session.comparison, name, result)
                if then is not None:
                    then(result)

        self._controller.start(area, steps, title=title, on_return=take)

    # ---- labels and spots ----------------------------------------------------------------

    def use_labels(self, key: str | None) -> None:
        """Use a source of labels."""
        with self.session.undoing.step("Use other labels"):
            self._controller.guard("rank", setattr, self.session.labelling, "active", key)

    def remove_labels(self, key: str) -> None:
        """Take away the labels of a table, or domains that were found."""
        with self.session.undoing.step("Remove labels"):
            self._controller.guard("rank", self.session.labelling.remove, key)

    def show_labels(self, shown: bool) -> None:
        """Colour the spots by class, or not."""
        self._controller.guard("rank", setattr, self.session.labelling, "shown", shown)

    def select(self, mask: Any) -> None:
        """Select spots; None for none."""
        self._controller.guard("agreement", self.session.select_spots, mask)

    def set_gene(self, gene: str) -> None:
        """Show a gene; one that only the other source has is shown from there."""
        session = self.session
        if gene not in session.genes:
            other = "measured" if session.source == "predicted" else "predicted"
            self._controller.set_source(other)
        self._controller.set_gene(gene)

    # ---- region genes --------------------------------------------------------------------

    def count_sides(self, choice: tasks.SidesChoice) -> None:
        """Find out how many spots two sides have; of several calls the last one counts."""
        self._wanted = choice
        if not self._controller.busy("sides"):
            self._count()

    def _count(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is None or self.session.spots is None:
            return

        def tell(found: Any) -> None:
            if self._wanted is None:
                self.sides_found.emit(found)

        self._controller.start(
            "sides",
            tasks.sides_steps(self.session, wanted),
            title="Counting the spots",
            on_return=tell,
            on_end=self._count,
        )

    def rank(self, choice: tasks.SidesChoice, source: str) -> None:
        """Compare every gene between two sides, in the background."""
        steps = tasks.rank_steps(self.session, choice, source)
        self._start("rank", lambda: steps, "genes", "Ranking genes")

    def save_table(self, path: str | Path) -> None:
        """Write the table of region genes as CSV."""
        ranked, path = self.session.comparison.genes, Path(path)
        if ranked is None:
            self._fail("table", "there is no table of genes yet", "Rank the genes first.")
            return
        sides = ranked.sides
        notes = [
            f"{sides.name_inside} ({ranked.n_inside} spots) against {sides.name_outside} "
            f"({ranked.n_outside} spots); {ranked.source} values, scale: per {ranked.scale}; "
            f"margin {sides.margin_um:g} µm, {sides.n_left_out} spots left out",
            ranked.caution,
        ]
        self._controller.remember(path.parent)
        self._controller.start(
            "table",
            save_table_steps(ranked.table, path, notes),
            title=f"Writing {path.name}",
            on_return=lambda done: self._controller.succeeded.emit("table", f"Saved as {done}"),
        )

    # ---- agreement -----------------------------------------------------------------------

    def find_domains(self, source: str, method: str, n_domains: int | None, over: str) -> None:
        """Find domains of expression and compare them with the labels, in the background."""
        from napari_stexp.session import start_agreement

        def make() -> Any:
            return start_agreement(self.session, method, n_domains, over, source)

        add = self.session.labelling.add_domains
        self._start("agreement", make, "agreement", "Finding domains", add)

    def select_cell(self, label: str, domain: int) -> None:
        """Select the spots of a class that are in a domain."""
        agreement = self.session.comparison.agreement
        if agreement is not None:
            self.select((agreement.labels == label) & (agreement.domains == domain))

    # ---- measured ------------------------------------------------------------------------

    def show_side_by_side(self, shown: bool) -> None:
        """Show measured, predicted and residual side by side, or not."""
        self._controller.guard("scores", setattr, self.session.comparison, "side_by_side", shown)

    def score(self) -> None:
        """Compare every predicted gene with its measurement, in the background."""
        from napari_stexp.session import start_scores

        self._start(
            "scores",
            lambda: start_scores(self.session),
            "scores",
            "Comparing with the measurement",
        )

    # ---- report --------------------------------------------------------------------------

    def write_report(self, path: str | Path, genes: tuple[str, ...], parts: frozenset[str]) -> None:
        """Write everything that has been compared as one HTML file, in the background."""
        from napari_stexp.session import start_report

        path = Path(path)
        self._controller.remember(path.parent)
        self.report = None
        figures = path.with_suffix("").with_name(f"{path.stem}_figures")

        def tell(written: Path) -> None:
            self.report = Path(written)
            self._controller.succeeded.emit("report", f"Saved as {written}")

        try:
            steps = start_report(
                self.session,
                path,
                genes,
                figures=figures if "figures" in parts else None,
                parts=parts,
            )
        except StexpError as error:
            self._controller.fail("report", error)
            return
        self._controller.start(
            "report", steps, title="Writing the report", on_return=tell, patient=True
        )

    def open_report(self) -> None:
        """Show the report in the browser."""
        if self.report is None:
            return
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.report))):
            self._controller.fail(
                "report",
                EvaluationError(
                    "no program opened the report",
                    path=self.report,
                    hint="Open this file in a web browser.",
                ),
            )

    def _fail(self, area: str, what: str, hint: str) -> None:
        self._controller.fail(area, EvaluationError(what, hint=hint))
