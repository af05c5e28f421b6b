"""The tissue mask, on drawn slides where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from napari_stexp.slide import tissue_mask

INKS = {"blue": (30, 50, 160), "green": (20, 120, 60), "black": (25, 25, 28), "red": (190, 30, 45)}


def draw_slide(glass=(240, 238, 241), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a slide of 600 x 800 px with one textured ellipse of tissue, and its truth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:600, :800]
    truth = ((y - 300) / 160) ** 2 + ((x - 380) / 230) ** 2 < 1
    grain = rng.gamma(2.0, 0.5, (600, 800, 1))
    nuclei = rng.random((600, 800, 1)) < 0.15
    density = grain * np.array([0.08, 0.45, 0.15]) + nuclei * np.array([0.8, 0.85, 0.4])
    image = np.asarray(glass) * np.exp(-density * truth[..., None])
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8), truth


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("glass", [(240, 238, 241), (255, 255, 255), (228, 210, 227)])
def test_tissue_is_found_on_any_glass(glass) -> None:
    image, truth = draw_slide(glass)
    assert overlap(tissue_mask(image), truth) > 0.95


@pytest.mark.parametrize("colour", [0, 255, 240, 128])
@pytest.mark.parametrize("noise", [0, 2.5])
def test_nothing_to_find(colour: int, noise: float) -> None:
    rng = np.random.default_rng(0)
    image = np.clip(colour + noise * rng.standard_normal((300, 400, 3)), 0, 255).astype(np.uint8)
    mask = tissue_mask(image)
    assert mask.shape == (300, 400)
    assert mask.dtype == bool
    assert not mask.any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (3, 2), (1, 900)])
def test_any_size(shape) -> None:
    assert not tissue_mask(np.full((*shape, 3), 250, np.uint8)).any()


def test_black_padding_is_no_tissue() -> None:
    image, truth = draw_slide()
    image[:, :120], image[500:], truth[:, :120] = 0, 3, False
    truth = truth & (np.arange(600) < 500)[:, None]
    assert overlap(tissue_mask(image), truth) > 0.93


def test_tissue_cut_out_on_black() -> None:
    """All that is seen is tissue: Otsu has no glass to split off."""
    image, truth = draw_slide()
    image[~truth] = 0
    assert overlap(tissue_mask(image), truth) > 0.93


@pytest.mark.parametrize("ink", INKS)
def test_pen_marks_are_no_tissue(ink: str) -> None:
    image, truth = draw_slide()
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).line((40, 40, 760, 60), fill=INKS[ink], width=14)
    ImageDraw.Draw(picture).line((700, 100, 720, 560), fill=INKS[ink], width=9)
    mask = tissue_mask(np.asarray(picture))
    assert overlap(mask, truth) > 0.95
    assert mask[:100].sum() < 50


def test_dye_that_ran_out_is_no_tissue() -> None:
    """A smooth pink halo, darker than the glass as HER2ST's slides have it."""
    image, truth = draw_slide()
    y, x = np.mgrid[:600, :800]
    halo = np.exp(-(((y - 300) / 220) ** 2 + ((x - 560) / 200) ** 2))[..., None]
    pink = image * np.exp(-halo * np.array([0.02, 0.12, 0.05]))
    assert overlap(tissue_mask(pink.astype(np.uint8)), truth) > 0.93


def test_small_pieces_and_holes() -> None:
    image, truth = draw_slide()
    source = image[200:400, 300:500]
    image[20:32, 700:712] = source[:12, :12]  # a speck of tissue
    image[290:298, 370:378] = 240  # a small gap
    image[250:350, 440:520] = 240  # a large lumen
    truth[250:350, 440:520] = False
    mask = tissue_mask(image)
    assert not mask[:60, 660:].any()
    assert mask[285:303, 365:383].all()
    assert not mask[270:330, 460:500].any()
    assert tissue_mask(image, min_area_px=20)[:60, 660:].any()
    assert tissue_mask(image, max_hole_px=20_000)[270:330, 460:500].all()
    assert not tissue_mask(image, min_area_px=400_000).any()


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3))])
def test_other_arrays_are_refused(image) -> None:
    with pytest.raises(ValueError, match="uint8"):
        tissue_mask(image)


MORE_INKS = {
    "purple": (90, 40, 130), "orange": (235, 130, 40), "yellow": (235, 220, 70),
    "brown": (120, 70, 40), "grey": (90, 90, 95),
}  # fmt: skip


@pytest.mark.parametrize("ink", MORE_INKS)
def test_thin_lines_of_any_ink_are_no_tissue(ink: str) -> None:
    """Ink lets light through: more of it is darker, in the same hue."""
    image, truth = draw_slide()
    canvas = Image.new("L", (800, 600))
    ImageDraw.Draw(canvas).line((40, 40, 760, 60), fill=255, width=6)
    ImageDraw.Draw(canvas).ellipse((20, 480, 120, 580), outline=255, width=12)
    cover = np.asarray(canvas)[..., None] / 255
    inked = image * np.exp(np.log((np.array(MORE_INKS[ink]) + 1) / 256) * cover)
    mask = tissue_mask(inked.astype(np.uint8))
    assert overlap(mask, truth) > 0.95
    assert mask[:100].sum() + mask[470:, :130].sum() < 50


@pytest.mark.parametrize("kind", ["cover slip", "corner", "step", "bubble", "dust", "grey padding"])
def test_shadow_and_dirt_are_no_tissue(kind: str) -> None:
    image, truth = draw_slide()
    y, x = np.mgrid[:600, :800]
    light = {
        "cover slip": np.where((x > 60) & (x < 66), 0.45, 1.0),
        "corner": 1 - 0.6 * np.exp(-(x**2 + y**2) / (2 * 90**2)),
        "step": np.where(x < 80, 0.75, 1.0),
        "bubble": np.where(abs(np.hypot(x - 80, y - 520) - 50) < 4, 0.5, 1.0),
        "dust": np.where((x % 97 < 5) & (y % 83 < 5) & (x < 120), 0.2, 1.0),
        "grey padding": np.where(x < 80, 0.53, 1.0),
    }[kind]
    mask = tissue_mask((image * light[..., None]).astype(np.uint8))
    assert overlap(mask, truth) > 0.94
