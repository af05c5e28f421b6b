"""``napari-stexp info``."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import AsJson, BackendChoice, BackendOption, parse_location
from napari_stexp.cli.reporting import Reporter, print_facts, print_json
from napari_stexp.session.opening.recognising import recognise

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import ModelBundle

EPILOG = """Examples:

napari-stexp info slide.svs

napari-stexp info https://example.org/slides/slide.svs

napari-stexp info slide.svs --associated glass/

napari-stexp info model.safetensors --json
"""

_MOST_COLUMNS = 40


def command(
    ctx: typer.Context,
    file: Annotated[
        Any,
        typer.Argument(
            metavar="FILE",
            parser=parse_location,
            help="A slide (or its https:// or s3:// address), spots, a folder of sections, a "
            "data set, a model bundle, a released checkpoint, a prediction or an annotation.",
        ),
    ],
    backend: BackendOption = BackendChoice.AUTO,
    associated: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write the slide's label, overview and thumbnail here. They can identify a "
            "patient.",
        ),
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="Show, too, what may lead to a patient: barcodes, users, the scanner's names.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what a file is and what is in it."""
    kind = recognise(file)
    describe = {
        "slide": partial(
            _describe_slide, backend=backend.value, associated=associated, private=private
        ),
        "spots": _describe_spots_file,
        "data set": _describe_dataset_folder,
        "prediction": _describe_prediction,
        "bundle": _describe_bundle_file,
        "checkpoint": _describe_checkpoint,
        "annotation": _describe_annotation,
    }[kind]
    facts = {"kind": kind, "path": str(file)} | describe(file, ctx.obj)
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def _describe_slide(
    path: Any,
    reporter: Reporter,
    backend: str,
    associated: Path | None = None,
    private: bool = False,
) -> dict[str, Any]:
    from napari_stexp.session.placing.scale_review import review_scale
    from napari_stexp.slide import open_slide, prepare_slide
    from napari_stexp.slide.associated import WARNING, write_associated
    from napari_stexp.slide.colour import describe_profile

    reporter.run(prepare_slide(path))
    with open_slide(path, backend=backend) as slide:
        facts = slide.describe()
        facts["icc_profile"] = describe_profile(slide.facts.icc) or None
        facts["scale_findings"] = [one.sentence for one in review_scale(slide).findings]
        if private:
            facts["private"] = dict(slide.facts.private)
        if associated is not None:
            reporter.note(f"{WARNING} Keep these files as you keep the slide.")
            pictures = {name: partial(slide.associated_image, name) for name in slide.associated}
            written = write_associated(pictures, associated, slide.name)
            facts["written"] = [str(file) for file in written.values()]
        return facts


def _describe_spots_file(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.session.opening.spot_questions import ask_about_spots
    from napari_stexp.spots import is_spatialdata, list_sections, read_spots

    if is_spatialdata(path):
        return _describe_store(path)
    if path.is_dir():
        return {
            "sections": [
                {
                    "name": section.name,
                    "patient": section.patient,
                    "counts": section.has_counts,
                    "image": section.slide is not None,
                }
                for section in list_sections(path)
            ]
        }
    question, _ = ask_about_spots(path, remembered=False)
    if question is not None and question.look is not None and question.guess is not None:
        return {
            "columns": list(question.look.names[:_MOST_COLUMNS]),
            "written as": question.look.wording,
            "guess": question.guess.columns.chosen,
            "units": question.guess.units or "unknown",
        }
    return describe_spots(read_spots(path))


def _describe_store(path: Path) -> dict[str, Any]:
    """Return facts about a SpatialData store: spots, frames to choose, images."""
    from napari_stexp.spots import look_at_store

    content = look_at_store(path)
    return {
        "format": "SpatialData",
        "spots": [
            {"name": name, "kind": one.kind, "frames": list(content.pixel_frames(one))}
            for name, one in content.names.items()
        ],
        "images": [
            {"name": one.name, "path": str(one.path), "levels": one.levels, "shape": one.shape}
            for one in content.images
        ],
    }


def _describe_dataset_folder(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.cli.preparing import describe_dataset
    from napari_stexp.dataset import open_dataset

    facts = describe_dataset(open_dataset(path))
    return {name: value for name, value in facts.items() if name != "data"}  # that is the path


def describe_spots(adata: AnnData) -> dict[str, Any]:
    """Return facts about spots."""
    from napari_stexp.spots import estimate_mpp, spot_diameter_px, spot_pitch_px

    xy = adata.obsm["spatial"]
    return {
        "spots": adata.n_obs,
        "genes": adata.n_vars,
        **dict(adata.uns.get("stexp_spots", {})),
        "pitch_px": spot_pitch_px(adata),
        "diameter_px": spot_diameter_px(adata),
        "mpp_from_pitch": estimate_mpp(adata),
        "x_px": [float(xy[:, 0].min()), float(xy[:, 0].max())],
        "y_px": [float(xy[:, 1].min()), float(xy[:, 1].max())],
    }


def _describe_prediction(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.predict import read_prediction

    adata = read_prediction(path)
    similarity = adata.obs["similarity"]
    return {
        "spots": adata.n_obs,
        "genes": adata.n_vars,
        "status": adata.obs["status"].astype(str).value_counts().to_dict(),
        "similarity": {
            name: float(similarity.quantile(q))
            for name, q in (("5 %", 0.05), ("median", 0.5), ("95 %", 0.95))
        },
        "provenance": adata.uns["stexp"],
    }


def _describe_bundle_file(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.model import load_bundle

    return describe_bundle(load_bundle(path))


def describe_bundle(bundle: ModelBundle) -> dict[str, Any]:
    """Return facts about a model bundle."""
    from dataclasses import asdict

    header = asdict(bundle.header)
    del header["genes"]
    facts = {
        "name": bundle.name,
        "sha256": bundle.sha256,
        **{key: value for key, value in header.items() if key != "name"},
        "reference_spots": len(bundle.bank.embeddings),
        "raw_counts": bundle.bank.counts is not None,
        "genes": list(bundle.genes),
    }
    if bundle.scores is not None:
        facts["mean_scores"] = bundle.scores.mean().to_dict()
    return facts


def _describe_checkpoint(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.model import read_released_state_dict
    from napari_stexp.model.released import infer_sizes

    state = read_released_state_dict(path)
    encoder, _, n_genes = infer_sizes(state, path)
    return {
        "encoder": encoder,
        "genes": n_genes,
        "tensors": len(state),
        "parameters": sum(tensor.numel() for tensor in state.values()),
        "next": "napari-stexp import makes a model bundle of it",
    }


def _describe_annotation(path: Path, reporter: Reporter) -> dict[str, Any]:
    from napari_stexp.annotation import read_regions

    regions = read_regions(path)
    return {
        "regions": len(regions),
        "classes": dict(Counter(region.class_name or "(none)" for region in regions).most_common()),
    }
