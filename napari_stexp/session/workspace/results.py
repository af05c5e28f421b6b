"""What was compared, as a workspace holds it: costly to find again, small to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.compare import Agreement, RegionGenes
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.session.annotation.comparison import Comparison

__all__ = ["KeptResults", "read_results", "write_results"]


@dataclass(frozen=True, eq=False)
class KeptResults:
    """The comparisons of the shown prediction that had been made.

    Attributes
    ----------
    genes : RegionGenes or None
        Genes of one region against another.
    agreement : Agreement or None
        Spatial domains against labels.
    scores : EvaluationResult or None
        The prediction against the measurement, per gene.
    """

    genes: RegionGenes | None = None
    agreement: Agreement | None = None
    scores: EvaluationResult | None = None

    @classmethod
    def take(cls, comparison: Comparison) -> KeptResults:
        """Keep what has been compared; nothing is copied."""
        return cls(comparison.genes, comparison.agreement, comparison.scores)

    @property
    def parts(self) -> tuple[Any, ...]:
        """Its parts that are there."""
        return tuple(one for one in (self.genes, self.agreement, self.scores) if one is not None)

    def put(self, comparison: Comparison, n_spots: int) -> None:
        """Show what fits spots of this number as what has been compared."""
        if self.genes is not None and len(self.genes.sides.inside) == n_spots:
            comparison.genes = self.genes
        if self.agreement is not None and len(self.agreement.domains) == n_spots:
            comparison.agreement = self.agreement
        comparison.scores = self.scores


def write_results(path: Path, results: KeptResults) -> None:
    """Write results as JSON."""
    words = {
        "genes": None if results.genes is None else _genes_to_words(results.genes),
        "agreement": None if results.agreement is None else _agreement_to_words(results.agreement),
        "scores": None if results.scores is None else _scores_to_words(results.scores),
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(words, default=_plain), encoding="utf-8")


def read_results(path: Path) -> KeptResults:
    """Read what `write_results` wrote."""
    words = json.loads(path.read_text(encoding="utf-8"))
    readers = {
        "genes": _words_to_genes, "agreement": _words_to_agreement, "scores": _words_to_scores,
    }  # fmt: skip
    found: dict[str, Any] = {
        name: reader(words[name]) for name, reader in readers.items() if words.get(name)
    }
    return KeptResults(**found)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a number or an array of NumPy's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be kept")


# ---- tables ------------------------------------------------------------------------------


def _table_to_words(table: pd.DataFrame) -> dict[str, Any]:
    return {
        "index": _values_to_words(table.index),
        "name": table.index.name,
        "names": table.columns.name,
        "columns": [[_plain_name(name), _values_to_words(table[name])] for name in table.columns],
    }


def _plain_name(name: Any) -> Any:
    return name.item() if isinstance(name, np.generic) else name


def _values_to_words(values: Any) -> list[Any]:
    kind = values.dtype
    if kind.kind in "biuf":
        return [kind.str, values.to_numpy().tolist()]
    return ["", [str(value) for value in values]]


def _words_to_table(words: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    names = [name for name, _ in words["columns"]]
    index = pd.Index(_words_to_values(words["index"]), name=words["name"])
    columns = [pd.Series(_words_to_values(one), index=index) for _, one in words["columns"]]
    table = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    table.columns = pd.Index(names, name=words["names"])
    return table


def _words_to_values(words: list[Any]) -> Any:
    kind, values = words
    return np.array(values, dtype=np.dtype(kind) if kind else object)


# ---- results -----------------------------------------------------------------------------


def _genes_to_words(found: RegionGenes) -> dict[str, Any]:
    sides = found.sides
    return {
        "table": _table_to_words(found.table),
        "inside": np.flatnonzero(sides.inside),
        "outside": np.flatnonzero(sides.outside),
        "n_spots": len(sides.inside),
        "sides": [sides.name_inside, sides.name_outside, sides.margin_um, sides.n_left_out],
        "numbers": [found.n_inside, found.n_outside],
        "values": [found.source, found.scale],
    }


def _words_to_genes(words: dict[str, Any]) -> RegionGenes:
    from napari_stexp.compare import RegionGenes, Sides

    masks = []
    for name in ("inside", "outside"):
        mask = np.zeros(int(words["n_spots"]), np.bool_)
        mask[np.array(words[name], int)] = True
        masks.append(mask)
    sides = Sides(masks[0], masks[1], *words["sides"])
    return RegionGenes(_words_to_table(words["table"]), sides, *words["numbers"], *words["values"])


def _agreement_to_words(found: Agreement) -> dict[str, Any]:
    plain = (
        "method", "n_domains", "domains", "labels", "ari", "nmi", "over", "n_compared",
        "n_left_out", "scale", "source",
    )  # fmt: skip
    return {
        **{name: getattr(found, name) for name in plain},
        "confusion": _table_to_words(found.confusion),
        "disagreement": _table_to_words(found.disagreement),
        "matches": [[int(domain), name] for domain, name in found.matches.items()],
    }


def _words_to_agreement(words: dict[str, Any]) -> Agreement:
    from napari_stexp.compare import Agreement

    changed = {
        "domains": np.array(words["domains"], np.intp),
        "labels": np.array(words["labels"], object),
        "confusion": _words_to_table(words["confusion"]),
        "disagreement": _words_to_table(words["disagreement"]),
        "matches": {int(domain): str(name) for domain, name in words["matches"]},
    }
    return Agreement(**{**words, **changed})


def _scores_to_words(found: EvaluationResult) -> dict[str, Any]:
    return {
        "scale": found.scale,
        "scores": _table_to_words(found.scores),
        "summary": found.summary,
        "missing_genes": found.missing_genes,
        "n_unpredicted": found.n_unpredicted,
    }


def _words_to_scores(words: dict[str, Any]) -> EvaluationResult:
    from napari_stexp.evaluate import EvaluationResult

    changed = {
        "scores": _words_to_table(words["scores"]),
        "missing_genes": tuple(map(str, words["missing_genes"])),
    }
    return EvaluationResult(**{**words, **changed})
