"""Saving the whole work as one file, and going on with it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import OutputError, StexpError, WorkspaceError
from napari_stexp.progress import exhaust
from napari_stexp.session import (
    DisplaySettings,
    Session,
    read_workspace,
    restore_workspace,
    start_saving,
    take_workspace,
    write_workspace,
)
from napari_stexp.session.genes.composite import CompositeStyle
from napari_stexp.session.workspace.file import WORDS, read_words
from napari_stexp.session.workspace.words import to_words, words_to_workspace
from napari_stexp.session.workspace.workspace import KeptView, Workspace
from tests.session.fakes import make_batch, make_prediction, make_spots
from tests.session.workspaces import GENES, compare, full_session, write_slide


@pytest.fixture
def slide_file(tmp_path) -> Path:
    return write_slide(tmp_path / "there" / "S1.ome.tif")


@pytest.fixture
def full(slide_file):
    session = full_session(slide_file)
    compare(session)
    yield session
    session.close()


def save(session, path) -> Path:
    return exhaust(start_saving(session, path, camera={"x": 1.0, "y": 2.0, "zoom": 0.5}))


def reopen(path, search=()):
    session = Session()
    workspace = exhaust(read_workspace(path, search=search))
    restore_workspace(session, workspace)
    return session, workspace


def assert_same_work(old: Session, new: Session) -> None:
    np.testing.assert_array_equal(old.spots.X.toarray(), new.spots.X.toarray())
    np.testing.assert_array_equal(old.spots.obsm["spatial"], new.spots.obsm["spatial"])
    assert list(old.predictions) == list(new.predictions)
    assert old.predictions.active == new.predictions.active
    for name in old.predictions:
        first, second = old.predictions[name], new.predictions[name]
        np.testing.assert_array_equal(first.adata.X, second.adata.X)
        np.testing.assert_array_equal(first.status, second.status)
        assert first.adata.uns["stexp"]["scale"] == second.adata.uns["stexp"]["scale"]
    assert old.regions.items == new.regions.items
    assert old.regions.classes == new.regions.classes
    assert old.regions.active_class == new.regions.active_class
    assert old.labelling.keys == new.labelling.keys
    assert old.labelling.active == new.labelling.active
    assert list(old.labels()) == list(new.labels())
    assert old.signatures.items == new.signatures.items
    names = ("gene", "source", "display", "composite", "composite_style", "focus")
    assert [getattr(old, name) for name in names] == [getattr(new, name) for name in names]
    np.testing.assert_array_equal(old.selection, new.selection)
    assert (old.views.kind, old.views.genes) == (new.views.kind, new.views.genes)
    assert old.params == new.params
    assert_same_results(old.comparison, new.comparison)
    first, second = old.aligning.draft, new.aligning.draft
    np.testing.assert_array_equal(first.move.matrix, second.move.matrix)
    assert (first.steps, first.pairs, first.kind) == (second.steps, second.pairs, second.kind)


def assert_same_results(old, new) -> None:
    for name in ("genes", "agreement", "scores"):
        first, second = getattr(old, name), getattr(new, name)
        assert type(first) is type(second)
        for field, value in vars(first).items() if first is not None else ():
            other = getattr(second, field)
            if isinstance(value, pd.DataFrame):
                pd.testing.assert_frame_equal(value, other)
            elif field == "sides":
                np.testing.assert_equal(vars(other), vars(value))
            else:
                np.testing.assert_equal(other, value)


def test_everything_comes_back(full, slide_file, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    new, workspace = reopen(path)
    assert workspace.missing == {}
    assert new.slide.path == slide_file
    assert new.slide.mpp == pytest.approx(0.5)
    assert_same_work(full, new)
    assert workspace.view.camera == {"x": 1.0, "y": 2.0, "zoom": 0.5}
    new.close()


def test_saving_changes_nothing_and_replaces_what_is_open(full, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    other = full_session(write_slide(tmp_path / "other.ome.tif", 7))
    other.gene = "CD3D"
    restore_workspace(other, exhaust(read_workspace(path)))
    assert_same_work(full, other)
    other.close()


def test_a_scale_that_was_typed_comes_back(full, tmp_path):
    full.set_spots(make_spots(3, step=100))
    full.set_mpp(0.75)
    new, _ = reopen(save(full, tmp_path / "a.stexp"))
    assert (new.slide.mpp, new.slide.mpp_source) == (0.75, "user")
    new.close()


def test_an_empty_session_is_a_workspace_too(tmp_path):
    new, workspace = reopen(save(Session(), tmp_path / "empty.stexp"))
    assert (new.slide, new.spots, new.bundle) == (None, None, None)
    assert workspace.missing == {}


def test_a_prediction_that_goes_on_is_saved_as_it_was(full, tmp_path):
    """Rows that came after the snapshot was taken are pending in it, and have no values."""
    workspace = take_workspace(full)
    full.add_batch(make_batch([2], np.ones((1, 3))), full.predictions["second"])
    path = exhaust(write_workspace(workspace, tmp_path / "a.stexp"))
    new, _ = reopen(path)
    second = new.predictions["second"]
    assert second.status.tolist() == ["ok", "ok", "pending", "ok", "pending"]
    assert np.isnan(second.adata.X[[2, 4]]).all()
    assert np.isfinite(second.adata.X[[0, 1, 3]]).all()
    new.close()


def test_what_is_hidden_stays_hidden(full, tmp_path):
    full.regions.start_blinded()
    path = save(full, tmp_path / "blind.stexp")
    new = Session()
    shown = []
    for signal in (new.spots_changed, new.prediction_changed):
        signal.connect(lambda _: shown.append(new.values("ERBB2")))
    restore_workspace(new, exhaust(read_workspace(path)))
    assert new.hides_values
    assert len(shown) >= 3
    assert shown == [None] * len(shown)
    assert new.regions.blinding == full.regions.blinding
    new.close()


# ---- files that were moved ---------------------------------------------------------------


def test_a_folder_that_was_moved_as_a_whole(full, tmp_path):
    full_path = save(full, tmp_path / "there" / "work.stexp")
    full.set_slide(None)
    shutil.move(full_path.parent, tmp_path / "elsewhere")
    new, workspace = reopen(tmp_path / "elsewhere" / "work.stexp")
    assert workspace.missing == {}
    assert new.slide.path == tmp_path / "elsewhere" / "S1.ome.tif"
    new.close()


def test_a_slide_that_was_moved_and_renamed_is_known_by_its_content(full, slide_file, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    (tmp_path / "known").mkdir()
    write_slide(tmp_path / "known" / "S1.ome.tif", seed=5)  # of the same name, another one
    slide_file.rename(tmp_path / "known" / "renamed.tif")
    new, _ = reopen(path, search=[tmp_path / "nothing", tmp_path / "known"])
    assert new.slide.path == tmp_path / "known" / "renamed.tif"
    new.close()


def test_without_its_slide_nothing_else_is_lost(full, slide_file, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    (tmp_path / "away").mkdir()
    slide_file.rename(tmp_path / "away" / "gone.bin")
    new, workspace = reopen(path, search=[tmp_path / "there"])
    assert list(workspace.missing) == ["slide"]
    assert workspace.missing["slide"].path == slide_file
    assert new.slide is None
    assert_same_work(full, new)
    again = exhaust(start_saving(new, tmp_path / "again.stexp", missing=workspace.missing))
    assert read_words(again)["slide"]["path"] == str(slide_file)
    (tmp_path / "away" / "gone.bin").rename(slide_file)
    whole, _ = reopen(again)
    assert whole.slide.path == slide_file
    assert_same_work(full, whole)
    whole.close()


def test_another_file_in_the_place_of_the_slide_is_not_taken(full, slide_file, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    full.set_slide(None)
    write_slide(slide_file, seed=9)
    _, workspace = reopen(path)
    assert list(workspace.missing) == ["slide"]


@pytest.mark.slow  # torch and torchvision are loaded for it
def test_a_model_without_a_file_is_kept_in_the_workspace(tmp_path):
    from tests.panels.conftest import build_bundle

    session = Session()
    session.set_bundle(build_bundle())
    new, workspace = reopen(save(session, tmp_path / "a.stexp"))
    assert workspace.missing == {}
    assert new.bundle.genes == session.bundle.genes
    assert new.bundle.path is None


# ---- bad files ---------------------------------------------------------------------------


def test_another_suffix_or_place_is_refused(full, tmp_path):
    with pytest.raises(OutputError, match="stexp"):
        save(full, tmp_path / "work.zip")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save(full, tmp_path / "file" / "work.stexp")


def test_a_save_that_is_cancelled_leaves_the_old_file(full, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    before = path.read_bytes()
    full.gene = "CD3D"
    steps = start_saving(full, path)
    for _ in range(4):
        next(steps)
    steps.close()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["work.stexp"]


@pytest.mark.parametrize(
    "content", [b"", b"no zip at all", b"PK\x03\x04 cut off"], ids=["empty", "text", "cut"]
)
def test_what_is_no_workspace(content, tmp_path):
    path = tmp_path / "bad.stexp"
    path.write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"bad\.stexp: is no workspace"):
        exhaust(read_workspace(path))


def test_a_missing_file(tmp_path):
    with pytest.raises(WorkspaceError, match="no such workspace"):
        exhaust(read_workspace(tmp_path / "none.stexp"))


def rewrite(path: Path, change) -> Path:
    """Change what the parts of a workspace hold: ``change`` gets and returns name -> bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts = change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def changed_words(**new):
    def change(parts):
        words = json.loads(parts[WORDS])
        return {**parts, WORDS: json.dumps({**words, **new}).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (changed_words(format="something else"), "no workspace"),
        (changed_words(version=99), "newer version"),
        (changed_words(classes=3), "damaged"),
        (changed_words(blinding={"state": "odd"}), "damaged"),
        (changed_words(files={"spots": "../../evil.h5ad"}), "damaged"),
        (changed_words(files={"spots": "/etc/passwd"}), "damaged"),
        (changed_words(files=[1]), "damaged"),
        (lambda parts: {**parts, "spots.h5ad": b"nothing"}, r"spots\.h5ad in it can't be read"),
        (lambda parts: {k: v for k, v in parts.items() if k != "regions.geojson"}, "damaged"),
        (lambda parts: {**parts, "labels.json": b"[3]"}, r"labels\.json in it"),
        (lambda parts: {**parts, "results.json": b"[3]"}, r"results\.json in it"),
        (changed_words(alignment_draft={"matrix": [1], "steps": [], "pairs": []}), "damaged"),
        (lambda parts: {**parts, WORDS: b"{"}, "damaged"),
        (lambda parts: {k: v for k, v in parts.items() if k != WORDS}, "no workspace"),
    ],
)
def test_damage_is_told(full, tmp_path, change, match):
    path = rewrite(save(full, tmp_path / "work.stexp"), change)
    with pytest.raises(WorkspaceError, match=match):
        exhaust(read_workspace(path))


