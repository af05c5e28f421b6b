"""What a data set is prepared with: gene rule, patch size, fields of view."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from napari_stexp.model.records import Record, choice, many, number, optional, rule, whole

__all__ = ["FLAVORS", "PrepareSettings"]

#: scanpy's ways to rank genes by variability; the last two need scikit-misc.
FLAVORS = ("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper")


@dataclass(frozen=True)
class PrepareSettings(Record):
    """How to choose genes and cut patches; the defaults are the paper's.

    Attributes
    ----------
    patch_px : int
        Side of a patch in px.
    mpp : float or None
        µm per px of a patch. None: level-0 pixels of each slide as they are, as in
        the released code.
    context : tuple of float
        Fields of view of a patch as multiples of ``patch_px`` · ``mpp``, each stored
        at ``patch_px`` px; the first is 1, increasing, at most 8.
    fill : tuple of 3 ints
        RGB of what lies outside of the slide.
    n_top_genes : int
        Highly variable genes to take per section.
    flavor : str
        One of `FLAVORS`: how scanpy ranks them.
    min_spots : int
        Genes expressed in fewer spots than this, over all sections, are dropped.
    min_section_spots : int
        Sections of fewer spots are left out (the paper uses HER2ST's sections of at
        least 180).
    missing : {'error', 'zero'}
        What to do with genes of a given list that a section didn't measure.
    """

    patch_px: int = rule(whole(8, 4096), 224)
    mpp: float | None = rule(optional(number(0.01, 100.0)), None)
    context: tuple[float, ...] = rule(many(number(1, 8), least=1, most=8), (1.0,))
    fill: tuple[int, int, int] = rule(many(whole(0, 255), 3), (0, 0, 0))
    n_top_genes: int = rule(whole(1, 100_000), 1000)
    flavor: str = rule(choice(*FLAVORS), "seurat")
    min_spots: int = rule(whole(0, 100_000_000), 1000)
    min_section_spots: int = rule(whole(0, 100_000_000), 0)
    missing: str = rule(choice("error", "zero"), "error")

    def cross_check(self) -> list[tuple[str, str]]:
        """Fields of view begin with the patch itself and grow."""
        if self.context[0] != 1 or any(b <= a for a, b in pairwise(self.context)):
            return [(".context", "begins with 1 and increases")]
        return []
