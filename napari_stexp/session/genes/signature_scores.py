"""Scores of signatures on all that is open, found off the main thread."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.gene.sets import match_genes
from napari_stexp.progress import Progress
from napari_stexp.session.genes.signatures import count_known

if TYPE_CHECKING:
    from napari_stexp.gene import GeneNames
    from napari_stexp.session.genes.expression import Expression
    from napari_stexp.session.state import Session

__all__ = ["SignatureScores", "free_name", "start_signature_scores"]


@dataclass(frozen=True, eq=False)
class SignatureScores:
    """Scores that were found on one source.

    Attributes
    ----------
    expression : Expression
        The source.
    scores : dict of str to (N,) float32 array
        By the signature's name; all NaN for one that can't be scored.
    known : int
        How many spots had values then.
    names : GeneNames
        Other names of the source's genes.
    """

    expression: Expression
    scores: dict[str, NDArray[np.float32]]
    known: int
    names: GeneNames


@dataclass(frozen=True, eq=False)
class _Source:
    """A source as the main thread left it to the worker."""

    expression: Expression
    names: GeneNames | None
    tables: tuple[Any, ...]


def free_name(session: Session, name: str) -> str:
    """Return a name for a signature that no gene has, as like the wanted one as can be."""
    is_gene = any(name in source for source in session.all_expressions())
    return f"{name} signature" if is_gene else name


def start_signature_scores(
    session: Session, names: Sequence[str], expressions: Sequence[Expression] | None = None
) -> Generator[Progress, None, list[SignatureScores]]:
    """Score signatures on what is open; `Signatures.put_many` takes the result.

    The definition is that of `napari_stexp.gene.score_genes`.

    Parameters
    ----------
    session : Session
        What is open is taken now, in the thread of the caller.
    names : sequence of str
        Of `Session.signatures`; none to find only the other names of the genes.
    expressions : sequence of Expression, optional
        Sources to score on; default: all predictions and the measurement.

    Yields
    ------
    Progress
        Spots.

    Returns
    -------
    list of SignatureScores
        One for each source.
    """
    wanted = {name: session.signatures[name].genes for name in names}
    found = session.all_expressions() if expressions is None else list(expressions)
    tables = tuple(
        table
        for table in (
            None if session.spots is None else session.spots.var,
            None if session.bundle is None else session.bundle.scores,
        )
        if table is not None
    )
    sources = [_Source(one, session.signatures.names_of(one), tables) for one in found]
    return _score(wanted, sources)


def _score(
    wanted: dict[str, tuple[str, ...]], sources: list[_Source]
) -> Generator[Progress, None, list[SignatureScores]]:
    from napari_stexp.gene import score_sets

    found: list[SignatureScores] = []
    for source in sources:
        yield Progress(0, 0, "scoring signatures")
        expression = source.expression
        names = source.names if source.names is not None else _find_names(source)
        sets = {
            name: match_genes(genes, (), names.meanings).known for name, genes in wanted.items()
        }
        known = count_known(expression)
        scores = {}
        if wanted:
            matrix = _matrix_of(expression)
            nothing = np.full(matrix.shape[0], np.nan, np.float32)
            scores = dict.fromkeys(wanted, nothing)
            scores |= yield from score_sets(matrix, expression.genes, sets)
        found.append(SignatureScores(expression, scores, known, names))
    return found


def _find_names(source: _Source) -> GeneNames:
    from napari_stexp.gene.names import GeneNames, read_names

    own = getattr(source.expression, "adata", None)
    tables = source.tables if own is None else (*source.tables, own.var)
    return GeneNames(source.expression.genes, read_names(*tables))


def _matrix_of(expression: Any) -> Any:
    """Return a source's log values (N, G), dense or sparse."""
    return expression.matrix() if hasattr(expression, "matrix") else expression.adata.X
