from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_stexp.dataset import (
    Dataset,
    PrepareSettings,
    open_dataset,
    prepare_dataset,
    prepare_reference,
)
from napari_stexp.dataset import cutting as cutting_module
from napari_stexp.dataset import prepare as prepare_module
from napari_stexp.errors import (
    GeneListError,
    OutputError,
    ScaleError,
    SlideError,
    SpotsError,
    TrainingError,
)
from napari_stexp.files import LOCK
from napari_stexp.progress import Progress, exhaust
from napari_stexp.slide import PatchReader, open_slide
from napari_stexp.spots import SectionSource, read_spots, write_spots
from tests.dataset.sources import PATCH, draw_slide, write_section
from tests.test_locks import leave_lock
from tests.train.conftest import GENES

SETTINGS = PrepareSettings(patch_px=PATCH, min_spots=5)


@pytest.fixture
def sources(tmp_path: Path) -> list[SectionSource]:
    places = tmp_path / "in"
    return [write_section(places, "A1", seed=1), write_section(places, "B1", n=9, seed=2)]


def prepare(sources, folder: Path, settings=SETTINGS, **kwargs) -> Dataset:
    return exhaust(prepare_dataset(sources, folder, settings, **kwargs))


def crop(seed: int, x: float, y: float, side: int = PATCH) -> np.ndarray:
    """The released code's crop: PIL's, black outside."""
    left, top = int(np.floor(x)) - side // 2, int(np.floor(y)) - side // 2
    image = Image.fromarray(draw_slide(seed))
    return np.asarray(image.crop((left, top, left + side, top + side)))


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and time of writing."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_goes_in_comes_out(sources, tmp_path) -> None:
    adata = read_spots(sources[0].spots)
    adata.obs["label"] = ["tumour", np.nan, *["fat"] * 10]
    adata.obsm["spatial"][2] = 3.7, 398.2  # over the border
    adata.obsm["spatial"][3] = 5000, 10
    write_spots(adata, sources[0].spots)
    data = prepare(sources, tmp_path / "data")
    assert data.names == ("A1", "B1")
    assert [info.patient for info in data.sections] == ["A", "B"]
    assert [info.organ for info in data.sections] == ["breast", "breast"]
    assert data.genes == tuple(sorted(GENES))
    assert (tmp_path / "data" / "genes.txt").read_text().split() == sorted(GENES)
    assert data.settings == SETTINGS
    assert (data.contract.patch_px, data.contract.mpp) == (PATCH, None)
    patches = data.patches("A1")
    assert patches.shape == (12, 1, PATCH, PATCH, 3)
    assert not patches.flags.writeable
    for (x, y), pixels in zip(adata.obsm["spatial"], patches, strict=True):
        np.testing.assert_array_equal(pixels[0], crop(1, x, y))
    assert data.usable("A1").tolist() == [i != 3 for i in range(12)]
    stored = data.spots("A1")
    np.testing.assert_array_equal(stored.X.toarray(), adata.X.toarray())
    assert stored.obs["label"].astype(object).fillna("").tolist()[:3] == ["tumour", "", "fat"]
    picture, scale = data.thumbnail("B1")
    assert (picture.shape, scale) == ((400, 400, 3), 1.0)
    assert not [path for path in (tmp_path / "data").rglob(".*")]


def test_selected_sections_are_a_training_set(sources, tmp_path) -> None:
    data = prepare(sources, tmp_path / "data")
    both = data.select(["B1", "A1"])
    wanted = prepare_reference([data.spots("B1"), data.spots("A1")], data.genes)
    assert both.reference.sections == wanted.sections
    np.testing.assert_array_equal(both.reference.counts.toarray(), wanted.counts.toarray())
    pixels = np.concatenate([data.patches("B1"), data.patches("A1")])
    np.testing.assert_array_equal(both.read([20, 3, 9]), pixels[[20, 3, 9]])
    assert isinstance(both.patches[0], np.memmap)
    assert data.select("A1", genes=GENES[:3]).genes == tuple(GENES[:3])
    with pytest.raises(TrainingError, match=r"no section 'C9'.*A1, B1"):
        data.select(["C9"])
    with pytest.raises(TrainingError, match="same name"):
        data.select(["A1", "A1"])
    with pytest.raises(GeneListError, match="missing"):
        data.select(["A1"], genes=[*GENES, "OTHER"])
    zero = prepare(sources, tmp_path / "zero", replace(SETTINGS, missing="zero"))
    assert not zero.select(["A1"], genes=[*GENES, "OTHER"]).reference.counts[:, 8].sum()


