"""The columns of a profile: of one spot, and of several."""

from __future__ import annotations

import numpy as np

from napari_stexp.panels.plots.column_table import Column, decimals, significant

__all__ = ["OF_MANY", "OF_ONE"]

_GENE = Column("gene", "Gene", "The gene.")
_Z = Column(
    "z",
    "z",
    "How far from the section's mean, in standard deviations over its spots (of log values); for "
    "several spots the mean of that.",
    decimals(2, signed=True),
    54,
    falling=True,
)
OF_ONE = (
    _GENE,
    Column("value", "Value", "The value as shown.", significant, 60, falling=True),
    _Z,
    Column(
        "percentile",
        "Higher than",
        "The percentage of the section's spots that have less.",
        lambda value: f"{int(value)} %" if np.isfinite(value) else "-",
        80,
        falling=True,
    ),
)
OF_MANY = (
    _GENE,
    Column("value", "Mean", "Mean of the values as shown.", significant, 60, falling=True),
    _Z,
    Column(
        "difference",
        "Δ others",
        "Mean in these spots less the mean in all other spots.",
        decimals(3, signed=True),
        64,
        falling=True,
    ),
)
