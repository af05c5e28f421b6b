"""Marker genes of tissues and cell types that come with the program, with their sources."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from napari_stexp.gene.sets import GeneSet

__all__ = ["MarkerPanel", "Reference", "marker_panels"]


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes
    ----------
    text : str
        Authors, journal, year, and what was taken from it; "after" them where the choice
        follows them without having been compared gene by gene.
    doi : str
        Digital object identifier, without a resolver's address.
    checked : bool
        Whether each gene taken from it was looked up in it.
    """

    text: str
    doi: str
    checked: bool = False

    @property
    def url(self) -> str:
        """Where it is read."""
        return f"https://doi.org/{self.doi}"


@dataclass(frozen=True)
class MarkerPanel:
    """Genes that mark a tissue, a cell type or a programme.

    Attributes
    ----------
    name : str
    about : str
        What they mark, in a sentence.
    genes : tuple of str
        Approved symbols.
    references : tuple of Reference
    taken : mapping of str to tuple of str
        DOI of a reference to the genes that come from it; each gene is in one of them.
    """

    name: str
    about: str
    genes: tuple[str, ...]
    references: tuple[Reference, ...]
    taken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The publications on one line."""
        return "; ".join(f"{each.text}, doi:{each.doi}" for each in self.references)

    def as_set(self) -> GeneSet:
        """Return the panel as a set of genes, to be scored."""
        return GeneSet(self.name, self.genes, self.source)


@cache
def marker_panels() -> tuple[MarkerPanel, ...]:
    """Return the panels that come with the program, in the order in which they are shown."""
    content = tomllib.loads(files(__package__).joinpath("markers.toml").read_text("utf-8"))
    sources = {key: _reference(**source) for key, source in content["sources"].items()}
    return tuple(
        MarkerPanel(
            panel["name"],
            panel["about"],
            tuple(gene for genes in panel["genes"].values() for gene in genes),
            tuple(sources[key] for key in panel["genes"]),
            {sources[key].doi: tuple(genes) for key, genes in panel["genes"].items()},
        )
        for panel in content["panels"]
    )


def _reference(text: str, doi: str, *, checked: bool = False) -> Reference:
    return Reference(text if checked else f"after {text}", doi, checked)
