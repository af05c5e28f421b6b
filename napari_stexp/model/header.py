"""What a model bundle says about itself: the facts that prediction depends on.

Needs no torch, so that a bundle can be described without loading a model.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from napari_stexp.model.encoder_names import ENCODERS, EXPECTED, encoder_problem, split_encoder
from napari_stexp.model.metric import METRICS, is_metric
from napari_stexp.model.records import (
    Record,
    RuleError,
    choice,
    expected,
    json_object,
    many,
    number,
    optional,
    record,
    rule,
    text,
    whole,
)

__all__ = [
    "CITATION",
    "ENCODERS",
    "FEATURE_NORMS",
    "FORMAT_VERSION",
    "INTENDED_USE",
    "POSITION_ENCODINGS",
    "WINDOWINGS",
    "BundleHeader",
    "InputContract",
    "ModelSizes",
    "Retrieval",
    "SectionInfo",
]

#: Raised when a bundle written now can't be read by an older version.
FORMAT_VERSION = 2

#: How spots were grouped into attention windows when the bank was embedded.
WINDOWINGS: tuple[str, ...] = ("section", "sequence32", "section32", "spot")

#: How a spot's place enters its token.
POSITION_ENCODINGS: tuple[str, ...] = ("table", "none", "sincos")

#: How image features are standardised before their projection.
FEATURE_NORMS: tuple[str, ...] = ("none", "batch")

CITATION = (
    "Min W, Shi Z, Zhang J, Wan J, Wang C. Multimodal contrastive learning for spatial gene "
    "expression prediction using histology images. Briefings in Bioinformatics 2024;25(6):bbae551. "
    "doi:10.1093/bib/bbae551"
)
INTENDED_USE = "Research use only. Not for diagnosis or treatment decisions."

_MOST_GENES = 100_000
_MOST_FIELDS = 8
_byte = whole(0, 255)


def _encoder(value: Any) -> str:
    """Accept the name of an image encoder."""
    problem = encoder_problem(value)
    if problem:
        raise RuleError(f"expected {EXPECTED}, found {problem}")
    return str(value)


def _metric(value: object) -> str:
    if not is_metric(value):
        raise expected(f"one of {', '.join(METRICS)}", value)
    return str(value)


@dataclass(frozen=True)
class InputContract(Record):
    """What the image encoder was trained to be fed.

    Attributes
    ----------
    patch_px : int
        Side of a patch in px.
    mpp : float or None
        µm per px of a patch; None where the training data had no known scale,
        then patches are always read at level 0.
    color_order : {'RGB', 'BGR'}
        Order of the channels.
    value_range : {1.0, 255.0}
        What the byte 255 becomes.
    mean, std : tuple of 3 floats, optional
        Subtracted and divided by, per channel in ``color_order``, after scaling
        to ``value_range``. Both or neither.
    fill : tuple of 3 ints
        RGB of what lies outside the image.
    context : tuple of float
        Fields of view around a spot, as multiples of ``patch_px``; each is read
        at ``patch_px`` by ``patch_px``, so the second of (1, 4) shows sixteen
        times the area at a quarter of the resolution. The first is 1, and they
        increase.
    """

    patch_px: int = rule(whole(8, 4096), 224)
    mpp: float | None = rule(optional(number(0.01, 100.0)), None)
    color_order: str = rule(choice("RGB", "BGR"), "RGB")
    value_range: float = rule(lambda value: choice(1.0, 255.0)(number(0, 255)(value)), 1.0)
    mean: tuple[float, float, float] | None = rule(optional(many(number(-1e4, 1e4), 3)), None)
    std: tuple[float, float, float] | None = rule(optional(many(number(1e-6, 1e4), 3)), None)
    fill: tuple[int, int, int] = rule(many(_byte, 3), (0, 0, 0))
    context: tuple[float, ...] = rule(many(number(1, 64), least=1, most=_MOST_FIELDS), (1.0,))

    @property
    def n_fields(self) -> int:
        """How many fields of view are read of each spot."""
        return len(self.context)

    @property
    def pixels_shape(self) -> tuple[int, ...]:
        """Shape of one spot's pixels: (p, p, 3), or (S, p, p, 3) of several fields of view."""
        patch = (self.patch_px, self.patch_px, 3)
        return patch if self.n_fields == 1 else (self.n_fields, *patch)

    def cross_check(self) -> list[tuple[str, str]]:
        """Mean and standard deviation go together; the fields of view grow from 1."""
        problems = []
        if (self.mean is None) != (self.std is None):
            problems.append((".mean", "mean and std are given both or not at all"))
        growing = all(a < b for a, b in itertools.pairwise(self.context))
        if self.context[0] != 1.0 or not growing:
            problems.append((".context", f"begins with 1 and increases, not {self.context}"))
        return problems