def test_a_second_run_opens_no_slide_and_writes_nothing(sources, tmp_path, monkeypatch) -> None:
    first = prepare(sources, tmp_path / "data")
    before = state_of(tmp_path / "data" / "sections")
    forbid_slides(monkeypatch)
    second = prepare(sources, tmp_path / "data")
    assert state_of(tmp_path / "data" / "sections") == before
    assert second.names == first.names
    other = prepare(sources, tmp_path / "data", genes=GENES[2:5])
    assert other.genes == tuple(GENES[2:5])
    assert other.gene_choice.origin == "given"
    fewer = prepare(sources[:1], tmp_path / "data", replace(SETTINGS, min_spots=8))
    assert fewer.names == ("A1",)
    assert state_of(tmp_path / "data" / "sections") == before


def forbid_slides(monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a slide was opened")

    monkeypatch.setattr(prepare_module, "open_slide", refuse)
    monkeypatch.setattr(prepare_module, "prepare_slide", refuse)


def test_changed_counts_leave_the_patches(sources, tmp_path, monkeypatch) -> None:
    prepare(sources, tmp_path / "data")
    before = state_of(tmp_path / "data" / "sections")
    adata = read_spots(sources[1].spots)
    adata.X = adata.X * 2
    adata.obs["label"] = "tumour"
    write_spots(adata, sources[1].spots)
    with monkeypatch.context() as patch:
        forbid_slides(patch)
        data = prepare([sources[0], replace(sources[1], patient="Z")], tmp_path / "data")
    after = state_of(tmp_path / "data" / "sections")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"B1/spots.h5ad", "B1/section.json"}
    np.testing.assert_array_equal(data.spots("B1").X.toarray(), adata.X.toarray())
    assert data.sections[1].patient == "Z"
    assert data.select(["B1"]).reference.sections[0].patient == "Z"


@pytest.mark.parametrize("what", ["slide", "places", "patch_px", "mpp of the slide", "damage"])
def test_what_changes_the_patches_cuts_them_again(sources, tmp_path, what) -> None:
    prepare(sources, tmp_path / "data")
    settings, seed, changed = SETTINGS, 2, list(sources)
    if what == "slide":
        Image.fromarray(draw_slide(seed := 5)).save(sources[1].slide)
    elif what == "places":
        adata = read_spots(sources[1].spots)
        adata.obsm["spatial"] += 3
        write_spots(adata, sources[1].spots)
    elif what == "patch_px":
        settings = replace(SETTINGS, patch_px=PATCH + 2)
    elif what == "mpp of the slide":
        changed[1] = replace(sources[1], mpp=0.5)
    else:
        path = tmp_path / "data" / "sections" / "B1" / "patches.npy"
        path.write_bytes(path.read_bytes()[:-1000])
    data = prepare(changed, tmp_path / "data", settings)
    for (x, y), pixels in zip(data.spots("B1").obsm["spatial"], data.patches("B1"), strict=True):
        np.testing.assert_array_equal(pixels[0], crop(seed, x, y, settings.patch_px))


def test_fields_of_view_without_a_scale_are_multiples_of_pixels(sources, tmp_path) -> None:
    settings = replace(SETTINGS, context=(1.0, 2.0, 4.0))
    data = prepare(sources[:1], tmp_path / "data", settings)
    assert data.contract.context == (1.0, 2.0, 4.0)
    assert data.patches("A1").shape[1] == 3
    centers = np.asarray(data.spots("A1").obsm["spatial"])
    with open_slide(sources[0].slide, mpp=1.0) as slide:
        for number, factor in enumerate(settings.context):
            reader = PatchReader(slide, PATCH, factor)
            assert reader.ratio == factor
            np.testing.assert_array_equal(
                data.patches("A1")[:, number], reader.read(centers).pixels
            )
    assert data.select("A1").read([3]).shape == (1, 3, PATCH, PATCH, 3)


def test_patches_of_a_size_in_um_are_resampled(tmp_path) -> None:
    source = write_section(tmp_path / "in", "A1", mpp=0.5)
    data = prepare([source], tmp_path / "data", replace(SETTINGS, mpp=1.0, context=(1.0, 2.0)))
    assert data.contract.mpp == 1.0
    centers = np.asarray(data.spots("A1").obsm["spatial"])
    with open_slide(source.slide) as slide:
        for number, mpp in enumerate((1.0, 2.0)):
            wanted = PatchReader(slide, PATCH, mpp).read(centers).pixels
            np.testing.assert_array_equal(data.patches("A1")[:, number], wanted)


