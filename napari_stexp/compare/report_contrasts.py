"""Which classes are compared, and which genes are shown, where nobody says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from napari_stexp.compare.region_genes import MINIMUM_SPOTS, rank_region_genes
from napari_stexp.compare.report_words import top_genes
from napari_stexp.compare.sides import choose_sides
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import is_labelled
from napari_stexp.evaluate.report_words import join_words

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.compare.region_genes import RegionGenes
    from napari_stexp.compare.report_content import LabelsOfSpots

__all__ = ["REST", "Pair", "Values", "choose_genes", "choose_pairs", "parse_pairs", "rank_pairs"]

#: Stands for every other spot, with or without a label, in a pair such as ``'Tumor:rest'``.
REST = "rest"
#: One class, and another; None for all other classes, '' for all other spots.
Pair = tuple[str, str | None]


@dataclass(frozen=True, eq=False)
class Values:
    """What one source says.

    Attributes
    ----------
    source : {'predicted', 'measured'}
    scale : {'spot', 'gene'}
    table : (N, G)
        log10(1 + x), NaN for spots without.
    genes : list of str, G
    """

    source: str
    scale: str
    table: Any
    genes: list[str]


def choose_pairs(
    labels: LabelsOfSpots, classes: Sequence[str] | None
) -> tuple[list[Pair], list[str]]:
    """Return the pairs asked for, or each class with enough spots against all others.

    Returns
    -------
    list of (str, str or None)
        Pairs for `choose_sides`. A single class is compared with all other spots.
    list of str
        Which classes were left out, and why.

    Raises
    ------
    EvaluationError
        A class that is unknown.
    """
    known = list(labels.colours)
    if classes:
        return parse_pairs(classes, known), []
    named = [name for name in known if is_labelled([name])[0]]
    counts = {name: int((labels.values == name).sum()) for name in named}
    enough = [name for name, n in counts.items() if n >= MINIMUM_SPOTS]
    few = [f"{name} ({n})" for name, n in counts.items() if n < MINIMUM_SPOTS]
    remarks = []
    if few:
        remarks.append(
            f"Classes with fewer than {MINIMUM_SPOTS} spots are not compared by gene: "
            f"{join_words(few)}."
        )
    alone = sum(n > 0 for n in counts.values()) == 1
    return [(name, "" if alone else None) for name in enough], remarks


def parse_pairs(texts: Sequence[str], known: Sequence[str]) -> list[Pair]:
    """Read ``'A:B'``, ``'A'`` and ``'A:rest'``; names of classes may hold colons themselves.

    Raises
    ------
    EvaluationError
        A class that is not among the known ones.
    """
    return list(dict.fromkeys(_parse_pair(text.strip(), known) for text in texts))


def _parse_pair(text: str, known: Sequence[str]) -> Pair:
    names = {name.casefold(): name for name in known}
    if text.casefold() in names:
        return names[text.casefold()], None
    parts = text.split(":")
    for at in range(1, len(parts)):
        one, other = (":".join(part).strip().casefold() for part in (parts[:at], parts[at:]))
        if one in names and (other in names or other == REST):
            return names[one], names.get(other, "")
    raise EvaluationError(
        "no such class, or pair of classes",
        expected=f"A, A:B or A:{REST}, of {', '.join(known)}",
        found=text,
    )


def rank_pairs(
    pairs: Sequence[Pair],
    labels: LabelsOfSpots,
    tables: Sequence[Values],
    *,
    xy: ArrayLike,
    mpp: float | None = None,
    margin_um: float = 0.0,
    regions: Sequence[Region] | None = None,
) -> tuple[list[RegionGenes], list[str]]:
    """Rank genes for each pair and source; a pair that can't be compared is said, no error.

    Parameters
    ----------
    pairs : sequence of (str, str or None)
        As `choose_pairs` returns them.
    labels : LabelsOfSpots
        Of the N spots.
    tables : sequence of Values
        What was predicted, what was measured.
    xy, mpp, margin_um, regions
        As `choose_sides` takes them.

    Returns
    -------
    list of RegionGenes
    list of str
        What was left out, and why.
    """
    found: list[RegionGenes] = []
    remarks: list[str] = []
    for one, other in pairs:
        try:
            sides = choose_sides(
                labels.values, one, other, xy=xy, mpp=mpp, regions=regions, margin_um=margin_um
            )
            for values in tables:
                found.append(
                    rank_region_genes(
                        values.table,
                        values.genes,
                        sides,
                        scale=values.scale,
                        source=values.source,
                    )
                )
        except EvaluationError as error:
            facts = f" ({error.found})" if error.found else ""
            against = {None: "all other classes", "": "all other spots"}.get(other, other)
            remarks.append(f"{one} against {against} wasn't compared: {error.what}{facts}.")
    return found, remarks


def choose_genes(
    contrasts: Sequence[RegionGenes],
    tables: Sequence[Values],
    genes: Sequence[str] | None,
    n: int,
) -> list[str]:
    """Return the genes asked for, or the first that are predicted higher in each class, in turn.

    Raises
    ------
    EvaluationError
        A gene that was neither predicted nor measured.
    """
    if genes:
        _check_genes(genes, tables)
        return list(dict.fromkeys(genes))
    ranked = [top_genes(one, n) for one in contrasts if one.source == "predicted"]
    in_turn = chain.from_iterable(zip_longest(*ranked))
    return list(dict.fromkeys(gene for gene in in_turn if gene is not None))[: max(n, 0)]


def _check_genes(genes: Sequence[str], tables: Sequence[Values]) -> None:
    from difflib import get_close_matches

    known = {gene: None for values in tables for gene in values.genes}
    absent = [gene for gene in genes if gene not in known]
    if absent:
        near = get_close_matches(absent[0].upper(), list(known), n=3)
        raise EvaluationError(
            "a gene to show was neither predicted nor measured",
            expected=f"some of {len(known)} genes",
            found=", ".join(absent[:5]),
            hint=f"Did you mean {' or '.join(near)}?" if near else None,
        )
