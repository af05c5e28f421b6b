"""What the colours in the cells mean, where they are no scale of one gene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_stexp.viewer.classes_layer import shown_source
from napari_stexp.viewer.composite import ENDS, channel_color

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.viewer.spots_view import SpotsView

__all__ = ["LegendLine", "list_legend"]

_MOST_CLASSES = 24


@dataclass(frozen=True)
class LegendLine:
    """A line of a legend.

    Attributes
    ----------
    text : str
    color : (float, float, float) or None
        Of the mark before it, 0 to 1; None for none.
    note : str
        What is written small below it.
    is_gene : bool
        Whether the text is set in italics.
    is_title : bool
        Whether it begins another part.
    """

    text: str
    color: tuple[float, ...] | None = None
    note: str = ""
    is_gene: bool = False
    is_title: bool = False


def list_legend(session: Session, views: Sequence[SpotsView] = ()) -> list[LegendLine]:
    """Return the legend of classes, and of genes that are mixed; empty where neither is shown.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    views : sequence of SpotsView
        What the cells show. Limits are given where they are the same in all cells.
    """
    return [*_list_classes(session), *_list_channels(session, views)]


def _list_classes(session: Session) -> list[LegendLine]:
    source = shown_source(session)
    if source is None:
        return []
    counts = source.count()
    lines = [
        LegendLine(f"{name}  {counts[name]}", tuple(value / 255 for value in color))
        for name, color in source.colours.items()
    ]
    if len(lines) > _MOST_CLASSES:
        more = len(lines) - _MOST_CLASSES + 1
        lines = [*lines[: _MOST_CLASSES - 1], LegendLine(f"and {more} more")]
    return [LegendLine(source.title, is_title=True), *lines]


def _list_channels(session: Session, views: Sequence[SpotsView]) -> list[LegendLine]:
    if not session.composite or session.hides_values:
        return []
    mixing = session.composite_style.mixing
    known = [view.mixture.limits for view in views if view.mixture is not None]
    lines = [LegendLine("Mixed genes", is_title=True)]
    for channel, gene in enumerate(session.composite):
        limits = {one[gene] for one in known if gene in one}
        note = "" if len(limits) != 1 else "{:.2g} to {:.2g}".format(*limits.pop())
        color, is_gene = channel_color(mixing, channel), gene not in session.signatures
        lines.append(LegendLine(gene, color, note, is_gene=is_gene))
    return [*lines, *(LegendLine(text) for text in ENDS[mixing].split("   "))]
