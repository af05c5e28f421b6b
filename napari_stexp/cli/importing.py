"""``napari-stexp import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_stexp.cli.options import (
    AsJson,
    ColorOrder,
    Missing,
    Scale,
    Windowing,
    check_metric,
    check_suffix,
)
from napari_stexp.cli.reporting import Reporter, print_facts, print_json

EPILOG = """Examples:

napari-stexp import best_0.pt --genes her_hvg_cut_1000.npy --reference her2st:C2,C3,C5,C6 -o her2.safetensors

napari-stexp import best_0.pt --genes genes.txt --reference A.h5ad --reference B.h5ad --windowing sequence32 -o model.safetensors
"""  # noqa: E501


def command(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            exists=True,
            dir_okay=False,
            help="State dict of the released mclSTExp code (.pt). Nothing in it is executed.",
        ),
    ],
    genes: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The genes it was trained on, in order: .npy, or text with one a line.",
        ),
    ],
    reference: Annotated[
        list[str],
        typer.Option(
            metavar="PATH[:SECTIONS]",
            help="Training sections, in order: a folder in the HER2ST layout (':C2,C3' chooses "
            "sections) or an .h5ad file; repeatable.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Bundle to write.", callback=check_suffix(".safetensors")
        ),
    ],
    windowing: Annotated[
        Windowing,
        typer.Option(
            help="Attention windows of the reference: each section as one, whatever the order "
            "(section); 32 spots over all sections in order, as the released scripts (sequence32); "
            "32 spots within each section (section32); each spot alone (spot). Never "
            "interchangeable."
        ),
    ] = Windowing.SECTION,
    metric: Annotated[
        str,
        typer.Option(
            metavar="l1|l2|softmax:T",
            callback=check_metric,
            help="Weights of reference spots: 1/d² of a distance, or a softmax of the cosine "
            "similarity divided by T.",
        ),
    ] = "l1",
    k: Annotated[int, typer.Option(min=1, help="Reference spots per prediction.")] = 200,
    scale: Annotated[
        Scale, typer.Option(help="Expression scale that is predicted by default.")
    ] = Scale.SPOT,
    mpp: Annotated[
        float | None,
        typer.Option(help="µm per pixel of the training images. (default: from the spots' pitch)"),
    ] = None,
    color_order: Annotated[
        ColorOrder, typer.Option(help="Channels it was trained on; BGR for the Visium script's.")
    ] = ColorOrder.RGB,
    value_range: Annotated[
        float, typer.Option(help="What white was in training: 1, or 255 for the Visium script's.")
    ] = 1.0,
    missing: Annotated[
        Missing, typer.Option(help="Genes that a section lacks: an error, or counted as zero.")
    ] = Missing.ERROR,
    name: Annotated[str, typer.Option(help="What to call the model.")] = "",
    organ: Annotated[str, typer.Option(help="Organ of the reference sections.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a model bundle of a released checkpoint and its reference sections."""
    from napari_stexp.files import check_writable
    from napari_stexp.model import InputContract, load_bundle, read_gene_list, save_bundle
    from napari_stexp.spots import read_reference
    from napari_stexp.train import import_released

    check_writable(output)
    reporter: Reporter = ctx.obj
    contract = InputContract(color_order=color_order.value, value_range=value_range)
    bundle = reporter.run(
        import_released(
            checkpoint,
            read_gene_list(genes),
            read_reference(reference),
            windowing=windowing.value,
            metric=metric,
            k=k,
            scale=scale.value,
            mpp=mpp,
            input_contract=contract,
            missing=missing.value,
            name=name,
            organ=organ,
        )
    )
    from napari_stexp.cli.information import describe_bundle

    facts = {"output": str(output)} | describe_bundle(load_bundle(save_bundle(bundle, output)))
    if as_json:
        print_json(facts)
    else:
        print_facts(facts | {"genes": len(facts["genes"])})
