"""What a slide says about itself: kind, levels, scale."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_stexp.errors import ScaleError, SlideError, TileError
from napari_stexp.slide import open_slide, prepare_slide

APERIO = "Aperio Image Library v12.0.0\r\n{0}x{1} [0,0 {0}x{1}] (256x256) JPEG/RGB Q=70|AppMag = 40"


def test_pyramid_is_read_with_its_levels_and_scale(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:
        assert slide.name == "exact"
        assert slide.path == exact_slide
        assert slide.format == "tiled TIFF"
        assert slide.shape == (2219, 2531)
        assert slide.mpp == pytest.approx(0.5)
        assert slide.mpp_source == "metadata"
        assert [level.shape for level in slide.levels] == [(2219, 2531), (1110, 1266), (555, 633)]
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        assert all(level.stored and level.tile == (256, 256) for level in slide.levels)


def test_levels_are_synthesised_down_to_2000_px(tmp_path: Path, write_slide, paint) -> None:
    with open_slide(write_slide(tmp_path / "flat.tif", paint(300, 4100))) as slide:
        assert [(level.shape, level.stored) for level in slide.levels] == [
            ((300, 4100), True),
            ((150, 2050), False),
            ((75, 1025), False),
        ]


def test_whole_factor_is_kept_where_the_scanner_cropped(tmp_path: Path) -> None:
    """Levels of floor(size / 4) have downsample 4, not the ratio of the sizes."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for shape in ((1003, 2007), (250, 501)):
            writer.write(
                np.zeros((*shape, 3), np.uint8), tile=(256, 256), photometric="rgb", metadata=None,
                subfiletype=0 if shape[0] > 500 else 1,
            )  # fmt: skip
    with open_slide(tmp_path / "a.tif") as slide:
        assert [level.downsample for level in slide.levels] == [1.0, 4.0]


@pytest.mark.parametrize("subifds", [True, False])
def test_ome_tiff(tmp_path: Path, write_slide, picture, subifds: bool) -> None:
    path = write_slide(
        tmp_path / "slide.ome.tif", picture, levels=3 if subifds else 1, subifds=subifds,
        metadata={"axes": "YXS", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm",
                  "PhysicalSizeY": 0.00026, "PhysicalSizeYUnit": "mm"},
    )  # fmt: skip
    with open_slide(path) as slide:
        assert slide.format == "OME-TIFF"
        assert slide.name == "slide"
        assert slide.mpp_xy == pytest.approx((0.25, 0.26))
        assert slide.mpp == pytest.approx(0.255)
        assert sum(level.stored for level in slide.levels) == (3 if subifds else 1)
        np.testing.assert_array_equal(slide.read_region(0, 0, 2531, 2219), picture)


def test_ome_objective_and_unknown_unit(tmp_path: Path, write_slide, paint) -> None:
    path = write_slide(
        tmp_path / "a.ome.tif", paint(300, 300),
        metadata={"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "reference frame",
                  "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "reference frame"},
    )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    xml = xml.replace(
        "<Image ",
        '<Instrument ID="Instrument:0"><Objective ID="Objective:0" Manufacturer="Leica" '
        'NominalMagnification="20"/></Instrument><Image ',
        1,
    )
    tifffile.tiffcomment(path, xml.encode())
    with open_slide(path) as slide:
        assert (slide.objective, slide.vendor) == (20.0, "Leica")
        assert slide.mpp is None
        assert slide.mpp_source == "unknown"


def _write_named(path: Path, images: dict[str, np.ndarray]) -> Path:
    with tifffile.TiffWriter(path, ome=True) as writer:
        for name, image in images.items():
            writer.write(image, tile=(128, 128), photometric="rgb", metadata={"Name": name})
    return path


@pytest.mark.parametrize("name", ["label image", "Macro", "CMU-1 [thumbnail]", "slide_overview"])
def test_larger_picture_of_the_glass_is_not_shown(tmp_path: Path, paint, name: str) -> None:
    tissue, glass = paint(300, 400), paint(900, 900, seed=1)
    path = _write_named(tmp_path / "a.ome.tif", {name: glass, "Macrophages, unlabelled": tissue})
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 400, 300), tissue)


def test_only_image_is_shown_whatever_its_name(tmp_path: Path, paint) -> None:
    with open_slide(_write_named(tmp_path / "a.ome.tif", {"macro": paint(300, 400)})) as slide:
        assert slide.shape == (300, 400)


def write_svs(path: Path, image: np.ndarray, tail: str = "|MPP = 0,2530|Left = 25.6") -> Path:
    """Write an Aperio file: baseline, thumbnail, a level of a fourth, label and macro."""
    quarter = np.asarray(Image.fromarray(image).reduce(4))
    size = image.shape[1], image.shape[0]
    with tifffile.TiffWriter(path) as writer:
        options = {"photometric": "rgb", "metadata": None, "compression": "zstd"}
        writer.write(image, tile=(256, 256), description=APERIO.format(*size) + tail, **options)
        writer.write(quarter[::2, ::2], rowsperstrip=16, **options)
        writer.write(quarter, tile=(256, 256), description=APERIO.format(*size), **options)
        label = {"description": "Aperio Image Library v12.0.0\r\nlabel 300x200", "subfiletype": 1}
        macro = {"description": "Aperio Image Library v12.0.0\r\nmacro 4000x900", "subfiletype": 9}
        writer.write(np.full((300, 200, 3), 9, np.uint8), rowsperstrip=16, **label, **options)
        writer.write(np.full((900, 4000, 3), 9, np.uint8), rowsperstrip=16, **macro, **options)
    return path


