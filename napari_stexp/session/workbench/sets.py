"""The workbench's names of genes and sets of genes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import GeneListError
from napari_stexp.session.workbench.base import WorkbenchBase

if TYPE_CHECKING:
    from napari_stexp.gene import GeneNames, MarkerPanel
    from napari_stexp.session.genes.signatures import Signature

__all__ = ["WorkbenchSets"]


class WorkbenchSets(WorkbenchBase):
    """Finds genes by their names, and scores sets of genes."""

    # ---- names ---------------------------------------------------------------------------

    @property
    def genes(self) -> list[str]:
        """The genes of what is shown, in the source's own order; empty while they are hidden."""
        return [] if self.session.hides_values else self.session.genes

    def find_gene(self, name: str) -> str:
        """Return the gene or signature that a name means.

        Raises
        ------
        GeneListError
            None, or several.
        """
        if name in self.session.signatures or name in self.session.genes:
            return name
        meant = [] if self.session.expression is None else self._names().meanings(name)
        if len(meant) == 1:
            return meant[0]
        raise GeneListError(
            f"{name!r} is not among the {len(self.genes)} {self.session.source} genes",
            found=f"it may mean {', '.join(meant)}" if meant else None,
        )

    def search_genes(self, text: str) -> list[str]:
        """Return genes by a part of symbol, alias or Ensembl id, the best matches first."""
        if not self.genes:
            return []
        names = self._names()
        rows, ranks = names.search(text)
        return [names.genes[row] for row in rows[np.argsort(ranks, kind="stable")]]

    def _names(self) -> GeneNames:
        """Return the other names of the shown genes."""
        expression = self.session.expression
        assert expression is not None
        found = self.session.signatures.names_of(expression)
        if found is None:
            self._find_scores([])
            found = self.session.signatures.names_of(expression)
        assert found is not None
        return found

    # ---- sets of genes -------------------------------------------------------------------

    @property
    def marker_panels(self) -> dict[str, MarkerPanel]:
        """Marker genes that come with the program, with their sources, by name."""
        from napari_stexp.gene import marker_panels

        return {panel.name: panel for panel in marker_panels()}

    def add_signature(
        self, name: str, genes: str | Sequence[str] | None = None, source: str = "script"
    ) -> Signature:
        """Add a set of genes, which is shown by its score like a gene.

        Parameters
        ----------
        name : str
            Its name; without genes, that of one of `marker_panels`.
        genes : str or sequence of str, optional
            A pasted text, or symbols.
        source : str
            Where the list comes from.

        Raises
        ------
        GeneListError
            It has no genes, or there is no such marker panel.
        """
        from napari_stexp.gene import parse_genes
        from napari_stexp.session.genes.signature_scores import free_name
        from napari_stexp.session.genes.signatures import Signature

        if genes is None:
            panel = self.marker_panels.get(name)
            if panel is None:
                raise GeneListError(
                    "no such marker panel", expected=", ".join(self.marker_panels), found=name
                )
            genes, source = panel.genes, panel.source
        listed = parse_genes(genes) if isinstance(genes, str) else tuple(dict.fromkeys(genes))
        signature = Signature(free_name(self.session, name), listed, source)
        self.session.signatures.add(signature)
        return signature

    def load_signatures(self, path: str | Path) -> list[str]:
        """Add the sets of a GMT file; return their names."""
        from napari_stexp.gene import read_gmt

        found = read_gmt(path)
        return [self.add_signature(one.name, one.genes, one.source).name for one in found]

    def remove_signature(self, name: str) -> None:
        """Forget a set of genes."""
        self.session.signatures.remove([name])

    def known_genes(self, signature: str) -> tuple[str, ...]:
        """Return which genes of a signature are among those shown, under their names there."""
        expression = self.session.expression
        if expression is None:
            return ()
        self._names()
        return self.session.signatures.match(
            self.session.signatures[signature].genes, expression
        ).known

    def _score(self, name: str | None) -> None:
        """Find a signature's scores on what is shown, unless they are at hand."""
        session, expression = self.session, self.session.expression
        if name in session.signatures and expression is not None and not session.hides_values:
            assert name is not None
            if not session.signatures.is_current(name, expression):
                self._find_scores([name])

    def _find_scores(self, names: Sequence[str]) -> None:
        from napari_stexp.session.genes.signature_scores import start_signature_scores

        task = start_signature_scores(self.session, names)
        self.session.signatures.put_many(self._run("script", "Scoring signatures", task))
