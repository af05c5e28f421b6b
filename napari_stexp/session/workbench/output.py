"""The workbench's regions, comparisons, views, figures and reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_stexp.errors import AnnotationError
from napari_stexp.session.output.figures import FigureRequest, start_figure
from napari_stexp.session.workbench.base import Bounds
from napari_stexp.session.workbench.view import WorkbenchView

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.compare import Agreement, RegionGenes
    from napari_stexp.evaluate import EvaluationResult
    from napari_stexp.session.annotation.blinding import Blinding

__all__ = ["WorkbenchOutput"]


class WorkbenchOutput(WorkbenchView):
    """Annotates, compares and writes; the part of `Workbench` for the last two docks."""

    # ---- regions -------------------------------------------------------------------------

    @property
    def regions(self) -> tuple[Region, ...]:
        """The outlines, oldest first; `session.regions` edits them."""
        return self.session.regions.items

    def add_region(self, geometry: Any, class_name: str | None = None) -> Region:
        """Add an outline, such as a shape of another program's layer.

        Parameters
        ----------
        geometry : shapely Polygon, or (n, 2) corners
            (x, y), level-0 px; a layer's own data are (y, x), in its own pixels.
        class_name : str, optional

        Raises
        ------
        AnnotationError
            The annotation is locked, or this is no area.
        """
        import shapely

        from napari_stexp.annotation import Region

        if not hasattr(geometry, "geom_type"):
            geometry = shapely.Polygon(geometry)
        if geometry.geom_type not in ("Polygon", "MultiPolygon") or not geometry.area:
            raise AnnotationError("a region is an area", found=geometry.geom_type)
        known = {one.name: one.color for one in self.session.regions.classes}
        region = Region(geometry, class_name, color=known.get(class_name or ""))
        self.session.regions.extend([region])
        return region

    def remove_regions(self, *regions: Region) -> None:
        """Remove outlines; `undo` brings them back."""
        self.session.regions.remove([one.id for one in regions])

    def classify_regions(self, class_name: str | None, *regions: Region) -> None:
        """Give outlines a class, or none."""
        self.session.regions.classify([one.id for one in regions], class_name)

    def select_regions(self, *regions: Region) -> None:
        """Select outlines, for `predict` and `region_genes`; none: all are meant."""
        self.session.regions.select([one.id for one in regions])

    def add_class(self, name: str, color: tuple[int, int, int] | None = None) -> None:
        """Add a class of outlines, with a colour (0 to 255) or a free one."""
        self.session.regions.add_class(name, color)

    def use_labels(self, key: str | None) -> None:
        """Use a source of labels: 'regions', or one of ``session.labelling.keys``."""
        with self.session.undoing.step("Use other labels"):
            self.session.labelling.active = key

    def remove_labels(self, key: str) -> None:
        """Take away the labels of a table, or domains that were found."""
        with self.session.undoing.step("Remove labels"):
            self.session.labelling.remove(key)

    def show_classes(self, shown: bool = True) -> None:
        """Colour the spots by class in place of values, or by values again."""
        self.session.labelling.shown = shown

    def hide_expression(self) -> None:
        """Begin a blinded annotation: expression is hidden until `lock_annotation`."""
        self.session.regions.start_blinded()

    def lock_annotation(self) -> Blinding:
        """Lock the annotation and show expression; return the record of it."""
        self.session.regions.lock()
        return self.session.regions.blinding

    def unlock_annotation(self) -> Blinding:
        """Allow edits again; the record counts it."""
        self.session.regions.unlock()
        return self.session.regions.blinding

    def stop_hiding(self) -> None:
        """Give a blinded annotation up: the outlines stay, the record of it goes."""
        self.session.regions.end_blinded()

    def undo(self) -> None:
        """Take back what was done last."""
        self.session.undoing.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self.session.undoing.redo()

    # ---- comparing -----------------------------------------------------------------------

    def region_genes(
        self,
        one: str,
        other: str | None = None,
        *,
        margin_um: float = 0.0,
        source: str | None = None,
    ) -> RegionGenes:
        """Rank genes by how they differ between two classes of spots.

        Parameters
        ----------
        one : str
            A class of the labels in use, 'selected regions' or 'selected spots'.
        other : str, optional
            A class; None for every other spot that has a class; '' for every other spot.
        margin_um : float
            Spots this near the border are in neither side, µm.
        source : {'predicted', 'measured'}, optional
            Default: what is shown.

        Returns
        -------
        RegionGenes
            ``table`` by gene (docs/comparison.md), and ``caution``.
        """
        from napari_stexp.session.annotation.comparing import start_region_genes
        from napari_stexp.session.annotation.sides import find_sides

        sides = find_sides(self.session, one, other, margin_um)
        task = start_region_genes(self.session, sides, source or self.session.source)
        found: RegionGenes = self._run("rank", "Ranking genes", task)
        self.session.comparison.genes = found
        return found

    def agreement(
        self,
        method: str = "kmeans",
        n_domains: int | None = None,
        *,
        over: str = "labelled",
        source: str | None = None,
    ) -> Agreement:
        """Find spatial domains of expression, and compare them with the labels in use.

        Parameters are those of `napari_stexp.compare.find_agreement`.
        """
        from napari_stexp.session.annotation.comparing import start_agreement

        source = source or self.session.source
        task = start_agreement(self.session, method, n_domains, over, source)
        found: Agreement = self._run("agreement", "Finding domains", task)
        self.session.comparison.agreement = found
        self.session.labelling.add_domains(found)
        return found

    def scores(self) -> EvaluationResult:
        """Compare the prediction with the measurement, gene by gene."""
        from napari_stexp.session.annotation.comparing import start_scores

        task = start_scores(self.session)
        found: EvaluationResult = self._run("scores", "Comparing with the measurement", task)
        self.session.comparison.scores = found
        return found

    # ---- views ---------------------------------------------------------------------------

    def side_by_side(self) -> None:
        """Show measured, predicted and their difference beside each other."""
        self.session.views.show("sides")

    def multiples(self, *genes: str) -> None:
        """Show up to 16 genes or signatures beside each other."""
        names = [self.find_gene(gene) for gene in genes]
        for name in names:
            self._score(name)
        self.session.views.show("genes", names)

    def compare_predictions(self) -> None:
        """Show the active gene in every prediction."""
        self.session.views.show("models")

    def single_view(self) -> None:
        """Show one picture again."""
        self.session.views.show("single")

    # ---- files ---------------------------------------------------------------------------

    def export_figure(
        self,
        path: str | Path,
        what: Literal["view", "grid", "list"] = "view",
        genes: Sequence[str] = (),
        *,
        bounds: Literal["spots", "slide", "view"] | Bounds = "spots",
        **settings: Any,
    ) -> list[Path]:
        """Write what is shown, or genes, as a figure for print.

        Parameters
        ----------
        path : path-like
            ``NAME.png``, ``.svg`` or ``.pdf``.
        what : {'view', 'grid', 'list'}
            What is shown now; `genes` as small multiples in one figure; a figure for each
            of `genes` (pages of a PDF, else a file each).
        genes : sequence of str
        bounds : 'spots', 'slide', 'view' or (x0, y0, x1, y1)
            Around spots and regions, the whole slide, what the window shows, or level-0 px.
        **settings
            Other fields of `napari_stexp.session.FigureRequest`: ``slide`` ('faded',
            'plain', 'none'), ``regions``, ``width_mm``, ``columns``, ``dpi``.

        Returns
        -------
        list of Path
            The files.
        """
        names = tuple(self.find_gene(gene) for gene in genes)
        shown = (*names, *self.session.views.genes, *self.session.composite, self.session.gene)
        for name in shown:
            self._score(name)
        rectangle = self._host.view() or "spots" if bounds == "view" else bounds
        request = FigureRequest(what, names, rectangle, **settings)
        task = start_figure(self.session, path, request)
        written: list[Path] = self._run("figure", f"Drawing {Path(path).name}", task)
        return written

    def report(
        self,
        path: str | Path,
        genes: Sequence[str] = (),
        *,
        figures: str | Path | None = None,
        title: str = "",
    ) -> Path:
        """Write what was compared as one HTML file.

        Parameters
        ----------
        path : path-like
        genes : sequence of str
            Shown one by one; default: the active gene.
        figures : path-like, optional
            A folder for every figure as PNG and SVG.
        title : str
        """
        from napari_stexp.session.annotation.reporting import start_report

        names = [self.find_gene(gene) for gene in genes]
        task = start_report(self.session, path, names, figures=figures, title=title)
        return Path(self._run("report", "Writing the report", task))
