"""The words of the report: names of methods, scales and hold-outs, numbers, the glossary."""

from __future__ import annotations

import math
from typing import NamedTuple

from napari_stexp.evaluate.results import METHOD_TITLES, MODEL

__all__ = [
    "GLOSSARY",
    "METRICS",
    "Metric",
    "Words",
    "describe_method",
    "describe_scale",
    "describe_split",
    "format_count",
    "format_interval",
    "format_number",
    "format_p",
    "in_sentence",
    "join_words",
    "name_algorithm",
]

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"


class Words(NamedTuple):
    """A name to print and a sentence that explains it."""

    name: str
    meaning: str


class Metric(NamedTuple):
    """How a metric of the summary is printed."""

    name: str
    meaning: str
    higher_is_better: bool
    decimals: int = 3


METRICS = {
    "acg_pcc": Metric("ACG", "mean correlation over all considered genes", True),
    "heg_pcc": Metric("HEG", "mean correlation over the 50 most expressed genes", True),
    "mse": Metric("MSE", "mean squared error", False),
    "mae": Metric("MAE", "mean absolute error", False),
    "n_significant": Metric(
        "Genes with q < 0.05", "genes whose correlation is positive with q < 0.05", True, 0
    ),
}

_METHODS = {
    MODEL: "The model under test.",
    "mean": "Every spot gets the mean of the training spots. It shows no pattern at all, so "
    "correlations are undefined, but its error is hard to beat.",
    "nearest_colour": "Each spot gets the expression of the training spot whose patch has the most "
    "similar colours.",
    "ridge_statistics": "Linear (ridge) regression on simple colour and stain statistics of the "
    "patch.",
    "ridge_features": "Linear (ridge) regression on the features of the model's own image encoder.",
    "tissue_density": "Linear regression on how much of the patch is nuclei and how much is dark: "
    "it sees only how dense the tissue is.",
}

_SCALES = {
    "spot": Words(
        "per-spot scale",
        "Counts are brought to 10,000 in every spot, then log10(1 + x). Differences in "
        "sequencing depth between spots are taken out: what remains is which genes a spot "
        "expresses. This is the scale to judge a model by.",
    ),
    "gene": Words(
        "per-gene scale",
        "Counts are brought to 10,000 in every gene over the section, then log10(1 + x), as the "
        "released mclSTExp code scores. Sequencing depth stays in every gene, so whatever "
        "tells dense from thin tissue correlates with all genes at once: numbers are higher for "
        "that reason alone and can't be compared with those of the per-spot scale.",
    ),
}

_SPLITS = {
    "section": Words(
        "Section held out",
        "The tested section was not in training, but other sections of the same patient were, or "
        "this can't be ruled out. Sections of one tumour resemble each other, so the numbers are "
        "optimistic: expect less for a new patient.",
    ),
    "patient": Words(
        "Whole patient held out",
        "No section of a tested patient was in training. The numbers say what to expect for "
        "a new patient whose tissue was prepared and scanned in the same way.",
    ),
}

GLOSSARY = {
    "Spot": "One measured place on the section, of some 55 to 100 µm: several to many cells.",
    "PCC (r)": "Pearson correlation between measured and predicted expression of one gene over "
    "the spots of a section: 1 is a perfect linear match, 0 none, below 0 a reversed "
    "pattern. Undefined where either side is the same in all spots.",
    "ACG": "Mean PCC over all considered genes: those of the model's gene list whose PCC is "
    "defined.",
    "HEG": "Mean PCC over the 50 considered genes with the highest mean measured expression on "
    "the tested section and this scale.",
    "MSE, MAE": "Mean squared and mean absolute difference between predicted and measured "
    "expression, over spots and genes, on the logarithmic scale of the table. Lower is better.",
    "p": "How probable a correlation at least this strong would be if prediction and "
    "measurement had nothing to do with each other and all spots were independent. "
    "Neighbouring spots are alike, so p values are too small: use them to rank genes.",
    "q": "p adjusted for testing many genes at once (Benjamini and Hochberg): among genes with "
    "q < 0.05, about 5 % are expected to be false findings.",
    "95 % CI": "Bootstrap confidence interval: the range of the number when sections or patients "
    "(or, with only one of them, its spots) are drawn again at random.",
    "Per-spot scale": _SCALES["spot"].meaning,
    "Per-gene scale": _SCALES["gene"].meaning,
    "Held out": "Kept away from training and from the reference bank, and used for testing only.",
    "Baseline": "A simple method that any useful model has to beat.",
    "Spatial domain": "A group of spots with similar expression, found without looking at the "
    "pathologist's labels.",
    "ARI, NMI": "Agreement of domains with the pathologist's labels: 1 is the same partition. The "
    "adjusted Rand index (ARI) is about 0 by chance. The normalised mutual information (NMI) is "
    "not corrected for chance: above 0 for any partition, the more so with many domains.",
}


def describe_method(method: str) -> Words:
    """Name and meaning of a method; an unknown one keeps its name."""
    return Words(METHOD_TITLES.get(method, method), _METHODS.get(method, ""))


def in_sentence(method: str) -> str:
    """Name of a method inside a sentence: its first letter small, unless it is a name."""
    name = describe_method(method).name
    return name if method == MODEL else name[:1].lower() + name[1:]


def describe_scale(scale: str) -> Words:
    """Name and meaning of an expression scale."""
    return _SCALES.get(scale, Words(f"{scale} scale", ""))


def describe_split(split: str) -> Words:
    """Name and meaning of a hold-out."""
    return _SPLITS.get(split, Words(f"Held out by {split}", ""))


def name_algorithm(algorithm: str) -> str:
    """Name a clustering algorithm as its authors do."""
    return {"kmeans": "k-means", "leiden": "Leiden"}.get(algorithm, algorithm)


def format_number(value: float, decimals: int = 3) -> str:
    """Round for print, with a true minus sign; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def format_interval(low: float, high: float, decimals: int = 3) -> str:
    """Print a confidence interval; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{format_number(low, decimals)} to {format_number(high, decimals)}"


def format_count(value: float) -> str:
    """Print a whole number with thousands separated."""
    return f"{value:,.0f}" if math.isfinite(value) else MISSING


def format_p(value: float) -> str:
    """Print a p or q value."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value >= 0.001:
        return f"{value:.3f}"
    return "< 1e\N{MINUS SIGN}300" if value < 1e-300 else f"{value:.0e}".replace("-", MINUS)


def join_words(words: list[str], limit: int = 12) -> str:
    """Join as ``a, b and c``; beyond ``limit`` words count the rest."""
    if len(words) > limit:
        words = [*words[:limit], f"{len(words) - limit} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