def test_an_unknown_scale_is_asked_for_or_taken_from_the_pitch(sources, tmp_path) -> None:
    in_um = replace(SETTINGS, mpp=1.0)
    with pytest.raises(ScaleError, match=r"section A1 has an unknown scale.*'mpp'"):
        prepare(sources, tmp_path / "data", in_um)
    assert prepare([replace(s, mpp=1.0) for s in sources], tmp_path / "a", in_um).contract.mpp == 1
    dense = [write_section(tmp_path / "in", name, n=60) for name in ("A2", "B2")]
    for source in dense:
        adata = read_spots(source.spots)
        adata.uns["stexp_spots"]["pitch_um"] = 25.0  # 50 px apart
        write_spots(adata, source.spots)
    # Patches are pixels as they are, and what they measure is known.
    assert prepare(dense, tmp_path / "b").contract.mpp == pytest.approx(0.5, rel=1e-6)
    mixed = [dense[0], write_section(tmp_path / "other", "C1", mpp=0.8)]
    assert prepare(mixed, tmp_path / "c").contract.mpp is None
    with pytest.raises(ScaleError, match="contradicts"):
        prepare([replace(dense[0], mpp=0.8)], tmp_path / "d")


def test_cancelling_keeps_whole_sections_only(sources, tmp_path) -> None:
    task = prepare_dataset(sources, tmp_path / "data", SETTINGS)
    for progress in task:
        if progress.stage.startswith("cutting patches: B1"):
            break
    task.close()
    assert [path.name for path in (tmp_path / "data" / "sections").iterdir()] == ["A1"]
    with pytest.raises(TrainingError, match="wasn't finished"):
        open_dataset(tmp_path / "data")
    seen: list[Progress] = []
    data = exhaust(prepare_dataset(sources, tmp_path / "data", SETTINGS), seen.append)
    assert data.names == ("A1", "B1")
    assert not [p for p in seen if p.stage.startswith("cutting patches: A1")]
    spots = [p for p in seen if p.total == 21]
    assert [p.done for p in spots] == sorted(p.done for p in spots)
    assert spots[-1].done == 21


def test_a_second_preparation_of_the_folder_is_refused(sources, tmp_path) -> None:
    folder = tmp_path / "data"
    first = prepare_dataset(sources, folder, SETTINGS)
    for progress in first:
        if progress.stage.startswith("cutting patches: B1"):
            break
    with pytest.raises(OutputError, match=r"being prepared already.*Wait for its end"):
        prepare(sources, folder)
    assert exhaust(first).names == ("A1", "B1")
    assert not (folder / LOCK).exists()


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_killed_preparation_can_be_repeated(sources, tmp_path) -> None:
    leave_lock(tmp_path / "data")  # killed before it had read anything
    assert prepare(sources, tmp_path / "data").names == ("A1", "B1")
    assert not (tmp_path / "data" / LOCK).exists()


class FullDisk:
    """A file on a disk that takes so many bytes and no more."""

    def __init__(self, file, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data) -> int:
        self.room -= memoryview(data).nbytes
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name: str):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.file.close()


@pytest.mark.parametrize("recut", [False, True])
def test_a_full_disk_loses_nothing(sources, tmp_path, monkeypatch, recut) -> None:
    folder = tmp_path / "data"
    settings = SETTINGS
    if recut:
        prepare(sources, folder)
        settings = replace(SETTINGS, patch_px=PATCH + 2)
    else:
        prepare(sources[:1], folder)
    before = state_of(folder)
    opened = Path.open

    def open_on_full_disk(path: Path, *args, **kwargs):
        file = opened(path, *args, **kwargs)
        return FullDisk(file, 3000) if path.name == "patches.npy" else file

    with monkeypatch.context() as patch:
        patch.setattr(cutting_module.Path, "open", open_on_full_disk)
        with pytest.raises(OutputError, match=r"the disk is full.*No space left.*run the same"):
            prepare(sources, folder, settings)
    assert state_of(folder) == before
    assert not [path for path in folder.rglob(".*")]
    if recut:
        assert open_dataset(folder).settings == SETTINGS
    assert prepare(sources, folder, settings).settings == settings


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX's")
def test_a_real_limit_on_file_size_ends_in_an_error(sources, tmp_path) -> None:
    import resource

    exhaust(prepare_dataset(sources, tmp_path / "warm", SETTINGS))  # converts the slides
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            prepare(sources, tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "data" / "sections").iterdir())


def test_too_little_room_is_said_before_the_work(sources, tmp_path, monkeypatch) -> None:
    forbid_slides(monkeypatch)
    usage = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr(prepare_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"don't fit on the disk .*GB free"):
        prepare(sources, tmp_path / "data")