@dataclass(frozen=True)
class Retrieval(Record):
    """How reference spots are averaged.

    Attributes
    ----------
    k : int
        Number of reference spots most similar by cosine.
    metric : 'l1', 'l2' or 'softmax:T'
        What weighs the neighbours: 1/d² of the L1 or L2 distance d between
        embeddings as they are (the released scripts and the paper), or
        exp(cosine / T) with the temperature T, as 'softmax:0.2'.
    scale : {'spot', 'gene'}
        Expression scale that is averaged (`log_normalize`).
    target_sum : float
        What counts are scaled to.
    """

    k: int = rule(whole(1, 10_000_000), 200)
    metric: str = rule(_metric, "l1")
    scale: str = rule(choice("spot", "gene"), "spot")
    target_sum: float = rule(number(1e-3, 1e9), 1e4)


@dataclass(frozen=True)
class SectionInfo(Record):
    """A section of the reference bank; empty text where something is unknown."""

    name: str = rule(text(200, empty=False))
    patient: str = rule(text(200), "")
    organ: str = rule(text(200), "")
    technology: str = rule(text(200), "")
    n_spots: int = rule(whole(0, 100_000_000), 0)


@dataclass(frozen=True)
class ModelSizes(Record):
    """Sizes of the network beside its encoder and gene list.

    Attributes
    ----------
    projection : int
        Width of the shared embedding space.
    layers, heads, head_width : int
        Of the spot encoder.
    hidden : int or None
        Hidden width of its feed-forward layers; None: the number of genes.
    n_positions : tuple of 2 ints
        Rows of the x and y position tables.
    position_encoding : {'table', 'none', 'sincos'}
        Learnt tables as in the paper, nothing, or fixed sines and cosines.
    feature_norm : {'none', 'batch'}
        Image features reach the projection as they are, as in the paper, or
        standardised by a batch norm without parameters.
    """

    projection: int = rule(whole(1, 16_384), 256)
    layers: int = rule(whole(0, 64), 2)
    heads: int = rule(whole(1, 256), 8)
    head_width: int = rule(whole(1, 4096), 64)
    hidden: int | None = rule(optional(whole(1, 1_000_000)), None)
    n_positions: tuple[int, int] = rule(many(whole(1, 1_000_000), 2), (64, 64))
    position_encoding: str = rule(choice(*POSITION_ENCODINGS), "table")
    feature_norm: str = rule(choice(*FEATURE_NORMS), "none")


@dataclass(frozen=True)
class BundleHeader(Record):
    """All that a bundle holds beside arrays.

    Attributes
    ----------
    genes : tuple of str
        Names of the outputs, in order, unique.
    name : str
        What to call the model.
    encoder : str
        Name of the image encoder (`napari_stexp.model.check_encoder`).
    sizes, input, retrieval : record
        See their classes.
    sections : tuple of SectionInfo
        The reference bank's sections; the bank's ``section`` indexes them.
    windowing : str
        One of `WINDOWINGS`: how the bank was embedded.
    training, evaluation : dict
        Configuration of the training, and how the per-gene scores were
        measured (hold-out, scale); free JSON.
    software, created : str
        Version that wrote the bundle, and when (ISO 8601, UTC).
    citation, intended_use : str
        Texts to show with the model.
    format_version : int
        `FORMAT_VERSION` of the writer.
    """

    genes: tuple[str, ...] = rule(many(text(200, empty=False), least=1, most=_MOST_GENES))
    name: str = rule(text(500), "")
    encoder: str = rule(_encoder, "densenet121")
    sizes: ModelSizes = field(default_factory=ModelSizes, metadata={"rule": record(ModelSizes)})
    input: InputContract = field(
        default_factory=InputContract, metadata={"rule": record(InputContract)}
    )
    retrieval: Retrieval = field(default_factory=Retrieval, metadata={"rule": record(Retrieval)})
    sections: tuple[SectionInfo, ...] = rule(many(record(SectionInfo)), ())
    windowing: str = rule(choice(*WINDOWINGS), "section")
    training: dict[str, Any] = field(default_factory=dict, metadata={"rule": json_object})
    evaluation: dict[str, Any] = field(default_factory=dict, metadata={"rule": json_object})
    software: str = rule(text(500), "")
    created: str = rule(text(100), "")
    citation: str = rule(text(), CITATION)
    intended_use: str = rule(text(), INTENDED_USE)
    format_version: int = rule(whole(1, FORMAT_VERSION), FORMAT_VERSION)

    def cross_check(self) -> list[tuple[str, str]]:
        """Genes and section names are unique; the patch size suits the encoder."""
        problems = []
        names = [section.name for section in self.sections]
        for place, entries in ((".genes", self.genes), (".sections", names)):
            twice = [entry for entry, times in Counter(entries).items() if times > 1]
            if twice:
                problems.append((place, f"listed more than once: {', '.join(twice[:5])}"))
        vit = "vit_base_patch32_224" in split_encoder(self.encoder)
        if vit and self.input.patch_px % 32:
            problems.append((".input.patch_px", "must be a multiple of 32 for this encoder"))
        return problems
