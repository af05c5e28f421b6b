"""Small inputs on disk, and the real napari window with the panels docked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.builders import build_tiny_bundle, write_ome_tiff

GENES = ("ERBB2", "COL1A1", "IGKC", "ADIPOQ", "KRT19", "CD74", "SFRP2")
MPP = 1.0
PATCH = 32


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("panels")


def paint_tissue() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:900, :1200]
    tissue = (y - 450) ** 2 + (x - 600) ** 2 < 350**2
    image = np.full((900, 1200, 3), 243, np.uint8)
    image[tissue] = np.array([190, 90, 160]) + rng.integers(-25, 25, (int(tissue.sum()), 3))
    return image


@pytest.fixture(scope="session")
def slide_file(folder: Path) -> Path:
    """A tiled OME-TIFF, 900 x 1200 px at 1 µm/px: a disc of tissue on glass."""
    return write_ome_tiff(folder / "small.ome.tif", paint_tissue(), MPP)


@pytest.fixture(scope="session")
def picture_file(folder: Path) -> Path:
    """The same as a PNG, which says nothing of its scale."""
    from PIL import Image

    path = folder / "picture.png"
    Image.fromarray(paint_tissue()).save(path)
    return path


def build_spots(pitch: float = 100.0, genes: tuple[str, ...] = GENES):
    """5 x 6 measured spots, ``pitch`` px apart, said to be 100 µm apart."""
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(1)
    columns, rows = np.meshgrid(np.arange(6), np.arange(5))
    xy = np.column_stack([columns.ravel(), rows.ravel()]) * pitch + (350.0, 250.0)
    counts = rng.poisson(4.0, (30, len(genes))).astype(np.float32)
    adata = AnnData(
        csr_matrix(counts),
        obs=pd.DataFrame(index=[f"{x}x{y}" for x, y in zip(columns.flat, rows.flat, strict=True)]),
        var=pd.DataFrame(index=list(genes)),
        obsm={"spatial": xy},
    )
    adata.uns["stexp_spots"] = {
        "technology": "test",
        "section": "T1",
        "patient": "T",
        "pitch_um": 100.0,
        "diameter_um": 55.0,
    }
    adata.uns["spatial"] = {"T1": {"scalefactors": {"spot_diameter_fullres": 55.0 * pitch / 100}}}
    return adata


@pytest.fixture(scope="session")
def spots_file(folder: Path) -> Path:
    path = folder / "spots.h5ad"
    build_spots().write_h5ad(path)
    return path


@pytest.fixture(scope="session")
def known_patient_file(folder: Path) -> Path:
    """Spots of a patient of whom the model's reference has a section."""
    path = folder / "known_patient.h5ad"
    spots = build_spots()
    spots.uns["stexp_spots"]["patient"] = "A"
    spots.write_h5ad(path)
    return path


@pytest.fixture(scope="session")
def wrong_pitch_file(folder: Path) -> Path:
    """Spots 80 px apart, which on a slide of 1 µm/px can't be 100 µm."""
    path = folder / "wrong_pitch.h5ad"
    build_spots(80.0).write_h5ad(path)
    return path


def build_bundle():
    """A ResNet-18 with random weights and a bank of 40 spots in two sections."""
    return build_tiny_bundle(
        GENES,
        {"A1": 20, "B1": 20},
        input={"patch_px": PATCH, "mpp": MPP, "fill": (0, 0, 0)},
        organ="breast",
        intended_use="Tests only.",
        citation="Nobody, 2024.",
    )


@pytest.fixture(scope="session")
def bundle_file(folder: Path) -> Path:
    from napari_stexp.model import save_bundle

    return save_bundle(build_bundle(), folder / "tiny.safetensors")


