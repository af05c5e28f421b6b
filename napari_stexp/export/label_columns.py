"""Labels of spots as columns of their AnnData, for h5ad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import OutputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["add_label_columns", "text_labels"]


def add_label_columns(adata: AnnData, columns: Mapping[str, Sequence[Any]]) -> AnnData:
    """Return a copy of spots or of a prediction with more columns of labels.

    Parameters
    ----------
    adata : AnnData
        N spots; not changed.
    columns : mapping of str to sequence (N,)
        Labels by name of their column; '' and None (and NaN) where a spot has none. A
        column of this name that is there already is replaced.

    Returns
    -------
    AnnData
        The columns are categorical, missing where a spot has no label.

    Raises
    ------
    OutputError
        A column has another length, or a name that h5ad can't hold.
    """
    import pandas as pd

    copied = adata.copy()
    for name, labels in columns.items():
        if not name.strip() or "/" in name:
            raise OutputError("no name for a column in h5ad", expected="no slash", found=repr(name))
        texts = text_labels(labels, adata.n_obs, f"labels {name!r}")
        copied.obs[name] = pd.Categorical([text or None for text in texts])
    return copied


def text_labels(labels: Sequence[Any], n_spots: int, what: str = "labels") -> list[str]:
    """Return labels as texts, '' for none.

    Raises
    ------
    OutputError
        There aren't as many as spots.
    """
    import pandas as pd

    values = list(labels)
    if len(values) != n_spots:
        raise OutputError(
            f"the {what} are not of these spots", expected=f"{n_spots} spots", found=len(values)
        )
    return ["" if value is None or pd.isna(value) else str(value) for value in values]
