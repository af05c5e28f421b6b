"""Slides behind an address: read by range, with clear errors, without showing credentials."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from napari_stexp.errors import SlideError, TileError
from napari_stexp.session.recent import RecentFiles
from napari_stexp.session.workspace.places import FileReference, find_file
from napari_stexp.slide import fetching, open_slide, prepare_slide, remote
from napari_stexp.slide.identify import fingerprint
from napari_stexp.slide.location import RemotePath, as_location
from tests.slide.builders.dicom import write_dicom
from tests.slide.builders.makers import write_ome_files
from tests.slide.builders.ngff import write_ngff
from tests.slide.range_server import RangeServer


@pytest.fixture(scope="module")
def running() -> Iterator[RangeServer]:
    server = RangeServer()
    yield server
    server.close()


@pytest.fixture
def server(running: RangeServer, monkeypatch) -> RangeServer:
    monkeypatch.setattr(fetching, "FIRST_WAIT_S", 0.01)
    remote._files.clear()
    remote._zarrs.clear()
    running.ranges, running.tag, running.delay = True, '"1"', 0.0
    running.failures.clear()
    running.reset()
    return running


@pytest.fixture(scope="module")
def large(running: RangeServer, tmp_path_factory, write_slide) -> Path:
    """Raw tiles of 3,600 x 2,600 px with a pyramid: 38 MB."""
    noise = np.random.default_rng(1).integers(0, 255, (2600, 3600, 3), np.uint8)
    path = write_slide(
        tmp_path_factory.mktemp("large") / "large.tif", noise, levels=3,
        resolution=(20000, 20000), resolutionunit="CENTIMETER",
    )  # fmt: skip
    running.files["slides/large slide.tif"] = path.read_bytes()
    return path


def test_opening_and_a_view_read_a_small_part(server: RangeServer, large: Path) -> None:
    address = f"{server.url}/slides/large%20slide.tif"
    size = large.stat().st_size
    assert list(prepare_slide(address)) == []
    with open_slide(address) as slide, open_slide(large) as local:
        assert (slide.name, slide.mpp, slide.shape) == ("large slide", 0.5, (2600, 3600))
        assert str(slide.path) == address
        assert server.requests <= 4
        assert server.served < 0.02 * size
        view = slide.read_region(1800, 1300, 640, 400)
        np.testing.assert_array_equal(view, local.read_region(1800, 1300, 640, 400))
        assert server.served < 0.1 * size
        asked = server.requests
        slide.read_region(1800, 1300, 640, 400)
        assert server.requests == asked
        assert slide.fingerprint() == local.fingerprint()
        assert slide.fingerprint() == fingerprint(slide.path)
        facts = json.loads(json.dumps(slide.describe()))
        assert (facts["path"], facts["file_bytes"]) == (address, size)
        with pickle.loads(pickle.dumps(slide)) as copy:
            assert copy.path == slide.path
        with ThreadPoolExecutor(4) as pool:
            tiles = list(pool.map(lambda n: slide.read_tile(0, 9, n % 8), range(32)))
        np.testing.assert_array_equal(tiles[3], local.read_tile(0, 9, 3))
        assert server.served < 0.7 * size
    with pytest.raises(TileError, match="closed"):
        slide.read_region(0, 0, 9, 9)


def test_server_without_ranges_is_refused_unread(server: RangeServer, large: Path) -> None:
    server.ranges = False
    with pytest.raises(SlideError, match=r"no parts of files.*download it"):
        open_slide(f"{server.url}/slides/large%20slide.tif")
    assert server.served < 10_000_000


@pytest.mark.parametrize(
    ("status", "match"), [(403, "let us in"), (401, "let us in"), (500, "busy or broken"),
                          (400, "refuses"), (404, "exist")],
)  # fmt: skip
def test_refusals(server: RangeServer, large: Path, status: int, match: str) -> None:
    server.failures = [status] * 9
    with pytest.raises(SlideError, match=match):
        open_slide(f"{server.url}/slides/large%20slide.tif")
    assert server.requests == (fetching.TRIES if status == 500 else 1)


def test_busy_server_is_asked_again(server: RangeServer, large: Path) -> None:
    server.failures = [503, 429]
    with open_slide(f"{server.url}/slides/large%20slide.tif") as slide:
        server.failures = [502]
        slide.read_tile(0, 3, 3)


def test_slow_server_and_none_at_all(server: RangeServer, large: Path, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "REQUEST_S", 0.1)
    monkeypatch.setattr(fetching, "TRIES", 2)
    server.delay = 0.4
    with pytest.raises(SlideError, match="doesn't answer in time"):
        open_slide(f"{server.url}/slides/large%20slide.tif")
    with pytest.raises(SlideError, match="can't be reached"):
        open_slide("http://127.0.0.1:9/a.svs")
    with pytest.raises(SlideError, match="no address that is read here"):
        open_slide("gopher://x/a.svs")


def test_change_on_the_server_is_noticed(server: RangeServer, large: Path) -> None:
    address = f"{server.url}/slides/large%20slide.tif"
    with open_slide(address) as slide:
        server.tag = '"2"'
        with pytest.raises(TileError, match="changed on the server"):
            slide.read_tile(0, 10, 10)
    opened = remote.open_remote(RemotePath(address))
    opened.checked -= 100
    assert remote.open_remote(RemotePath(address)) is not opened


def test_credentials_are_used_and_never_kept(
    server: RangeServer, large: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path))
    bare = f"{server.url}/slides/large%20slide.tif"
    full = bare.replace("http://", "http://me:hush@") + "?X-Amz-Signature=hush&version=3"
    with open_slide(full) as slide:
        slide.read_tile(0, 1, 1)
        assert all("hush" in line and "Basic " in line for line in server.seen)
        shown = [str(slide.path), repr(slide), json.dumps(slide.describe()), slide.name]
        shown += [
            repr(pickle.dumps(slide)),
            json.dumps(FileReference.of(slide.path, "x").to_dict()),
        ]
        recent = RecentFiles()
        recent.add("slide", slide.path)
        again = recent.of("slide")[0].path
        assert again == slide.path
        shown.append(repr(recent.items))
    server.failures = [403] * 9
    remote._files.clear()
    with pytest.raises(SlideError) as error:
        open_slide(full)
    shown.append(repr(error.value.message))
    assert not [text for text in shown if "hush" in text or "me:" in text]
    assert "version=3" in shown[0]
    server.failures.clear()
    with open_slide(again):  # within one process, the bare address is enough
        assert "hush" in server.seen[-1]


def test_workspace_finds_its_remote_slide(server: RangeServer, large: Path, tmp_path) -> None:
    address = as_location(f"{server.url}/slides/large%20slide.tif")
    reference = FileReference.of(address, fingerprint(address), tmp_path / "a.stexp")
    again = FileReference.from_dict(json.loads(json.dumps(reference.to_dict())))
    assert find_file(again, tmp_path / "a.stexp", [], fingerprint) == address
    server.files["slides/other.tif"] = b"II*\0" + bytes(1000)
    other = FileReference.of(as_location(f"{server.url}/slides/other.tif"), reference.digest)
    assert find_file(other, tmp_path / "a.stexp", [], fingerprint) is None


def test_what_would_be_read_whole_is_refused(
    server: RangeServer, tmp_path: Path, paint, write_slide
) -> None:
    Image.fromarray(paint(60, 60)).save(tmp_path / "a.jpg")
    write_slide(tmp_path / "strips.tif", paint(60, 60), tile=None)
    write_dicom(tmp_path, paint(60, 60), levels=1)
    for name, match in (("a.jpg", "without tiles"), ("strips.tif", "without tiles"),
                        ("0.dcm", "from this machine only")):  # fmt: skip
        server.files[name] = (tmp_path / name).read_bytes()
        with pytest.raises(SlideError, match=rf"{match}.*Download it"):
            open_slide(f"{server.url}/{name}")


@pytest.mark.parametrize("companion", [True, False])
def test_an_image_in_several_files_is_refused(
    server: RangeServer, tmp_path: Path, paint, monkeypatch, companion: bool
) -> None:
    """Also where files of the same names lie in the folder that we run in."""
    write_ome_files(tmp_path, paint(300, 200), companion=companion)
    monkeypatch.chdir(tmp_path)
    for path in tmp_path.iterdir():
        server.files[path.name] = path.read_bytes()
        with pytest.raises(SlideError, match=r"from this machine only.*all of its files"):
            open_slide(f"{server.url}/{path.name}")


@pytest.mark.parametrize(("version", "shard"), [("0.4", None), ("0.5", 512)])
def test_ome_zarr_over_http(
    server: RangeServer, tmp_path: Path, picture, version: str, shard: int | None
) -> None:
    image = picture[:600, :700]
    store = write_ngff(tmp_path / "he.zarr", image, version=version, shard=shard)
    for path in store.rglob("*"):
        if path.is_file():
            server.files[f"z{version}/he.zarr/{path.relative_to(store)}"] = path.read_bytes()
    with open_slide(f"{server.url}/z{version}/he.zarr") as slide, open_slide(store) as local:
        assert (slide.mpp, slide.name) == (0.5, "he")
        np.testing.assert_array_equal(slide.read_region(0, 0, 700, 600), image)
        assert slide.fingerprint() == local.fingerprint()
    server.ranges = False
    if shard is not None:
        with pytest.raises(SlideError, match="no parts of files"):
            open_slide(f"{server.url}/z{version}/he.zarr")


def test_other_protocols(exact_slide: Path, picture) -> None:
    """fsspec's file system in memory stands in for S3 and others."""
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/exact.tif", exact_slide.read_bytes())
    with open_slide("memory://bucket/exact.tif") as slide:
        np.testing.assert_array_equal(slide.read_region(9, 9, 99, 99), picture[9:108, 9:108])
    with pytest.raises(SlideError, match="doesn't exist on the server"):
        open_slide("memory://bucket/none.tif")
    write_ngff("memory://bucket/he.zarr", picture[:300, :300])
    with open_slide("memory://bucket/he.zarr") as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 300, 300), picture[:300, :300])


def test_addresses_and_paths_are_told_apart() -> None:
    for text in ("https://h.org/a/b%20c.svs", Path("https://h.org/a/b%20c.svs")):
        place = as_location(text)
        assert isinstance(place, RemotePath)
        assert (str(place), place.name, place.stem, place.suffix) == (
            "https://h.org/a/b%20c.svs", "b c.svs", "b c", ".svs",
        )  # fmt: skip
        assert str(place.parent / "x y.tif") == "https://h.org/a/x%20y.tif"
    assert as_location("C:\\slides\\a.svs") == Path("C:\\slides\\a.svs")
    assert as_location("file:///a/b%20c.svs") == Path("/a/b c.svs")
    assert as_location("a/b.svs") == Path("a/b.svs")
