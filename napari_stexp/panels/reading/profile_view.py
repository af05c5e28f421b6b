"""The profile of the clicked spot, of the selected spots or regions, or of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.errors import StexpError
from napari_stexp.panels.plots.column_table import ColumnTable
from napari_stexp.panels.reading.profile_columns import OF_MANY, OF_ONE
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import (
    Facts,
    Notice,
    TaskRow,
    ignore_idle_wheel,
    make_button,
    make_row,
)

if TYPE_CHECKING:
    from napari_stexp.panels.reading.plots_panel import PlotsPanel
    from napari_stexp.session import Profile

__all__ = ["FOCUS", "REGIONS", "SPOTS", "ProfileView"]

#: What a profile can be of, beside the classes.
FOCUS, SPOTS, REGIONS = "the clicked spot", "selected spots", "selected regions"

_NEXT = (
    "Click a spot on the slide to see its profile. Or select spots or regions, in the tab "
    "Annotations, for the mean of them."
)
_TABLE_PX = 150
_PATIENCE_MS = 400  # a shorter wait needs no progress bar


class ProfileView(QWidget):
    """Asks for a profile of what was chosen last, and shows it.

    Parameters
    ----------
    panel : PlotsPanel
        Whose part it is.

    Attributes
    ----------
    profile : Profile or None
        What is shown.
    """

    def __init__(self, panel: PlotsPanel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self.profile: Profile | None = None
        self._asked: tuple[Any, ...] = ()
        self.box = ignore_idle_wheel(QComboBox())
        self.box.setToolTip("Whose profile: it follows what you click or select on the slide.")
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.fly_button = make_button("Go to", "Bring the spot into view.", self._fly)
        self.facts = Facts()
        self.hint = Notice("hint")
        self.row = TaskRow(lambda: panel.controller.cancel("profile"), "reading the profile")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a gene …")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show the genes whose name holds this.")
        self.save_button = make_button("CSV…", "Save the whole profile.", self._ask_save)
        self.tools = QWidget()
        self.tools.setLayout(make_row(self.search, self.save_button, stretch=0))
        click = "Click a gene to see it on the slide. Ctrl+C copies the table."
        self.tables = {True: ColumnTable(OF_ONE, click), False: ColumnTable(OF_MANY, click)}
        self._lay_out()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._show_progress)
        self._connect()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(make_row(self.box, self.fly_button, stretch=0))
        for widget in (self.facts, self.hint, self.row, self.tools):
            column.addWidget(widget)
        for table in self.tables.values():
            table.setMinimumHeight(_TABLE_PX)
            column.addWidget(table, 1)
        self._panel.add_area("profile-table", "writing the table", column)
        column.addStretch(0)

    def _connect(self) -> None:
        panel = self._panel
        self.box.activated.connect(lambda _at: self.refresh())
        self.search.textChanged.connect(self._search)
        for table in self.tables.values():
            table.chosen.connect(self._on_chosen)
        panel.control.profile_found.connect(self._on_profile)
        panel.controller.task_started.connect(self._on_task_started)

    # ---- what of -------------------------------------------------------------------------

    def on_focus(self, spot: int | None) -> None:
        """Follow a click on a spot."""
        self._turn_to(FOCUS, spot is not None)

    def on_selection(self, mask: Any) -> None:
        """Follow a selection of spots."""
        self._turn_to(SPOTS, mask is not None)

    def on_regions(self, ids: Any) -> None:
        """Follow a selection of regions."""
        self._turn_to(REGIONS, bool(ids))

    def _turn_to(self, what: str, there: bool) -> None:
        self._fill_box()
        if there and (at := self.box.findData(what)) >= 0:
            self.box.setCurrentIndex(at)

    def _fill_box(self) -> None:
        """Offer what there is; keep what is chosen while it is there."""
        choices = self._choices()
        present = [(self.box.itemData(i), self.box.itemText(i)) for i in range(self.box.count())]
        if choices == present:
            return
        chosen = self.box.currentData()
        self.box.clear()
        for key, text in choices:
            self.box.addItem(text, key)
        self.box.setCurrentIndex(max(self.box.findData(chosen), 0 if choices else -1))

    def _choices(self) -> list[tuple[str, str]]:
        session, source = self._session, self._session.labelling.source_now
        choices = []
        if session.focus is not None:
            choices.append((FOCUS, f"Spot {session.spots.obs_names[session.focus]}"))
        if session.selection is not None:
            choices.append((SPOTS, count(int(session.selection.sum()), "selected spot")))
        if session.regions.selected:
            choices.append((REGIONS, count(len(session.regions.selected), "selected region")))
        classes = [] if source is None else source.classes
        return choices + [(f"class {name}", f"Class {name}") for name in classes]

    def _spots(self, what: str) -> Any:
        """Return the row, mask or shape that a choice stands for."""
        session = self._session
        if what == FOCUS:
            return session.focus
        if what == SPOTS:
            return session.selection
        if what == REGIONS:
            import shapely

            found = [session.regions.find(id) for id in session.regions.selected]
            return shapely.union_all([region.geometry for region in found])
        assert session.labelling.source_now is not None
        return session.labelling.source_now.values == what.removeprefix("class ")

    # ---- showing -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for the profile of what is chosen, unless it is the one shown."""
        session = self._session
        self._fill_box()
        what = self.box.currentData()
        self.box.setVisible(what is not None)
        self.fly_button.setVisible(what == FOCUS)
        self._show_facts(what)
        if what is None:
            self._asked = ()
            self._show(None)
            self.hint.say("hint", _NEXT)
            return
        spots = self._spots(what)
        done = -1 if session.prediction is None else session.prediction.done
        asked = (what, spots, session.expression, done, session.display.transform == "linear")
        if not _same(asked, self._asked):
            self._asked = asked
            self._panel.control.profile(spots)
        self._mark()

    def _show_facts(self, what: str | None) -> None:
        from napari_stexp.session import spot_facts

        session, facts = self._session, {}
        if what == FOCUS and session.focus is not None:
            facts = spot_facts(session, session.focus)
            facts.pop("Spot", None)  # the box above says it
        elif what is not None and self.profile is not None:
            found = self.profile
            facts["Spots"] = f"{len(found.rows):,} of the section's {found.n_section:,}"
            if left := found.n_chosen - len(found.rows):
                facts["No value"] = count(left, "spot")
        if what is not None:
            unit = self._unit_of(session.display.transform == "linear")
            facts["Values"] = f"{session.source}, {unit}"
        self.facts.show_facts(facts)

    def _unit_of(self, linear: bool) -> str:
        unit = "CP10K" if linear else "log10(1+CP10K)"
        return unit if self._session.scale == "spot" else f"{unit} of the gene"

    def _on_profile(self, found: Profile | StexpError) -> None:
        if self._session.hides_values or not self._asked:
            return
        if isinstance(found, StexpError):
            self._show(None)
            self.hint.say("hint", found.message)
        else:
            self._show(found)
            self.hint.say("hint", "")
        self._show_facts(self.box.currentData())

    def _show(self, profile: Profile | None) -> None:
        self.profile = profile
        self.tools.setVisible(profile is not None)
        for of_one, table in self.tables.items():
            table.setVisible(profile is not None and profile.of_one == of_one)
        if profile is None:
            return
        values, table = profile.table, self.tables[profile.of_one]
        columns = {column.key: values[column.key].to_numpy() for column in table.model_.columns[1:]}
        table.show_values({"gene": values.index.to_numpy(dtype=object)} | columns)
        self._mark(scroll=False)

    def _mark(self, *, scroll: bool = True) -> None:
        """Mark the shown gene in the table."""
        if self.profile is not None and self._session.gene is not None:
            at = self.profile.table.index.get_indexer([self._session.gene])
            self.tables[self.profile.of_one].mark(int(at[0]), scroll=scroll)

    def _search(self, text: str) -> None:
        for table in self.tables.values():
            table.search(text)

    def _on_task_started(self, area: str, _handle: Any) -> None:
        if area == "profile":
            self._patience.start()

    def _show_progress(self) -> None:
        if handle := self._panel.controller.tasks.get("profile"):
            self.row.follow(handle)

    # ---- asking --------------------------------------------------------------------------

    def _fly(self) -> None:
        if self._session.focus is not None:
            self._panel.adapter.fly_to(self._session.focus)

    def _on_chosen(self, item: int) -> None:
        if self.profile is not None and item >= 0:
            self._panel.controller.set_gene(str(self.profile.table.index[item]))

    def _ask_save(self) -> None:
        profile = self.profile
        if profile is None:
            return
        what = self.box.currentText()
        name = f"profile_{what}.csv".replace(" ", "_").replace("/", "_")
        if path := self._panel.ask_save("Save the profile", name, "Table (*.csv)"):
            path = path if path.suffix else path.with_suffix(".csv")
            self._panel.control.save_table(profile.table, path, _notes(what, profile))


def _notes(what: str, profile: Profile) -> list[str]:
    """Return what a table needs to be understood later."""
    unit = "counts per 10,000" if profile.transform == "linear" else "log10(1 + counts per 10,000)"
    return [
        f"{what}: {len(profile.rows)} of {profile.n_section} spots with values; {profile.source} "
        f"values, scale: per {profile.scale}; value: {unit}",
        "z: mean over the spots of (log value - mean) / standard deviation of the section",
    ]


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two questions are the same; masks are compared by what they hold."""
    return len(one) == len(other) and all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a is b or bool(a == b)
        for a, b in zip(one, other, strict=True)
        if a is not b
    )
