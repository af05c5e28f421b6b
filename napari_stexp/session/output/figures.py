"""Figures of what a session shows: taken at once, drawn and written when iterated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AnnotationError, GeneListError
from napari_stexp.progress import Progress
from napari_stexp.session.output.figure_bounds import Bounds, find_bounds
from napari_stexp.session.output.figure_maps import MapMaker
from napari_stexp.session.output.figure_words import describe_figure

if TYPE_CHECKING:
    from napari_stexp.figure import FigureContent, Ground, TissueMap
    from napari_stexp.session.state import Session

__all__ = ["FigureRequest", "start_figure"]


@dataclass(frozen=True)
class FigureRequest:
    """What a figure shows, and how.

    Attributes
    ----------
    what : {'view', 'grid', 'list'}
        What the window shows now (one map, the small multiples, or the views side by
        side); small multiples of `genes` in one figure; or a figure for each of `genes`,
        which are the pages of a PDF, or a file each.
    genes : tuple of str
        Genes or signatures.
    bounds : 'spots', 'slide' or (x0, y0, x1, y1)
        The rectangle that is shown: around spots and regions, the whole slide, or
        level-0 px.
    slide : {'plain', 'faded', 'none'}
        How the slide looks below the spots.
    regions : bool
        Whether outlines are drawn.
    width_mm : float
        Of the figure on paper; 180 mm is the width of a page of most journals.
    columns : int
        Maps beside each other; 0 for what fits.
    dpi : int
        Pixels per inch of a PNG, and of the pictures in an SVG or a PDF.

    Raises
    ------
    ValueError
        A setting is outside its range.
    """

    what: Literal["view", "grid", "list"] = "view"
    genes: tuple[str, ...] = ()
    bounds: Literal["spots", "slide"] | Bounds = "spots"
    slide: Literal["plain", "faded", "none"] = "faded"
    regions: bool = True
    width_mm: float = 180.0
    columns: int = 0
    dpi: int = 300

    def __post_init__(self) -> None:
        problems = {
            f"no such figure: {self.what!r}": self.what in ("view", "grid", "list"),
            f"no such look of the slide: {self.slide!r}": self.slide in ("plain", "faded", "none"),
            f"a figure is 20 to 1,000 mm wide: {self.width_mm}": 20 <= self.width_mm <= 1000,
            f"columns must be within 0 … 16: {self.columns}": 0 <= self.columns <= 16,
            f"resolution must be within 50 … 1200 dpi: {self.dpi}": 50 <= self.dpi <= 1200,
        }
        for problem, fine in problems.items():
            if not fine:
                raise ValueError(problem)


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that the figures of one request have in common."""

    request: FigureRequest
    slide: Any
    bounds: Bounds
    mpp: float | None
    regions: Sequence[Any]
    points: NDArray[np.float64]
    diameter: float
    opacity: float
    square: bool

    @classmethod
    def of(cls, session: Session, request: FigureRequest) -> _Scene:
        from napari_stexp.spots import drawn_diameter_px

        display, spots = session.display, session.spots
        return cls(
            request,
            session.slide,
            find_bounds(session, request.bounds),
            session.world_mpp,
            tuple(session.regions.items) if request.regions else (),
            np.empty((0, 2)) if spots is None else np.array(spots.obsm["spatial"], np.float64),
            1.0 if spots is None else drawn_diameter_px(spots) * display.size_factor,
            # A heat map covers all of the tissue, which shall be seen through it.
            display.opacity if request.slide == "plain" or display.mode == "heat map" else 1.0,
            display.shape == "square",
        )

    def ground(self, n_maps: int) -> Ground:
        """Read the slide as finely as it is printed."""
        from napari_stexp.figure import make_ground
        from napari_stexp.figure.pages import count_columns, panel_px

        x0, y0, x1, y1 = self.bounds
        aspect = (y1 - y0) / (x1 - x0)
        columns = count_columns(n_maps, aspect, self.request.columns)
        wide = panel_px(self.request.width_mm, columns, self.request.dpi)
        longest = round(wide * max(1.0, aspect))
        with_slide = self.request.slide != "none"
        return make_ground(self.slide, self.bounds, self.mpp, longest, picture=with_slide)

    def compose(
        self, ground: Ground, maps: Sequence[TissueMap], title: str = "", *, is_gene: bool = False
    ) -> FigureContent:
        """Put maps on the ground."""
        from napari_stexp.figure import FigureContent, outline_regions

        return FigureContent(
            ground,
            tuple(maps),
            self.points,
            self.diameter,
            outline_regions(self.regions, ground),
            title,
            is_gene,
            faded=self.request.slide != "plain",
            opacity=self.opacity,
            square=self.square,
            width_mm=self.request.width_mm,
            columns=self.request.columns,
        )


