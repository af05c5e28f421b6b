"""What a session shows, taken at one moment: to be drawn while the session goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import GeneListError
from napari_stexp.session.genes.display import DisplaySettings, effective_limits, transform_values

if TYPE_CHECKING:
    from napari_stexp.session.genes.expression import Expression
    from napari_stexp.session.state import Session

__all__ = ["ShownValues"]


@dataclass(frozen=True, eq=False)
class ShownValues:
    """Values of any gene or signature as a session showed them when this was taken.

    Attributes
    ----------
    expression : Expression
        The source.
    display : DisplaySettings
        Transform and limits.
    everywhere : tuple of Expression
        All sources, where limits are shared over them.
    together : tuple of str
        Genes that share one colour scale then.
    """

    expression: Expression
    display: DisplaySettings
    everywhere: tuple[Expression, ...] = ()
    together: tuple[str, ...] = ()
    _scores: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, expression: Expression | None = None) -> ShownValues | None:
        """Take what a session shows; None where it shows no values, or hides them.

        Parameters
        ----------
        session : Session
        expression : Expression, optional
            A source; default: the one that is shown.
        """
        expression = session.expression if expression is None else expression
        if session.hides_values or expression is None:
            return None
        shared = session.display.limits_mode == "shared"
        everywhere = tuple(session.all_expressions()) if shared else ()
        scores = {
            (name, id(source)): session.signatures.values(name, source)
            for name in session.signatures
            for source in {id(one): one for one in (expression, *everywhere)}.values()
        }
        return cls(expression, session.display, everywhere, session.views.genes, scores)

    def values(self, gene: str) -> NDArray[np.float32]:
        """Return a gene's or signature's transformed values, (N,).

        Raises
        ------
        GeneListError
            The source has neither.
        """
        found = self._find(gene, self.expression)
        if found is None:
            raise GeneListError(f"{gene!r} is neither a gene of what is shown nor a signature")
        return found

    def limits(self, gene: str, values: NDArray[np.float32] | None = None) -> tuple[float, float]:
        """Return the ends of a gene's colour scale.

        Parameters
        ----------
        gene : str
        values : (N,) float array, optional
            If at hand; default: those of the gene.
        """
        if self.display.limits_mode == "shared":
            genes = self.together if gene in self.together else (gene,)
            found = [self._find(name, one) for one in self.everywhere for name in genes]
            known = [one for one in found if one is not None]
            values = np.concatenate(known) if known else None
        elif values is None:
            values = self.values(gene)
        return effective_limits(values, self.display)

    def _find(self, gene: str, expression: Expression) -> NDArray[np.float32] | None:
        scores = self._scores.get((gene, id(expression)))
        if scores is not None:  # a score has no counts
            linear = self.display.transform == "linear"
            return scores if linear else transform_values(scores, self.display.transform)
        if gene not in expression:
            return None
        return transform_values(expression.values(gene), self.display.transform)
