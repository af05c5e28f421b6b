"""``napari-stexp align``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import AsJson, Counts, Mpp, SlideFile, check_suffix
from napari_stexp.cli.reporting import Reporter, print_facts, print_json

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.slide import Slide
    from napari_stexp.spots.alignment import Alignment, Transform

EPILOG = """Examples:

napari-stexp align slide.svs spots.h5ad -o aligned.h5ad

napari-stexp align slide.svs spots.h5ad --positions hires -o aligned.h5ad

napari-stexp align slide.svs spots.h5ad --pairs pairs.csv --kind affine -o aligned.h5ad

napari-stexp align slide.svs spots.h5ad --check --json

A table of pairs has the columns own_x, own_y (pixels as in the spots' file), slide_x and slide_y
(pixels of the slide's finest level).
"""


class Kind(StrEnum):
    """What is fitted to pairs of points."""

    SIMILARITY = "similarity"
    AFFINE = "affine"


_ORIENTATIONS = {
    "keep": "as they are",
    "swap": "swap x and y",
    "mirror-x": "mirror left to right",
    "mirror-y": "mirror top to bottom",
    "turn-90": "turn by 90° clockwise",
    "turn-270": "turn by 90° counter-clockwise",
    "turn-180": "turn by 180°",
    "swap-turn-180": "swap x and y, turn by 180°",
}
Orientation = StrEnum("Orientation", {name: name for name in ("auto", *_ORIENTATIONS)})  # type: ignore[misc]


def command(
    ctx: typer.Context,
    slide: SlideFile,
    spots: Annotated[
        Path,
        typer.Argument(
            metavar="SPOTS", exists=True, help="Spots: .h5ad, a spot file, or a section's folder."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write (.h5ad).", callback=check_suffix(".h5ad")
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Pairs of points, CSV: see below."),
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What is fitted to the pairs.")] = Kind.SIMILARITY,
    positions: Annotated[
        str,
        typer.Option(
            metavar="auto|full|NAME|WIDTHxHEIGHT",
            help="Which image the positions are pixels of: one with a scale factor (hires, "
            "lowres), or the size of an image that shows the same as the slide.",
        ),
    ] = "auto",
    orientation: Annotated[
        Orientation,
        typer.Option(
            help="Turn or mirror the positions in the slide's frame; auto compares them with "
            "the tissue."
        ),
    ] = Orientation.auto,  # type: ignore[attr-defined]
    counts: Counts = None,
    section: Annotated[str | None, typer.Option(help="Section of the folder.")] = None,
    mpp: Mpp = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say how the spots lie; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lay spots on a slide that their positions weren't measured on."""
    if (output is None) != check:
        raise typer.BadParameter("give either --output or --check")
    from napari_stexp.slide import open_slide, prepare_slide
    from napari_stexp.spots import read_spots

    reporter: Reporter = ctx.obj
    reporter.run(prepare_slide(slide))
    table = read_spots(spots, counts=counts, section=section)
    with open_slide(slide, mpp=mpp) as opened:
        if pairs is not None:
            alignment = _by_pairs(pairs, kind.value, opened)
        else:
            alignment = _by_image(table, opened, positions, orientation.value, reporter)
        facts = _place(table, opened, alignment, output, reporter)
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def _by_pairs(path: Path, kind: str, slide: Slide) -> Alignment:
    from napari_stexp.spots.alignment import Alignment, fit_pairs, read_pairs

    own, on_slide = read_pairs(path)
    fit = fit_pairs(own, on_slide, kind)
    return Alignment.of_pairs(fit, own, on_slide, slide.mpp, **_names(slide))


def _by_image(
    spots: AnnData, slide: Slide, positions: str, orientation: str, reporter: Reporter
) -> Alignment:
    """Place spots by scale factors, then turn them."""
    from napari_stexp.session.placing.placement_check import check_placement_steps
    from napari_stexp.spots.alignment import (
        Alignment,
        Transform,
        apply_alignment,
        orientation_transform,
        remove_alignment,
    )

    spots = remove_alignment(spots)
    found, steps = Transform.identity(), []
    if positions != "auto":
        found = _scale(spots, slide, positions)
        steps.append(f"positions in pixels of {positions}")
    if orientation not in ("auto", "keep"):
        name = _ORIENTATIONS[orientation]
        found = found.then(orientation_transform(name, slide.shape))
        steps.append(name)
    if positions == "auto" or orientation == "auto":
        before = apply_alignment(spots, Alignment(found, ""))
        check = reporter.run(check_placement_steps(slide, before))
        turned = check.fix is not None and not check.fix.is_scaling
        allowed = (positions == "auto" or turned) and (orientation == "auto" or not turned)
        if check.fix is not None and allowed:
            found = found.then(check.fix)
            steps.append(check.words)
    return Alignment(found, "; ".join(steps) or "as in the file", mpp=slide.mpp, **_names(slide))


def _scale(spots: AnnData, slide: Slide, positions: str) -> Transform:
    from napari_stexp.errors import AlignmentError
    from napari_stexp.spots.alignment import FULL, find_scale, list_frames, scale_between

    frames = {frame.name: frame for frame in list_frames(spots)}
    name = FULL if positions == "full" else positions
    if name in frames:
        return scale_between(frames[name], frames[FULL])
    width, by, height = positions.partition("x")
    if by and width.isdigit() and height.isdigit() and int(width) and int(height):
        return find_scale((int(height), int(width)), slide.shape)
    raise AlignmentError(
        "the spots have no scale factor of this image",
        expected=f"auto, full, {', '.join(name for name in frames if name != FULL)} or a size "
        "such as 2000x1800".replace(", ,", ","),
        found=positions,
    )


def _names(slide: Slide) -> dict[str, Any]:
    return {"slide": slide.name, "fingerprint": slide.fingerprint()}


def _place(
    table: AnnData, slide: Slide, alignment: Alignment, output: Path | None, reporter: Reporter
) -> dict[str, Any]:
    """Lay the spots, write them unless they are only looked at, and say how they lie."""
    from napari_stexp.session.placing.placement import check_placement
    from napari_stexp.session.placing.placement_check import check_placement_steps
    from napari_stexp.spots import write_spots
    from napari_stexp.spots.alignment import Transform, apply_alignment

    placed = apply_alignment(table, alignment)
    check = reporter.run(check_placement_steps(slide, placed))
    facts: dict[str, Any] = {
        "spots": placed.n_obs,
        "method": alignment.method,
        "changed": not alignment.transform.same(Transform.identity()),
        **alignment.transform.describe(),
        **check.orientation.describe(),
    }
    if len(alignment.residuals_um):
        unit = "um" if slide.mpp else "px"
        facts[f"residuals_{unit}"] = alignment.residuals_um.tolist()
        facts[f"left_out_{unit}"] = alignment.left_out_um.tolist()
    if not check.orientation.fits:
        share = check.orientation.present.on_tissue
        reporter.note(f"only {share:.0%} of the spots lie on tissue")
    if output is not None:
        for notice in check_placement(placed, slide):
            reporter.note(notice)
        facts["output"] = str(write_spots(placed, output))
    return facts
