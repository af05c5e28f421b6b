"""Number, mean, spread and median of groups of spots, as a small table."""

from __future__ import annotations

from typing import Any

from napari_stexp.panels.plots.column_table import Column, ColumnTable, decimals, significant

__all__ = ["GroupTable"]


class GroupTable(ColumnTable):
    """Shows what `napari_stexp.session.describe_groups` returns.

    Parameters
    ----------
    title, tooltip : str
        Of the first column.
    click : str
        What a click does.
    """

    def __init__(self, title: str, tooltip: str, click: str) -> None:
        columns = (
            Column("group", title, tooltip),
            Column("n", "Spots", "How many have a value.", decimals(0), 50, falling=True),
            Column("mean", "Mean", "Mean of the values as shown.", significant, 54, falling=True),
            Column("sd", "SD", "Population standard deviation.", significant, 48, falling=True),
            Column("median", "Median", "Half of them have less.", significant, 54, falling=True),
        )
        super().__init__(columns, click)

    def show_groups(self, table: Any) -> None:
        """Show a row per group."""
        values = {name: table[name].to_numpy() for name in ("n", "mean", "sd", "median")}
        self.show_values({"group": table.index.to_numpy(dtype=object)} | values)