def test_flipped_bits_are_noticed(full, tmp_path):
    path = save(full, tmp_path / "work.stexp")
    content = bytearray(path.read_bytes())
    at = content.index(b"prediction-") + 3000
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(WorkspaceError, match="damaged"):
        exhaust(read_workspace(path))


def test_what_a_later_version_adds_is_passed_over(full, tmp_path):
    def change(parts):
        words = json.loads(parts[WORDS])
        words["view"]["display"]["sparkle"] = 3
        words["view"]["colour_of_the_sky"] = "blue"
        words["signatures"][0]["weight"] = 2
        return {**parts, WORDS: json.dumps(words).encode()}

    new, _ = reopen(rewrite(save(full, tmp_path / "work.stexp"), change))
    assert_same_work(full, new)
    new.close()


def test_parts_that_do_not_fit_together_change_nothing(full, tmp_path):
    kept = Workspace(slide=full.slide, spots=make_spots(3, first=(5000, 5000)))
    session = Session()
    session.set_spots(make_spots(2))
    with pytest.raises(StexpError):
        restore_workspace(session, kept)
    assert session.spots.n_obs == 2


# ---- the JSON ----------------------------------------------------------------------------

names = st.text(min_size=1, max_size=8)
numbers = st.floats(-1e6, 1e6)
views = st.builds(
    KeptView,
    gene=st.none() | names,
    source=st.sampled_from(["predicted", "measured"]),
    display=st.builds(
        DisplaySettings,
        colormap=st.sampled_from(["viridis", "cividis"]),
        threshold=st.none() | numbers,
        manual_limits=st.tuples(st.floats(-9, 0), st.floats(0.5, 9)),
        transform=st.sampled_from(["log", "linear", "z"]),
    ),
    composite=st.lists(names, max_size=3).map(tuple),
    composite_style=st.builds(
        CompositeStyle,
        mixing=st.sampled_from(["rgb", "cmy"]),
        limits=st.dictionaries(
            st.tuples(names, st.sampled_from(["log", "z"])), st.just((0.0, 1.0)), max_size=2
        ),
    ),
    kind=st.sampled_from(["single", "genes"]),
    genes=st.lists(names, max_size=3).map(tuple),
    selection=st.lists(st.integers(0, 99), max_size=4).map(tuple),
    focus=st.none() | st.integers(0, 99),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(view=views)
def test_any_view_survives_json(view):
    words = json.loads(json.dumps(to_words(Workspace(view=view), {})))
    assert words_to_workspace(words, Path("x.stexp")).view == view


def test_a_gene_that_nobody_knows_any_more_is_passed_over(full):
    kept = take_workspace(full)
    other = Session()
    spots = make_spots(5, first=(100, 200), step=150)
    prediction = make_prediction(spots, GENES[:1])
    kept = Workspace(spots=spots, view=kept.view)
    restore_workspace(other, kept)
    other.set_prediction(prediction)
    assert other.gene == "ERBB2"
    assert other.display == full.display


def test_napari_reads_slide_regions_and_spots(full, tmp_path):
    from napari_stexp.viewer.layer_data import PREDICTION, SLIDE, SPOTS
    from napari_stexp.viewer.reader import get_workspace_reader

    path = str(save(full, tmp_path / "work.stexp"))
    layers = get_workspace_reader(path)(path)
    assert [kind for _, _, kind in layers] == ["image", "shapes", "points"]
    assert layers[0][1]["metadata"][SLIDE].name == "S1"
    assert layers[2][1]["metadata"][SPOTS].n_obs == 5
    assert layers[2][1]["metadata"][PREDICTION] is not None
    assert get_workspace_reader(str(tmp_path / "there")) is None
    full.regions.start_blinded()
    path = str(save(full, tmp_path / "blind.stexp"))
    assert [kind for _, _, kind in get_workspace_reader(path)(path)] == ["image", "shapes"]