def start_figure(
    session: Session, path: str | Path, request: FigureRequest | None = None
) -> Generator[Progress, None, list[Path]]:
    """Draw what a session shows, and write it as PNG, SVG or PDF.

    Parameters
    ----------
    session : Session
        What it shows now is drawn, whatever it shows later.
    path : path-like
        ``NAME.png``, ``.svg`` or ``.pdf``; of a list, each PNG or SVG is
        ``NAME-GENE.png``.
    request : FigureRequest, optional
        Default: what is shown.

    Returns
    -------
    generator of Progress
        Whose result is the list of files. Each holds scale bar, colour bar with unit,
        genes in italics, and a line that says where it comes from.

    Raises
    ------
    AnnotationError
        Genes are asked for while expression is hidden. (Of the view, slide and regions are
        drawn then.)
    GeneListError
        No genes are named, or one isn't known.
    SpotsError
        There is nothing to draw.
    OutputError
        The file can't be written, or is of no kind that figures have.
    """
    from napari_stexp.figure import check_figure_path

    request = FigureRequest() if request is None else request
    target = check_figure_path(path)
    scene = _Scene.of(session, request)
    maker = MapMaker.of(session)
    if request.what != "view":
        _check_genes(session, request.genes)
    title, is_gene, makers = _list_maps(session, maker, request)
    note = describe_figure(session, request.genes)

    def work() -> Generator[Progress, None, list[Path]]:
        from napari_stexp.figure import write_figures

        yield Progress(0, 0, "reading the slide")
        each = request.what == "list"
        ground = cache(partial(scene.ground, 1 if each else len(makers)))
        pages: list[tuple[str, Callable[[], FigureContent]]]
        if each:
            names = request.genes
            pages = [
                (name, partial(_compose, scene, ground, [make]))
                for name, make in zip(names, makers, strict=True)
            ]
        else:
            pages = [(target.stem, partial(_compose, scene, ground, makers, title, is_gene))]
        line = f"{note()}; {date.today().isoformat()}; research use only"
        return (yield from write_figures(pages, target, line, dpi=request.dpi))

    return work()


def _compose(
    scene: _Scene,
    ground: Callable[[], Ground],
    makers: Sequence[Callable[[], TissueMap]],
    title: str = "",
    is_gene: bool = False,
) -> FigureContent:
    return scene.compose(ground(), [make() for make in makers], title, is_gene=is_gene)


def _check_genes(session: Session, genes: Sequence[str]) -> None:
    if session.hides_values:
        raise AnnotationError("expression is hidden until the annotation is locked")
    if not genes:
        raise GeneListError("no genes to draw", hint="Name at least one gene.")
    known = {*session.genes, *session.signatures}
    missing = [gene for gene in genes if gene not in known]
    if missing:
        raise GeneListError(
            f"{len(missing)} of {len(genes)} are not among the {session.source} genes",
            found=", ".join(missing[:8]),
        )


def _list_maps(
    session: Session, maker: MapMaker, request: FigureRequest
) -> tuple[str, bool, list[Callable[[], TissueMap]]]:
    """Return title, whether it is a gene, and what makes each map."""
    if request.what != "view":
        return "", False, [partial(maker.of_gene, gene) for gene in request.genes]
    if maker.values is None:
        return "", False, [maker.of_tissue]
    if session.views.kind == "single":
        return "", False, [maker.of_shown(session)]
    title, is_gene, makers = _list_views(session, maker)
    return title, is_gene, [*maker.of_classes(session), *makers]


def _list_views(
    session: Session, maker: MapMaker
) -> tuple[str, bool, list[Callable[[], TissueMap]]]:
    """Return the same of what is side by side."""
    gene, kind = session.gene or "", session.views.kind
    is_gene = gene not in session.signatures
    if kind == "genes":
        mixed = [maker.mixture(session)] if session.composite else []
        genes = [partial(maker.of_gene, name) for name in session.views.genes]
        return "", False, [*mixed, *genes]
    if session.composite:
        return "", False, maker.of_mixtures(session)
    if kind == "models":
        return gene, is_gene, maker.of_models(session, gene)
    sides = maker.of_sides(session, gene)
    return (gene, is_gene, sides) if sides else ("", False, [maker.of_shown(session)])