def test_svs_shows_neither_thumbnail_nor_label_nor_macro(tmp_path: Path, picture) -> None:
    with open_slide(write_svs(tmp_path / "a.svs", picture)) as slide:
        assert (slide.format, slide.vendor, slide.objective) == ("Aperio SVS", "Aperio", 40.0)
        assert slide.mpp == pytest.approx(0.253)
        assert [level.downsample for level in slide.levels] == [1, 4]
        np.testing.assert_array_equal(slide.read_region(0, 0, 2531, 2219), picture)


def test_svs_without_mpp_has_no_scale_even_with_a_magnification(tmp_path: Path, paint) -> None:
    with open_slide(write_svs(tmp_path / "a.svs", paint(700, 800), "|Left = 25.6")) as slide:
        assert slide.mpp is None
        assert slide.mpp_source == "unknown"
        assert slide.objective == 40.0


@pytest.mark.parametrize(
    ("resolution", "unit", "mpp"),
    [
        ((20000, 20000), "CENTIMETER", 0.5),
        ((25400, 25400), "INCH", 1.0),
        ((72, 72), "INCH", None),
        ((96, 96), "INCH", None),
        ((1200, 1200), "INCH", None),
        ((20000, 20000), "NONE", None),
        ((1, 1), "CENTIMETER", None),
        ((10**6, 10**6), "CENTIMETER", None),
    ],
)
def test_only_plausible_resolution_tags_are_a_scale(
    tmp_path: Path, write_slide, paint, resolution, unit, mpp
) -> None:
    path = write_slide(
        tmp_path / "a.tif", paint(100, 100), resolution=resolution, resolutionunit=unit
    )
    with open_slide(path) as slide:
        assert slide.mpp == (None if mpp is None else pytest.approx(mpp))


@pytest.mark.parametrize(("dpi", "mpp"), [((72, 72), None), ((50800, 50800), 0.5), (None, None)])
def test_png_resolution(tmp_path: Path, paint, dpi, mpp) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(paint(60, 70)).save(path, **({"dpi": dpi} if dpi else {}))
    with open_slide(path) as slide:
        assert slide.mpp == (None if mpp is None else pytest.approx(mpp, rel=1e-3))


def test_user_scale_wins(exact_slide: Path) -> None:
    with open_slide(exact_slide, mpp=0.78) as slide:
        assert (slide.mpp, slide.mpp_xy, slide.mpp_source) == (0.78, (0.78, 0.78), "user")


@pytest.mark.parametrize("mpp", [0, -1, 0.04, 21, float("nan"), float("inf")])
def test_impossible_scale_is_refused(exact_slide: Path, mpp: float) -> None:
    with pytest.raises(ScaleError, match=r"0\.05 to 20"):
        open_slide(exact_slide, mpp=mpp)
    with open_slide(exact_slide) as slide, pytest.raises(ScaleError):
        slide.with_mpp(mpp)


def test_with_mpp_shares_files_until_both_are_closed(exact_slide: Path, picture) -> None:
    first = open_slide(exact_slide)
    second = first.with_mpp(0.6, "spots")
    assert (second.mpp, second.mpp_source, first.mpp) == (0.6, "spots", pytest.approx(0.5))
    first.close()
    first.close()  # a second time does nothing
    np.testing.assert_array_equal(second.read_region(700, 600, 50, 40), picture[600:640, 700:750])
    second.close()
    with pytest.raises(TileError, match="closed"):
        second.read_tile(0, 0, 0)
    with pytest.raises(SlideError, match="closed"):
        second.with_mpp(0.7)


def test_a_scale_can_be_unknown_again_and_stated_pixels_come_back(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide, slide.with_mpp(None, "unknown") as unknown:
        assert (unknown.mpp, unknown.mpp_source) == (None, "unknown")
        with unknown.with_mpp(slide.mpp, "metadata") as back:
            assert (back.mpp_xy, back.mpp_source) == (slide.mpp_xy, "metadata")


def test_describe_is_json(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:
        facts = json.loads(json.dumps(slide.describe()))
    assert facts["width"] == 2531
    assert facts["mpp"] == pytest.approx(0.5)
    assert facts["levels"][1]["downsample"] == 2
    assert len(facts["fingerprint"]) == 64


def test_fingerprint_follows_content_not_name(tmp_path: Path, exact_slide: Path) -> None:
    data = exact_slide.read_bytes()
    copy, changed = tmp_path / "copy.tif", tmp_path / "changed.tif"
    copy.write_bytes(data)
    changed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    prints = []
    for path in (exact_slide, copy, changed):
        with open_slide(path) as slide:
            prints.append(slide.fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_slide_travels_to_another_process(exact_slide: Path, picture) -> None:
    with open_slide(exact_slide, mpp=0.7) as slide:
        data = pickle.dumps(slide)
    with pickle.loads(data) as copy:
        assert (copy.mpp, copy.mpp_source) == (0.7, "user")
        np.testing.assert_array_equal(copy.read_region(0, 0, 9, 9), picture[:9, :9])


def test_nothing_to_prepare_returns_at_once(exact_slide: Path) -> None:
    task = prepare_slide(exact_slide)
    with pytest.raises(StopIteration) as stop:
        next(task)
    assert stop.value.value == exact_slide


def test_thumbnail_keeps_the_aspect(exact_slide: Path, picture) -> None:
    with open_slide(exact_slide) as slide:
        for max_px in (100, 633, 700, 1266, 2000, 2531, 5000):
            image, downsample = slide.thumbnail(max_px)
            assert max(image.shape) <= max_px
            assert max(image.shape) > min(max_px / 2, 2530)
            for side, whole in zip(image.shape, slide.shape, strict=False):
                assert side == pytest.approx(whole / downsample, abs=1)
            assert abs(image.mean() - picture.mean()) < 2
