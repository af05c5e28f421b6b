"""The tables of numbers: sorting, searching and choosing, also with many rows."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.panels.plots.column_table import (
    Column,
    ColumnModel,
    ColumnTable,
    decimals,
    p_value,
)

pytestmark = pytest.mark.gui

COLUMNS = (Column("gene", "Gene", "G."), Column("x", "X", "A number.", decimals(2), 60, True))


def shown(model, column=0):
    return [model.index(row, column).data() for row in range(model.rowCount())]


@given(st.lists(st.floats(-5, 5) | st.just(float("nan")), max_size=20), st.booleans())
def test_sorted_as_python_sorts_with_missing_numbers_last(numbers, falling):
    from qtpy.QtCore import Qt

    model = ColumnModel(COLUMNS)
    model.set_values(
        {"gene": [f"g{i}" for i in range(len(numbers))], "x": np.array(numbers, float)}
    )
    model.sort(1, Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder)
    known = [i for i, x in enumerate(numbers) if not np.isnan(x)]
    known.sort(key=lambda i: -numbers[i] if falling else numbers[i])
    missing = [i for i, x in enumerate(numbers) if np.isnan(x)]
    assert [model.item(row) for row in range(len(numbers))] == known + missing
    assert [model.row(item) for item in known + missing] == list(range(len(numbers)))


def test_first_click_puts_the_highest_on_top(qtbot):
    from qtpy.QtCore import QPoint, Qt

    table = ColumnTable(COLUMNS, "Click.")
    qtbot.addWidget(table)
    table.show_values({"gene": ["a", "b", "c"], "x": [1.0, 3.0, np.nan]})
    assert shown(table.model()) == ["a", "b", "c"]
    header = table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(1) + 5, 5)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown(table.model()) == ["b", "a", "c"]
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown(table.model()) == ["a", "b", "c"]
    assert shown(table.model(), 1) == ["1.00", "3.00", "-"]


def test_chosen_row_is_the_given_one_whatever_is_shown(qtbot):
    table = ColumnTable(COLUMNS, "Click.")
    qtbot.addWidget(table)
    table.show_values({"gene": ["ERBB2", "CD74", "KRT19"], "x": [1.0, 3.0, 2.0]})
    chosen = []
    table.chosen.connect(chosen.append)
    table.search("k")
    assert shown(table.model()) == ["KRT19"]
    table.selectRow(0)
    assert chosen == [2]
    table.mark(0)  # filtered out: nothing is marked, and nothing asked
    assert not table.currentIndex().isValid()
    table.search("")
    table.mark(1)
    assert table.currentIndex().row() == 1
    assert chosen == [2]


def test_twenty_thousand_rows_answer_at_once(qtbot):
    from qtpy.QtCore import Qt

    table = ColumnTable(COLUMNS, "Click.")
    qtbot.addWidget(table)
    table.show()
    names = np.array([f"GENE{i}" for i in range(20_000)], dtype=object)
    start = time.perf_counter()
    table.show_values({"gene": names, "x": np.random.default_rng(0).normal(size=20_000)})
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    table.search("99")
    table.search("")
    assert time.perf_counter() - start < 1.5  # a fifth of that when nothing else runs


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (0.001, "0.001"), (2.3e-14, "2e-14"), (0.0, "<1e-300"), (np.nan, "-")],
)
def test_p_values_are_written_short(value, text):
    assert p_value(value) == text


def test_a_table_is_copied_as_it_is_searched_and_sorted(qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtGui import QGuiApplication
    from qtpy.QtWidgets import QMenu

    table = ColumnTable(COLUMNS, "Click.")
    qtbot.addWidget(table)
    table.show_values({"gene": ["KRT8", "IGKC", "KRT19"], "x": [0.123456, np.nan, 2.0]})
    table.search("krt")
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Gene\tX\nKRT19\t2\nKRT8\t0.123456\n"
    menu = QMenu()
    table.fill_menu(menu, 1)
    menu.actions()[1].trigger()
    assert QGuiApplication.clipboard().text() == "Gene\tX\nKRT8\t0.123456\n"
    table.fill_menu(menu, -1)
    assert not menu.actions()[-1].isEnabled()
