"""Maps of one gene, of labels and of domains, for the page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.drawing import embed_image
from napari_stexp.evaluate.report_maps import (
    CATEGORIES,
    SpotMap,
    draw_classes,
    draw_values,
    ramp_stops,
    robust_limits,
)

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.report_values import GeneValues
    from napari_stexp.evaluate.report_frames import Frame

__all__ = [
    "AGREES",
    "DIFFERS",
    "GENE_PANELS",
    "color_domains",
    "judge_spots",
    "limits_of",
    "list_agreement_panels",
    "map_classes",
    "map_gene",
    "name_domains",
    "number_domains",
    "paint_spots",
]

#: Above so many spots, a map is an image: paths would be slow and large.
MOST_PATHS = 8000
_PAINTED_PX = 1600
_STEPS = 48
AGREES, DIFFERS = "same", "different"
_JUDGED = {AGREES: "#c3cad3", DIFFERS: "#D55E00"}
#: What is drawn of a gene -> its title.
GENE_PANELS = {
    "measured": "Measured",
    "predicted": "Predicted",
    "own": "Predicted, colours of its own",
    "residual": "Predicted \N{MINUS SIGN} measured",
}


def limits_of(values: GeneValues) -> dict[str, tuple[float, float]]:
    """Return the colour limits of each panel: shared by both sources, symmetric for residuals."""
    shared = robust_limits(*values.sources.values())
    limits = dict.fromkeys(values.sources, shared)
    if values.residual is not None and values.predicted is not None:
        limits["own"] = robust_limits(values.predicted)
        furthest = max(map(abs, robust_limits(values.residual)))
        limits["residual"] = (-furthest, furthest)
    return limits


def map_gene(frame: Frame, values: GeneValues) -> tuple[SpotMap, ...]:
    """Draw what was measured and predicted of a gene, and the difference."""
    panels: dict[str, Any] = dict(values.sources)
    if values.residual is not None:
        panels |= {"residual": values.residual, "own": values.predicted}
    limits = limits_of(values)
    return tuple(
        _draw_values(
            frame,
            panels[panel],
            limits[panel],
            title + (", same colours" if panel == "predicted" and "own" in panels else ""),
            "diverging" if panel == "residual" else "ramp",
        )
        for panel, title in GENE_PANELS.items()
        if panel in panels
    )


def _draw_values(
    frame: Frame,
    values: NDArray[np.floating],
    limits: tuple[float, float],
    title: str,
    ramp: str,
) -> SpotMap:
    if len(values) <= MOST_PATHS:
        return draw_values(frame, values, limits, title, ramp)
    empty = replace(frame, points=np.empty((0, 2)))
    drawn = draw_values(empty, np.empty(0), limits, title, ramp)
    low, high = limits
    known = np.isfinite(values)
    place = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
    stops = np.array([_rgb(text) for text in ramp_stops(_STEPS, ramp)])
    return replace(
        drawn, picture=paint_spots(frame, stops[np.rint(place * (_STEPS - 1)).astype(int)], known)
    )


def map_classes(
    frame: Frame, names: NDArray[np.object_], colours: Mapping[str, str], title: str
) -> SpotMap:
    """Draw one class per spot; '' is a spot without one."""
    drawn = draw_classes(frame, names, dict(colours), title)
    if len(names) <= MOST_PATHS:
        return drawn
    table = {name: _rgb(text) for name, text in colours.items()}
    known = np.isin(names.astype(str), list(colours))
    rgb = np.array([table.get(str(name), (255, 255, 255)) for name in names], dtype=np.uint8)
    return replace(drawn, paths=(), hollow="", picture=paint_spots(frame, rgb, known))


def paint_spots(frame: Frame, rgb: NDArray[np.integer], known: NDArray[np.bool_]) -> str:
    """Return spots as an image over the view, those not known left out; a data URI."""
    from PIL import Image, ImageDraw

    unit = _PAINTED_PX / max(frame.width, frame.height)
    size = max(1, round(frame.width * unit)), max(1, round(frame.height * unit))
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    radius = max(frame.diameter * unit / 2, 0.5)
    for (x, y), color in zip(frame.points[known] * unit, rgb[known].tolist(), strict=True):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(color))
    buffer = io.BytesIO()
    image.quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, format="png", optimize=True)
    return embed_image(buffer.getvalue(), "png")


def _rgb(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text.lstrip("#"))
    return red, green, blue


def name_domains(agreement: Agreement) -> dict[int, str]:
    """Return domain -> what it is called: its number from 1, and the class that it matches.

    Those that match a class come first, in the order of the classes.
    """
    order = {name: at for at, name in enumerate(agreement.confusion.index)}
    matches = agreement.matches
    found = np.unique(agreement.domains[agreement.domains >= 0]).tolist()
    found.sort(key=lambda domain: (order.get(matches.get(domain, ""), len(order)), domain))
    return {
        domain: f"domain {domain + 1}" + (f" ({matches[domain]})" if domain in matches else "")
        for domain in found
    }


def color_domains(agreement: Agreement, colours: Mapping[str, str]) -> dict[str, str]:
    """Return name of a domain -> the colour of the class that it matches, or one of its own."""
    free = [colour for colour in CATEGORIES if colour.lower() not in set(colours.values())]
    spare = cycle(free or CATEGORIES)
    return {
        name: colours.get(agreement.matches.get(domain, "")) or next(spare)
        for domain, name in name_domains(agreement).items()
    }


def number_domains(agreement: Agreement) -> pd.DataFrame:
    """Return the confusion table with domains counted from 1, as people do."""
    return agreement.confusion.rename(columns=lambda domain: int(domain) + 1)


def judge_spots(agreement: Agreement) -> NDArray[np.object_]:
    """Say of each spot whether its domain is matched to its class; '' if it wasn't compared."""
    words = np.full(len(agreement.domains), "", dtype=object)
    for at, (label, domain) in enumerate(zip(agreement.labels, agreement.domains, strict=True)):
        if label in agreement.confusion.index and domain >= 0:
            words[at] = AGREES if agreement.matches.get(int(domain)) == label else DIFFERS
    return words


def list_agreement_panels(
    agreement: Agreement, colours: Mapping[str, str], titles: tuple[str, str, str]
) -> list[tuple[str, NDArray[np.object_], dict[str, str]]]:
    """Return title, class of each spot and colours: of labels, of domains, of where they differ."""
    called = name_domains(agreement)
    domains = np.array([called.get(int(at), "") for at in agreement.domains], dtype=object)
    known = {name: colour for name, colour in colours.items() if name in agreement.confusion.index}
    return [
        (titles[0], agreement.labels, known),
        (titles[1], domains, color_domains(agreement, known)),
        (titles[2], judge_spots(agreement), dict(_JUDGED)),
    ]
