"""A workspace as JSON: everything of it that is no table and no outline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_stexp._version import __version__
from napari_stexp.annotation import RegionClass
from napari_stexp.errors import StexpError, WorkspaceError
from napari_stexp.session.annotation.blinding import Blinding
from napari_stexp.session.annotation.label_source import LabelSource
from napari_stexp.session.genes.composite import CompositeStyle
from napari_stexp.session.genes.display import DisplaySettings
from napari_stexp.session.genes.signatures import Signature
from napari_stexp.session.workspace.draft import draft_to_words, words_to_draft
from napari_stexp.session.workspace.places import FileReference
from napari_stexp.session.workspace.workspace import KeptView, Workspace
from napari_stexp.slide.colour import check_colour
from napari_stexp.slide.scale_review import SettledFinding

__all__ = ["FORMAT", "VERSION", "check_words", "labels_to_words", "to_words", "words_to_labels",
           "words_to_workspace"]  # fmt: skip

FORMAT = "napari-stexp workspace"
VERSION = 1

T = TypeVar("T")


def to_words(workspace: Workspace, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what JSON holds of a workspace.

    Parameters
    ----------
    workspace : Workspace
        Its references to files are set.
    files : dict of str to str
        Names of the files beside the JSON: 'spots', 'regions', 'labels', 'model', 'results', and a
        prediction's under its key; absent where there is none.
    """
    view = asdict(workspace.view)
    view["composite_style"]["limits"] = [
        [gene, transform, list(ends)]
        for (gene, transform), ends in workspace.view.composite_style.limits.items()
    ]
    slide, model = workspace.slide_file, workspace.model_file
    return {
        "format": FORMAT,
        "version": VERSION,
        "software": f"napari-stexp {__version__}",
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "slide": None if slide is None else slide.to_dict(),
        "mpp": workspace.mpp,
        "mpp_source": workspace.mpp_source,
        "colour": workspace.colour,
        "scale_settled": [[one.key, one.sentence] for one in workspace.settled],
        "model": None if model is None else model.to_dict(),
        "files": {name: files[name] for name in _PARTS if name in files},
        "parameters": dict(workspace.params),
        "predictions": [
            {"name": kept.name, "key": kept.key, "file": files[kept.key], "saved": kept.saved}
            for kept in workspace.predictions
            if kept.key in files
        ],
        "active_prediction": workspace.active,
        "classes": [{"name": one.name, "color": list(one.color)} for one in workspace.classes],
        "active_class": workspace.active_class,
        "blinding": workspace.blinding.to_dict(),
        "values_were_seen": workspace.values_were_seen,
        "labels_in_use": workspace.label_key,
        "labels_shown": workspace.labels_shown,
        "alignment_draft": draft_to_words(workspace.draft),
        "signatures": [asdict(one) for one in workspace.signatures],
        "view": view,
    }


_PARTS = ("spots", "regions", "tissue", "labels", "model", "results")


def check_words(words: object, path: Path) -> dict[str, Any]:
    """Return the JSON of a workspace if it is one that can be read here.

    Raises
    ------
    WorkspaceError
        It is something else, or of a newer version.
    """
    if not isinstance(words, dict) or words.get("format") != FORMAT:
        raise WorkspaceError("is no workspace of napari-stexp", path=path)
    version = words.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise WorkspaceError(
            "was saved by a newer version",
            path=path,
            expected=f"format {VERSION} or older",
            found=f"format {version}, by {words.get('software', 'unknown')}",
            hint="Update napari-stexp to open it.",
        )
    return words


def words_to_workspace(words: dict[str, Any], path: Path) -> Workspace:
    """Return the workspace of a JSON, still without slide, model, tables and outlines.

    Raises
    ------
    WorkspaceError
        Something in it is missing or of a wrong kind.
    """
    try:
        return _parse(words)
    except (KeyError, TypeError, ValueError, AttributeError, StexpError) as error:
        raise WorkspaceError(
            "the workspace is damaged",
            path=path,
            found=f"{type(error).__name__}: {error}",
        ) from error


def _parse(words: dict[str, Any]) -> Workspace:
    slide, model = words.get("slide"), words.get("model")
    mpp = words.get("mpp")
    return Workspace(
        slide_file=None if slide is None else FileReference.from_dict(slide),
        model_file=None if model is None else FileReference.from_dict(model),
        mpp=None if mpp is None else float(mpp),
        mpp_source=str(words.get("mpp_source", "unknown")),
        colour=check_colour(str(words.get("colour", "stored"))),
        settled=tuple(
            SettledFinding(str(key), str(text)) for key, text in words.get("scale_settled", ())
        ),
        params=dict(words.get("parameters", {})),
        active=words.get("active_prediction"),
        classes=tuple(
            RegionClass(str(one["name"]), _color(one["color"])) for one in words["classes"]
        ),
        active_class=words.get("active_class"),
        blinding=Blinding.from_dict(words["blinding"]),
        values_were_seen=bool(words["values_were_seen"]),
        label_key=words.get("labels_in_use"),
        labels_shown=bool(words.get("labels_shown")),
        signatures=tuple(
            Signature(**_known(Signature, {**one, "genes": tuple(map(str, one["genes"]))}))
            for one in words.get("signatures", [])
        ),
        draft=words_to_draft(words.get("alignment_draft")),
        view=_parse_view(words.get("view", {})),
        saved=datetime.fromisoformat(words["saved"]),
    )


def _parse_view(words: dict[str, Any]) -> KeptView:
    style = words.get("composite_style", {})
    limits = {
        (str(gene), str(transform)): (float(low), float(high))
        for gene, transform, (low, high) in style.get("limits", [])
    }
    return KeptView(
        gene=words.get("gene"),
        source=str(words.get("source", "predicted")),
        display=_lenient(DisplaySettings, words.get("display", {})),
        composite=tuple(map(str, words.get("composite", ()))),
        composite_style=_lenient(CompositeStyle, {**style, "limits": limits}),
        kind=str(words.get("kind", "single")),
        genes=tuple(map(str, words.get("genes", ()))),
        camera=dict(words.get("camera", {})),
        window=dict(words.get("window", {})),
        selection=tuple(map(int, words.get("selection", ()))),
        focus=words.get("focus"),
    )


def _known(kind: Any, words: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a later version has added; lists become tuples."""
    names = {one.name for one in fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in words.items()
        if name in names
    }


def _lenient(kind: Callable[..., T], words: dict[str, Any]) -> T:
    """Make settings; the default ones where they aren't valid here."""
    with suppress(TypeError, ValueError):
        return kind(**_known(kind, words))
    return kind()


def _color(value: Any) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in value)
    return red, green, blue


def labels_to_words(sources: tuple[LabelSource, ...]) -> list[dict[str, Any]]:
    """Return labels as JSON holds them: classes, and for each spot the number of its class."""
    found = []
    for source in sources:
        names, codes = np.unique(source.values.astype(str), return_inverse=True)
        found.append(
            {
                "key": source.key,
                "title": source.title,
                "kind": source.kind,
                "names": names.tolist(),
                "codes": codes.tolist(),
                "colours": {name: list(color) for name, color in source.colours.items()},
            }
        )
    return found


def words_to_labels(words: list[dict[str, Any]]) -> tuple[LabelSource, ...]:
    """Return the labels that `labels_to_words` wrote."""
    return tuple(
        LabelSource(
            str(one["key"]),
            str(one["title"]),
            str(one["kind"]),
            np.array([*map(str, one["names"]), ""], dtype=object)[np.array(one["codes"], int)],
            {str(name): _color(color) for name, color in one["colours"].items()},
        )
        for one in words
    )