@pytest.fixture(scope="session")
def regions_file(folder: Path) -> Path:
    path = folder / "regions.geojson"
    ring = [[300, 200], [500, 200], [500, 400], [300, 400], [300, 200]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


@pytest.fixture(scope="session")
def released(folder):
    """A checkpoint as the released code writes them, its gene list and a reference section."""
    import torch

    from napari_stexp.model import MclSTExp

    torch.manual_seed(0)
    checkpoint = folder / "best_0.pt"
    torch.save(MclSTExp("resnet18", len(GENES), (64, 64)).state_dict(), checkpoint)
    genes = folder / "genes.txt"
    genes.write_text("\n".join(GENES) + "\n")
    section = folder / "R1.h5ad"
    adata = build_spots()
    adata.obs["array_col"], adata.obs["array_row"] = zip(
        *(map(int, name.split("x")) for name in adata.obs_names), strict=True
    )
    adata.write_h5ad(section)
    return checkpoint, genes, section


@pytest.fixture(scope="session")
def sections_file(folder: Path, slide_file: Path) -> Path:
    """A list of three measured sections of three patients, all with the same picture."""
    from napari_stexp.spots import SectionSource, write_section_manifest

    sources = []
    for i, name in enumerate(("A1", "B1", "C1")):
        spots = build_spots()
        spots.uns["stexp_spots"] |= {"section": name, "patient": name[0]}
        spots.obs["array_col"], spots.obs["array_row"] = zip(
            *(map(int, spot.split("x")) for spot in spots.obs_names), strict=True
        )
        # Else the sections would be copies of each other.
        spots.X = np.random.default_rng(10 + i).poisson(4.0, spots.shape).astype(np.float32)
        spots.obsm["spatial"] = spots.obsm["spatial"] + 5.0 * i
        path = folder / f"measured_{name}.h5ad"
        spots.write_h5ad(path)
        sources.append(SectionSource(name, name[0], slide=slide_file, spots=path))
    write_section_manifest(folder / "sections.csv", sources)
    return folder / "sections.csv"


@pytest.fixture(scope="session")
def prepared(folder: Path, sections_file: Path) -> Path:
    """The three sections, prepared with patches of 32 px."""
    from napari_stexp.dataset import PrepareSettings, prepare_dataset
    from napari_stexp.progress import exhaust
    from napari_stexp.spots import find_sections

    settings = PrepareSettings(patch_px=PATCH, mpp=MPP)
    sources = find_sections(sections_file)
    return exhaust(prepare_dataset(sources, folder / "data", settings, genes=GENES)).folder


class Desk:
    """A viewer as a user has it before them: clicks, waiting, what went wrong."""

    def __init__(self, viewer, qtbot, monkeypatch):
        from napari_stexp.panels import get_controller

        self.viewer, self.qtbot, self.monkeypatch = viewer, qtbot, monkeypatch
        self.controller = get_controller(viewer)
        self.session = self.controller.session
        self.errors = []
        self.controller.failed.connect(lambda area, error: self.errors.append((area, error)))

    def click(self, button):
        """Click a button as a mouse does; it must be there and enabled."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QCheckBox

        assert button.isEnabled(), f"{button.text()!r} is disabled"
        assert not button.isHidden(), f"{button.text()!r} is hidden"
        place = button.rect().center()
        if isinstance(button, QCheckBox):  # it may be wider than its words
            place.setX(8)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=place)

    def choose(self, path):
        """Answer the next file dialogs with a path."""
        from qtpy.QtWidgets import QFileDialog

        for name in ("getOpenFileName", "getSaveFileName"):
            self.monkeypatch.setattr(QFileDialog, name, lambda *_, **__: (str(path), ""))
        self.monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(path))

    def press(self, widget, key, *modifiers):
        """Press a key, 'Z' or 'Delete', in a widget."""
        from qtpy.QtCore import Qt

        held = Qt.KeyboardModifier.NoModifier
        for name in modifiers:
            held |= getattr(Qt.KeyboardModifier, f"{name}Modifier")
        self.qtbot.keyClick(widget, getattr(Qt.Key, f"Key_{key}"), held)

    def click_cell(self, table, row, column=0):
        """Click a cell of a table in its middle."""
        from qtpy.QtCore import Qt

        index = table.model().index(row, column)
        table.scrollTo(index)
        place = table.visualRect(index).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def choose_item(self, box, text):
        """Choose an item of a combo box by what it says."""
        at = box.findText(text)
        assert at >= 0, [box.itemText(i) for i in range(box.count())]
        box.setCurrentIndex(at)
        box.activated.emit(at)

    def bring_forward(self, panel):
        """Raise a panel's tab."""
        panel.parent().raise_()
        self.qtbot.wait(100)

    def wait(self, condition, timeout=60_000):
        self.qtbot.waitUntil(condition, timeout=timeout)

    def settle(self):
        """Wait until nothing runs any more."""
        self.qtbot.wait(20)
        self.wait(lambda: not self.controller.tasks)


class Window(Desk):
    """The same with the panels that are opened together."""

    def __init__(self, viewer, qtbot, monkeypatch):
        from napari_stexp.panels import open_all

        panels = open_all(viewer)
        super().__init__(viewer, qtbot, monkeypatch)
        self.slide, self.model, self.predict, self.genes = list(panels.values())[:4]
        self.annotations, self.compare = panels["Annotations"], panels["Compare"]
        self.plots = panels["Plots"]

    def open(self, *paths):
        """Open files, one after the other."""
        for path in paths:
            self.open_path(path)
            self.settle()
        assert self.errors == []

    def open_path(self, path):
        """Ask for a file to be opened, as the button for files of its kind does."""
        name = path.name.lower()
        if name.endswith((".h5ad", ".tsv", ".tsv.gz", ".parquet")):
            self.slide.spots.load(path)
        elif name.endswith((".geojson", ".json", ".xml", ".ndpa", ".geojson.gz", ".csv", ".zip")):
            self.slide.annotations_requested.emit(path)
        elif name.endswith(".safetensors"):
            self.model.load_requested.emit(path)
        else:
            self.slide.open_requested.emit(path)


@pytest.fixture(autouse=True)
def _own_autosaves(tmp_path, monkeypatch):
    """Save annotations where no other test finds them."""
    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path / "user-data"))


@pytest.fixture
def shown_window(make_napari_viewer, qtbot, monkeypatch):
    """Return the window with its panels as it is seen: plots are drawn only then."""
    window = Window(make_napari_viewer(show=True), qtbot, monkeypatch)
    window.slide.window().resize(1280, 800)
    yield window
    end(window)


@pytest.fixture
def window(make_napari_viewer, qtbot, monkeypatch):
    window = Window(make_napari_viewer(), qtbot, monkeypatch)
    yield window
    end(window)


def end(desk):
    """Stop what runs, and wait for it: files of a test that is over must not change."""
    from qtpy.QtCore import QThreadPool

    desk.controller.close()
    assert QThreadPool.globalInstance().waitForDone(30_000)


@pytest.fixture
def own_memory(tmp_path, monkeypatch):
    """Let the panels remember nothing of other tests."""
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def train(own_memory, make_napari_viewer, qtbot, monkeypatch):
    """Return the window with the panel *Train*."""
    from tests.panels.train.train_window import TrainWindow

    desk = TrainWindow(make_napari_viewer(), qtbot, monkeypatch)
    yield desk
    end(desk)


@pytest.fixture
def data(prepared, tmp_path) -> Path:
    """Return the prepared data under a name of their own: runs beside them are the test's."""
    folder = tmp_path / "data"
    folder.symlink_to(prepared, target_is_directory=True)
    return folder
