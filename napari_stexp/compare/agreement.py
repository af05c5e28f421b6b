"""How domains of the expression agree with the pathologist's labels, spot by spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.compare.region_genes import check_source
from napari_stexp.compare.sides import clean_labels
from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import (
    compare_labels,
    find_domains,
    is_labelled,
    match_domains,
    reduce_expression,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OVER", "Agreement", "find_agreement"]

#: Which spots are clustered.
OVER = ("labelled", "all")


@dataclass(frozen=True)
class Agreement:
    """Domains next to labels.

    Attributes
    ----------
    method : {'kmeans', 'leiden'}
        How spots were divided.
    n_domains : int
        Domains found; with Leiden this may differ from what was asked for.
    domains : (N,) int
        Domain of each spot, -1 where it wasn't clustered.
    labels : (N,) object
        The labels, ``''`` for none.
    ari : float
        Adjusted Rand index over the spots compared: 1 for the same division, about 0 by
        chance.
    nmi : float
        Normalised mutual information (arithmetic mean); not corrected for chance.
    confusion : DataFrame
        Spots per class (rows) and domain (columns).
    matches : dict
        Domain -> class, one to one, so that as many spots as can be agree; domains that are
        left over are absent.
    disagreement : DataFrame
        Labelled spots whose domain is matched to another class, most disagreeing first:
        ``spot`` (row, from 0), ``label``, ``domain``, ``matched`` (the domain's class) and
        ``score`` (see `find_agreement`).
    over : {'labelled', 'all'}
        Which spots were clustered.
    n_compared, n_left_out : int
        Spots with a label and a domain; all others.
    scale, source : str
        What the values are, as in `rank_region_genes`.
    """

    method: str
    n_domains: int
    domains: NDArray[np.intp]
    labels: NDArray[np.object_]
    ari: float
    nmi: float
    confusion: pd.DataFrame
    matches: dict[int, str]
    disagreement: pd.DataFrame
    over: str
    n_compared: int
    n_left_out: int
    scale: str = "spot"
    source: str = "predicted"


def find_agreement(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    method: str = "kmeans",
    n_domains: int | None = None,
    over: str = "labelled",
    seed: int = 0,
    scale: str = "spot",
    source: str = "predicted",
) -> Agreement:
    """Divide spots into domains by their expression, and compare these with labels.

    The defaults are the protocol of Min et al. 2024: spots without a label, 'undetermined'
    ones among them, are left out, nine principal components, k-means with as many domains
    as there are classes (`find_domains`). Labels and domains are compared over the spots
    that have both.

    A spot that disagrees is scored by (a - b) / (a + b), where a is its distance to the
    centre of its own class and b that to the centre of its domain, in the principal
    components that were clustered; centres are means over the spots compared. It is 1 for
    a spot in the middle of its domain, 0 for one that is as near to its class, and below 0
    for one that is nearer to its class (0 where both distances are 0).

    Parameters
    ----------
    values : (N, G)
        Expression, log10(1 + x); NaN for spots without, which are left out.
    labels : (N,)
        Class of each spot; ``''`` or missing for none.
    method : {'kmeans', 'leiden'}
        How spots are divided.
    n_domains : int, optional
        How many; None: as many as there are classes among the spots compared.
    over : {'labelled', 'all'}
        'all' clusters unlabelled spots too.
    seed : int
        Same seed, same domains.
    scale, source : str
        What the values are, as in `rank_region_genes`.

    Raises
    ------
    EvaluationError
        Fewer than two classes among the spots with values; shapes that don't fit; Leiden
        without scanpy and igraph; an unknown method, scale or source.
    """
    check_source(scale, source)
    if over not in OVER:
        raise EvaluationError("unknown choice of spots", expected=" or ".join(OVER), found=over)
    table, names = np.asarray(values), clean_labels(labels)
    if table.ndim != 2 or len(table) != len(names):
        raise EvaluationError(
            "values and labels are of other spots", expected=len(names), found=table.shape
        )
    clustered = np.isfinite(table).all(axis=1)
    labelled = is_labelled(names) & clustered
    classes = np.unique(names[labelled].astype(str))
    if len(classes) < 2:
        raise EvaluationError(
            "agreement needs spots with values of at least two classes",
            found=", ".join(classes) or "no labelled spot",
        )
    if over == "labelled":
        clustered = labelled
    chosen = table[clustered]
    domains = np.full(len(names), -1, dtype=np.intp)
    wanted = len(classes) if n_domains is None else n_domains
    domains[clustered] = find_domains(chosen, wanted, method, seed=seed)
    ari, nmi, confusion = compare_labels(names[labelled], domains[labelled])
    matches = {
        int(confusion.columns[column]): str(confusion.index[row])
        for column, row in match_domains(confusion).items()
        if row is not None
    }
    places = reduce_expression(chosen, seed=seed)[labelled[clustered]]
    disagreement = _list_disagreement(places, names, domains, matches, np.flatnonzero(labelled))
    return Agreement(
        method=method,
        n_domains=len(np.unique(domains[clustered])),
        domains=domains,
        labels=names,
        ari=ari,
        nmi=nmi,
        confusion=confusion,
        matches=matches,
        disagreement=disagreement,
        over=over,
        n_compared=int(labelled.sum()),
        n_left_out=int((~labelled).sum()),
        scale=scale,
        source=source,
    )


def _list_disagreement(
    places: NDArray[np.float64],
    labels: NDArray[np.object_],
    domains: NDArray[np.intp],
    matches: dict[int, str],
    spots: NDArray[np.intp],
) -> pd.DataFrame:
    """List what `Agreement.disagreement` is; ``places`` (spots, PCs) are of ``spots``."""
    import pandas as pd

    label, domain = labels[spots].astype(str), domains[spots]
    to_class, to_domain = (_distance_to_centre(places, group) for group in (label, domain))
    total = to_class + to_domain
    score = np.divide(to_class - to_domain, total, out=np.zeros_like(total), where=total > 0)
    matched = np.array([matches.get(int(at), "") for at in domain], dtype=object)
    differs = (matched != "") & (matched != label)
    order = np.flatnonzero(differs)[np.argsort(-score[differs], kind="stable")]
    columns = {
        "spot": spots[order],
        "label": label[order].astype(object),
        "domain": domain[order],
        "matched": matched[order],
        "score": score[order],
    }
    return pd.DataFrame(columns)


def _distance_to_centre(
    places: NDArray[np.float64], group: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Distance of each place (N, D) to the mean of its group."""
    distance = np.empty(len(places))
    for name in np.unique(group):
        members = group == name
        distance[members] = np.linalg.norm(places[members] - places[members].mean(axis=0), axis=1)
    return distance
