"""The parts of a comparison report that are drawn: for the page, and for a folder of figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.compare.figures import draw_class_maps, draw_gene_maps, draw_tissue
from napari_stexp.compare.report_maps import list_agreement_panels, map_classes, map_gene
from napari_stexp.compare.report_plots import (
    PLOT_DENSITY,
    draw_boxes,
    draw_confusion,
    draw_correlations,
    draw_scatter,
)
from napari_stexp.compare.report_tables import AgreementPart, describe_agreement
from napari_stexp.compare.report_words import make_note
from napari_stexp.evaluate.drawing import Picture, embed_plot
from napari_stexp.evaluate.report_frames import Frame, frame_spots
from napari_stexp.evaluate.report_maps import SpotMap
from napari_stexp.evaluate.report_words import describe_scale, format_number
from napari_stexp.figure.outlines import (
    Outline,
    bounds_of,
    hex_of,
    outline_regions,
    svg_path,
)
from napari_stexp.figure.saving import DPI, file_name, save_figure, unique_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.report_content import ReportContent
    from napari_stexp.compare.report_values import GeneValues

__all__ = [
    "DomainPart",
    "FigureWriter",
    "GenePart",
    "View",
    "describe_domains",
    "describe_gene",
    "make_view",
]

#: Pixels along the longer side of the tissue's picture: 300 dpi at 18 cm.
_PICTURE_PX = 2160
#: Of the faded tissue under spots, in an SVG: what matters there has no pixels.
_FADED_DPI = 150


@dataclass(frozen=True)
class View:
    """Where everything is drawn, the regions over it, and the colours of the labels."""

    frame: Frame
    outlines: tuple[Outline, ...]
    colours: dict[str, str]

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Colour and path of the outlines of each class."""
        return [(one.colour, svg_path(one.rings)) for one in self.outlines]


@dataclass(frozen=True)
class GenePart:
    """What the page shows of one gene."""

    gene: str
    facts: str
    maps: tuple[SpotMap, ...]
    plots: tuple[Picture, ...]


@dataclass(frozen=True)
class DomainPart:
    """What the page shows of one agreement."""

    numbers: AgreementPart
    maps: tuple[SpotMap, ...]


def make_view(content: ReportContent) -> View:
    """Fit a view around spots and regions, as far as the slide goes."""
    thumbnail, downsample = content.thumbnail or (None, 1.0)
    around = bounds_of(content.regions)
    if around is not None and thumbnail is not None:
        height, width = (side * downsample for side in thumbnail.shape[:2])
        x0, y0, x1, y1 = around
        around = max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)
    frame = frame_spots(
        content.centers, "tissue", thumbnail=thumbnail, downsample=downsample, mpp=content.mpp,
        picture_px=_PICTURE_PX, around=around,
    )  # fmt: skip
    labels = content.labels
    colours = {} if labels is None else {n: hex_of(c) for n, c in labels.colours.items()}
    return View(frame, outline_regions(content.regions, frame), colours)


class FigureWriter:
    """Saves figures into a folder, if there is one."""

    def __init__(self, content: ReportContent, folder: Path | None) -> None:
        self._content, self._folder = content, folder
        self._note = make_note(content)
        self._taken: set[str] = set()

    @property
    def is_active(self) -> bool:
        """Whether there is a folder: figures needn't be drawn otherwise."""
        return self._folder is not None

    def save(self, figure: Figure, *names: str, picture_dpi: int = DPI) -> None:
        """Write a figure under a name made of these words."""
        if self._folder is not None:
            path = self._folder / unique_name(file_name(*names), self._taken)
            save_figure(figure, path, self._note, picture_dpi)

    def embed(self, figure: Figure | None, text: str, *names: str) -> tuple[Picture, ...]:
        """Return a plot for the page, and save it; nothing for None."""
        if figure is None:
            return ()
        picture = embed_plot(figure, text, PLOT_DENSITY)
        self.save(figure, *names)
        return (picture,)

    def write_whole(self, view: View) -> SpotMap | None:
        """Draw tissue and labels; return the map of labels."""
        labels, frame = self._content.labels, view.frame
        if self.is_active and (frame.source or view.outlines):
            self.save(draw_tissue(frame, view.outlines, self._content.section), "tissue")
        if labels is None:
            return None
        title = f"Labels: {labels.title}"
        if self.is_active:
            panels = [(title, labels.values, view.colours)]
            figure = draw_class_maps(frame, view.outlines, panels)
            self.save(figure, "labels", picture_dpi=_FADED_DPI)
        return map_classes(frame, labels.values, view.colours, title)

    def draw_scores(self) -> tuple[Picture, ...]:
        """Draw the correlations of all genes."""
        scores = self._content.scores
        if scores is None:
            return ()
        figure = draw_correlations(scores, list(self._content.genes))
        return self.embed(figure, "Correlations of all genes", "correlations")


def describe_gene(
    content: ReportContent, view: View, values: GeneValues, writer: FigureWriter
) -> GenePart:
    """Draw one gene: maps, values per class, prediction against measurement."""
    facts = describe_scale(content.scale).name
    if values.measured is not None and values.predicted is not None:
        facts = f"PCC {format_number(values.pcc, 2)}; {facts}"
    gene, labels = values.gene, content.labels
    if writer.is_active:
        maps = draw_gene_maps(view.frame, view.outlines, values, content.scale)
        writer.save(maps, "gene", gene, "maps", picture_dpi=_FADED_DPI)
    boxes = None if labels is None else draw_boxes(values, labels, content.scale)
    plots = writer.embed(boxes, f"{gene} per class", "gene", gene, "classes")
    scatter = draw_scatter(values, labels, content.scale)
    plots += writer.embed(scatter, f"{gene}, predicted against measured", "gene", gene, "scatter")
    return GenePart(gene, facts, map_gene(view.frame, values), plots)


def describe_domains(
    content: ReportContent, view: View, agreement: Agreement, writer: FigureWriter
) -> DomainPart:
    """Draw labels and domains beside each other."""
    part = describe_agreement(content, agreement)
    title = "Labels" if content.labels is None else f"Labels: {content.labels.title}"
    titles = (title, part.title, "Label and matched class of the domain")
    panels = list_agreement_panels(agreement, view.colours, titles)
    maps = tuple(map_classes(view.frame, names, known, said) for said, names, known in panels)
    if writer.is_active:
        name = f"{agreement.method}-{agreement.source}"
        figure = draw_class_maps(view.frame, view.outlines, panels)
        writer.save(figure, "domains", name, picture_dpi=_FADED_DPI)
        writer.save(draw_confusion(part.confusion, part.title), "confusion", name)
    return DomainPart(part, maps)
