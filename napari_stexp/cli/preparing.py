"""``napari-stexp prepare``."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import AsJson, Missing
from napari_stexp.cli.reporting import Reporter, format_time, print_facts, print_json
from napari_stexp.cli.training_options import split_names
from napari_stexp.errors import StexpError

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.spots import SectionSource

EPILOG = """Examples:

napari-stexp prepare sample -o data

napari-stexp prepare her2st:C2,C3,C4,C5,C6 her2st:B4 -o her2 --genes her_hvg_cut_1000.npy

napari-stexp prepare sections.csv -o data --mpp 0.5 --context 1,2,4 --n-top-genes 1000 --min-spots 1000
"""  # noqa: E501

#: Stands for the synthetic sections, which are made where they are asked for.
SAMPLE = "sample"
#: How many: two of each patient A, B, C.
N_SAMPLE = 6
#: What they are cut with: little more than a spot of 55 µm, so that a CPU learns in minutes.
_SAMPLE_SETTINGS = {"patch_px": 64, "mpp": 1.0, "fill": (243, 242, 244), "min_spots": 0}


class Flavor(StrEnum):
    """How genes are ranked by variability (scanpy's)."""

    SEURAT = "seurat"
    CELL_RANGER = "cell_ranger"
    SEURAT_V3 = "seurat_v3"
    SEURAT_V3_PAPER = "seurat_v3_paper"


def command(
    ctx: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Sections: a folder in the HER2ST, cSCC (GSE144240) or Space Ranger layout, or "
            "of .h5ad files, one .h5ad, or a manifest (.csv, .tsv) with the columns slide and "
            "spots, and counts, section, patient, organ, technology, mpp, labels as known. "
            "':C2,C3' chooses sections. 'sample' makes synthetic ones.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DATA", help="Folder of the data set.")
    ],
    genes: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Take these genes, in order: .npy, or text with one a line. (default: chosen by "
            "the paper's rule)",
            rich_help_panel="Genes",
        ),
    ] = None,
    n_top_genes: Annotated[
        int | None,
        typer.Option(
            help="Highly variable genes per section. (default: 1000)", rich_help_panel="Genes"
        ),
    ] = None,
    min_spots: Annotated[
        int | None,
        typer.Option(
            help="Drop genes expressed in fewer spots, over all sections. (default: 1000)",
            rich_help_panel="Genes",
        ),
    ] = None,
    flavor: Annotated[
        Flavor | None,
        typer.Option(
            help="How variability is ranked (scanpy's). (default: seurat)", rich_help_panel="Genes"
        ),
    ] = None,
    missing: Annotated[
        Missing | None,
        typer.Option(
            help="Genes of the list that a section lacks: an error, or counted as zero. "
            "(default: error)",
            rich_help_panel="Genes",
        ),
    ] = None,
    min_section_spots: Annotated[
        int | None, typer.Option(help="Leave out sections of fewer spots. (default: 0)")
    ] = None,
    patch_px: Annotated[
        int | None,
        typer.Option(help="Side of a patch, px. (default: 224)", rich_help_panel="Patches"),
    ] = None,
    mpp: Annotated[
        float | None,
        typer.Option(
            help="µm per px of a patch. (default: each slide's own pixels)",
            rich_help_panel="Patches",
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(
            help="Fields of view as multiples of a patch, such as 1,2,4, each kept at the "
            "patch's px. (default: 1)",
            rich_help_panel="Patches",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose genes and cut patches of measured sections, once for all trainings.

    What is there already is kept; run again after an interruption, it goes on.
    """
    from napari_stexp.dataset import PrepareSettings, prepare_dataset
    from napari_stexp.model import read_gene_list

    reporter: Reporter = ctx.obj
    given: dict[str, Any] = {
        "n_top_genes": n_top_genes,
        "min_spots": min_spots,
        "flavor": flavor and flavor.value,
        "missing": missing and missing.value,
        "min_section_spots": min_section_spots,
        "patch_px": patch_px,
        "mpp": mpp,
        "context": _read_context(context),
    }
    values = _SAMPLE_SETTINGS if sources == [SAMPLE] else {}
    settings = PrepareSettings(**(values | {k: v for k, v in given.items() if v is not None}))
    names = None if genes is None else read_gene_list(genes)
    start = time.perf_counter()
    found = [section for source in sources for section in _find(source, output, reporter)]
    dataset = reporter.run(prepare_dataset(found, output, settings, genes=names), unit="patches")
    facts = describe_dataset(dataset) | {"seconds": round(time.perf_counter() - start, 3)}
    if as_json:
        print_json(facts)
    else:
        _print_summary(facts)


def _read_context(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(word) for word in split_names([text]))
    except ValueError:
        raise typer.BadParameter(f"--context takes numbers such as 1,2,4, not '{text}'") from None


def _find(source: str, output: Path, reporter: Reporter) -> list[SectionSource]:
    """Find the sections of one word of the command line."""
    from napari_stexp.spots import find_sections

    if source != SAMPLE or Path(source).exists():
        return find_sections(source)
    reporter.note("The sample is synthetic: drawn and counted by a program, no patient's tissue.")
    manifest = output.with_name(f"{output.name}-sections") / "sections.csv"
    if not manifest.exists():
        from napari_stexp.sample_data import write_training_sections

        write_training_sections(
            manifest.parent, N_SAMPLE, report=lambda progress: reporter.tell(progress.stage)
        )
    return find_sections(manifest)


def open_data(path: Path) -> Dataset:
    """Open a data set; an error says how one is made."""
    from napari_stexp.dataset import open_dataset

    if not path.exists():
        raise StexpError(
            "no data set is here", path=path, hint="Make one with `napari-stexp prepare`."
        )
    return open_dataset(path)


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return facts about a data set."""
    return {
        "data": str(dataset.folder),
        "sections": [
            {
                "name": info.name,
                "patient": info.patient,
                "spots": info.n_spots,
                "without_patch": int((~dataset.usable(info.name)).sum()),
            }
            for info in dataset.sections
        ],
        "genes": len(dataset.genes),
        "input": dataset.contract.to_json(),
        "settings": dataset.settings.to_json(),
    }


def _print_summary(facts: dict[str, Any]) -> None:
    cut = facts["input"]
    where = f"{cut['mpp']:g} µm per px" if cut["mpp"] else "level-0 pixels"
    fields = " x ".join(f"{value:g}" for value in cut.get("context", (1.0,)))
    print_facts(
        {
            "data": facts["data"],
            "sections": facts["sections"],
            "spots": sum(section["spots"] for section in facts["sections"]),
            "genes": facts["genes"],
            "patches": f"{cut['patch_px']} px, {where}, fields of view {fields}",
            "time": format_time(facts["seconds"]),
        }
    )