def test_bad_input_is_refused_before_a_slide_is_opened(sources, tmp_path, monkeypatch) -> None:
    forbid_slides(monkeypatch)
    folder, (a, b) = tmp_path / "data", sources

    def changed(name: str, change) -> SectionSource:
        adata = read_spots(a.spots)
        result = change(adata)
        return replace(a, spots=write_spots(adata if result is None else result, tmp_path / name))

    with pytest.raises(TrainingError, match="no sections"):
        prepare([], folder)
    with pytest.raises(TrainingError, match=r"same name .*A1"):
        prepare([a, b, a], folder)
    with pytest.raises(SpotsError, match=r"section A1 has no counts.*12 spots without"):
        prepare([changed("empty.h5ad", lambda x: x[:, :0].copy()), b], folder)
    with pytest.raises(SpotsError, match=r"section A1 is too small.*min_section_spots"):
        prepare([changed("one.h5ad", lambda x: x[:1].copy()), b], folder)

    def halve(adata):
        adata.X.data[4] = 0.5

    with pytest.raises(SpotsError, match=r"no raw counts .*1 other values, such as 0.5"):
        prepare([changed("half.h5ad", halve), b], folder)
    with pytest.raises(SlideError, match=r"1 of 2 sections have no slide .*found A1"):
        prepare([replace(a, slide=None), b], folder)
    with pytest.raises(SlideError, match=r"nowhere.png.*missing"):
        prepare([replace(a, slide=tmp_path / "nowhere.png"), b], folder)
    with pytest.raises(SpotsError, match=r"nowhere.h5ad.*can't be read"):
        prepare([replace(a, spots=tmp_path / "nowhere.h5ad"), b], folder)
    with pytest.raises(GeneListError, match=r"at most 21 of the 21 spots"):
        prepare(sources, folder, replace(SETTINGS, min_spots=1000))
    with pytest.raises(GeneListError, match=r"A1: 1 \(OTHER\); B1: 1 \(OTHER\)"):
        prepare(sources, folder, genes=[*GENES, "OTHER"])
    with pytest.raises(SpotsError, match="no array positions"):
        prepare(
            [changed("free.h5ad", lambda x: x.obs.drop(columns="array_col", inplace=True))], folder
        )
    with pytest.raises(SpotsError, match=r"every section is left out.*min_section_spots"):
        prepare(sources, folder, replace(SETTINGS, min_section_spots=180))
    assert not folder.exists()
    with pytest.raises(OutputError, match="something else"):
        prepare(sources, tmp_path)


def test_small_sections_are_left_out(sources, tmp_path) -> None:
    data = prepare(sources, tmp_path / "data", replace(SETTINGS, min_section_spots=10))
    assert (data.names, data.header.left_out) == (("A1",), ("B1",))
    assert data.gene_choice.n_spots == 12


def test_spots_of_another_slide_are_noticed(sources, tmp_path) -> None:
    adata = read_spots(sources[0].spots)
    adata.obsm["spatial"] += 10_000
    write_spots(adata, sources[0].spots)
    with pytest.raises(SpotsError, match=r"outside|full resolution"):
        prepare(sources, tmp_path / "data")


def test_strange_names_stay_inside_of_the_folder(tmp_path) -> None:
    names = ["../up", "a/b", "a_b", "A_B", "CON", "…", ".hidden"]
    sources = [
        replace(write_section(tmp_path / f"in{i}", "A1", seed=i), name=name)
        for i, name in enumerate(names)
    ]
    data = prepare(sources, tmp_path / "data")
    assert data.names == tuple(names)
    folders = [path.name for path in (tmp_path / "data" / "sections").iterdir()]
    assert len({name.lower() for name in folders}) == len(names)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "dataset.json", "genes.txt", "sections",
    ]  # fmt: skip
    np.testing.assert_array_equal(
        data.select([names[3]]).reference.counts.toarray(),
        read_spots(sources[3].spots)[:, list(data.genes)].X.toarray(),
    )
    assert len(data.select(names)) == 12 * len(names)


def test_damaged_data_sets_are_named(sources, tmp_path) -> None:
    folder = tmp_path / "data"
    with pytest.raises(TrainingError, match=r"no data set here.*napari-stexp prepare"):
        open_dataset(folder)
    prepare(sources, folder)
    path = folder / "dataset.json"
    good = path.read_text()
    for bad in ("{", json.dumps(json.loads(good) | {"format_version": 99})):
        path.write_text(bad)
        with pytest.raises(TrainingError, match=r"dataset.json: the data set can't be read"):
            open_dataset(folder)
    path.write_text(good.replace('"folder": "A1"', '"folder": "../A1"'))
    with pytest.raises(TrainingError, match="name of a folder"):
        open_dataset(folder)
    path.write_text(good)
    patches = folder / "sections" / "A1" / "patches.npy"
    whole = patches.read_bytes()
    patches.write_bytes(whole[:500])
    with pytest.raises(TrainingError, match=r"patches.npy.*again"):
        open_dataset(folder)
    np.save(patches, np.zeros((3, 1, PATCH, PATCH, 3), np.uint8))
    with pytest.raises(TrainingError, match=r"doesn't fit the others"):
        open_dataset(folder)
