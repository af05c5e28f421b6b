"""What each kind of file says about itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_stexp.errors import SlideError
from napari_stexp.slide import open_slide
from napari_stexp.slide.facts import parse_date, parse_number
from napari_stexp.slide.metadata.aperio import read_aperio
from napari_stexp.slide.metadata.hamamatsu import read_hamamatsu
from napari_stexp.slide.metadata.ome import read_ome
from napari_stexp.slide.metadata.openslide import read_openslide_facts
from napari_stexp.slide.metadata.scanners import read_leica, read_philips, read_ventana
from napari_stexp.slide.metadata.words import parse_xml

LEICA = """<?xml version="1.0"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection name="x">
<barcode>S12-3456</barcode>
<image name="overview"><pixels sizeX="1616" sizeY="4668"/><view sizeX="26564529" sizeY="76734407"/>
<creationDate>2012-09-17T11:05:01.00Z</creationDate></image>
<image name="main"><device model="Leica SCN400;Leica SCN" version="1"/>
<pixels sizeX="1200" sizeY="800"><dimension sizeX="1200" sizeY="800" r="0" ifd="2"/></pixels>
<creationDate>2012-09-17T11:05:34.00Z</creationDate>
<view sizeX="600000" sizeY="400000" offsetX="1" offsetY="2"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings></scanSettings>
</image></collection></scn>"""

PHILIPS = """<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">
<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>
<Attribute Name="DICOM_ACQUISITION_DATETIME">20160718122300.000000</Attribute>
<Attribute Name="PIM_DP_UFS_BARCODE">MzMxMTk0MA==</Attribute>
<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array><DataObject>
<Attribute Name="DICOM_PIXEL_SPACING">"0.000226891" "0.000226907"</Attribute>
</DataObject></Array></Attribute></DataObject>"""

VENTANA = """<?xml version="1.0"?><Metadata><iScan Magnification="40" ScanRes="0.2325"
 ScannerModel="VENTANA DP 200" Barcode1D="X17-1" Mode="Bright"/></Metadata>"""

OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="40.0"
 Manufacturer="Zeiss"/></Instrument>
<Image ID="Image:0"><AcquisitionDate>2021-03-04T05:06:07</AcquisitionDate>
<ObjectiveSettings ID="Objective:0"/>
<Pixels SizeX="300" SizeY="200" PhysicalSizeX="0.22" PhysicalSizeY="220" PhysicalSizeYUnit="nm"/>
</Image></OME>"""


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("12/29/09 09:59:15", "2009-12-29T09:59:15"),
        ("2009:12:31 09:11:46", "2009-12-31T09:11:46"),
        ("2012-09-17T11:05:34.00Z", "2012-09-17T11:05:34"),
        ("20160718122300.000000", "2016-07-18T12:23:00"),
        ("2011/05/31", "2011-05-31"),
        ("31/12/2012 10:00:00", "2012-12-31T10:00:00"),
        ("0000:00:00 00:00:00", ""),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_dates(text, date):
    assert parse_date(text) == date


def test_numbers():
    assert [parse_number(text) for text in ("0,25 um", " 20x", "x", None)] == [0.25, 20, None, None]


def test_aperio():
    words = read_aperio(
        "Aperio Image Library v11\r\n100x100 JPEG|AppMag = 40|MPP = 0.2527|Date = 01/02/2020|"
        "Time = 12:33:11|Filename = S20-777|User = u1|Barcode = 4711"
    )
    assert (words.objective, words.claims[0].mpp_xy) == (40.0, (0.2527, 0.2527))
    assert words.scan_date == "2020-01-02T12:33:11"
    assert set(words.private) == {"Filename", "User", "Barcode"}


def test_leica_takes_the_image_of_this_size():
    words = read_leica(LEICA, (1200, 800))
    assert (words.vendor, words.objective) == ("Leica SCN400", 20.0)
    assert words.claims[0].mpp_xy == pytest.approx((0.5, 0.5))
    assert words.scan_date == "2012-09-17T11:05:34"
    assert words.private == {"barcode": "S12-3456"}
    assert read_leica(LEICA, (5, 5)).claims == ()


def test_philips_says_rows_before_columns():
    words = read_philips(PHILIPS)
    assert words.claims[0].mpp_xy == pytest.approx((0.226907, 0.226891))
    assert words.scan_date == "2016-07-18T12:23:00"
    assert set(words.private) == {"PIM_DP_UFS_BARCODE"}


def test_ventana_and_ome():
    words = read_ventana(VENTANA)
    assert (words.vendor, words.objective) == ("VENTANA DP 200", 40.0)
    assert words.claims[0].mpp == 0.2325
    assert words.private == {"Barcode1D": "X17-1"}
    words = read_ome(OME, (300, 200))
    assert (words.vendor, words.objective, words.scan_date) == (
        "Zeiss",
        40.0,
        "2021-03-04T05:06:07",
    )
    assert words.claims[0].mpp_xy == pytest.approx((0.22, 0.22))


def test_hamamatsu():
    tags = {
        65421: 40.0, 65427: "PATIENT 1", 272: "NanoZoomer",
        65449: "Created=2011/05/31\r\nNDP.S/N=1",
    }  # fmt: skip
    page = SimpleNamespace(tags=SimpleNamespace(valueof=tags.get))
    words = read_hamamatsu(page)
    assert (words.vendor, words.objective) == ("Hamamatsu NanoZoomer", 40.0)
    assert words.scan_date == "2011-05-31"
    assert words.private == {"Reference": "PATIENT 1"}


def test_openslide_properties():
    facts = read_openslide_facts(
        {
            "openslide.vendor": "mirax", "openslide.mpp-x": "0.2428", "openslide.mpp-y": "0.2430",
            "openslide.objective-power": "20",
            "mirax.GENERAL.SLIDE_CREATIONDATETIME": "19/10/2009 09:41:44",
            "mirax.GENERAL.SLIDE_NAME": "Case 7",
        }
    )  # fmt: skip
    assert (facts.format, facts.vendor, facts.objective) == ("MIRAX", "3DHISTECH", 20.0)
    assert facts.mpp_xy == (0.2428, 0.2430)
    assert facts.scan_date == "2009-10-19T09:41:44"
    assert "Case 7" not in repr(facts)


@pytest.mark.parametrize("read", [read_philips, read_ventana])
def test_damaged_xml_says_nothing(read):
    assert read("<a><b></a>").claims == ()
    assert read_leica("<!DOCTYPE x [<!ENTITY a 'b'>]><scn/>", (1, 1)).claims == ()
    assert parse_xml("<!DOCTYPE x><x/>") is None


@pytest.fixture(scope="module")
def svs(tmp_path_factory):
    """An SVS with a label and an overview, a slipped decimal point, and private words."""
    path = tmp_path_factory.mktemp("svs") / "S20-777.svs"
    rng = np.random.default_rng(0)
    glass = {name: rng.integers(0, 255, (40 + i, 60, 3), np.uint8) for i, name in
             enumerate(("thumbnail", "label", "macro"))}  # fmt: skip
    words = "|AppMag = 40|MPP = 0.0274|Filename = S20-777|Barcode = 4711"
    with tifffile.TiffWriter(path) as writer:
        common = {"photometric": "rgb", "metadata": None}
        writer.write(
            rng.integers(0, 255, (300, 400, 3), np.uint8), tile=(64, 64),
            description=f"Aperio Image Library v11\n400x300 (64x64){words}", **common,
        )  # fmt: skip
        for name, pixels in glass.items():
            text = "400x300 -> 60x40" + words if name == "thumbnail" else f"{name} 60x40"
            writer.write(pixels, description=f"Aperio Image Library v11\n{text}", **common)
    return path, glass


def test_pictures_of_the_glass_come_by_name_only(svs, caplog):
    path, glass = svs
    with caplog.at_level("DEBUG"), open_slide(path) as slide:
        assert set(slide.associated) == set(glass)
        for name, pixels in glass.items():
            np.testing.assert_array_equal(slide.associated_image(name), pixels)
        with pytest.raises(SlideError, match="has no 'x' image"):
            slide.associated_image("x")
        told = f"{slide!r} {slide.describe()} {caplog.text}".replace(str(path), "").replace(
            slide.name, ""
        )
        assert "4711" not in told
        assert slide.facts.private["Barcode"] == "4711"


def test_pictures_of_the_glass_are_converted_as_tiles_are(tmp_path):
    """A label in a palette, an overview whose zero is white, with 16 bits; a damaged one."""
    path, rng = tmp_path / "a.tif", np.random.default_rng(1)
    colours = rng.integers(0, 2**16, (3, 256), np.uint16)
    indices = rng.integers(0, 256, (40, 60), np.uint8)
    grey = rng.integers(0, 2**16, (30, 50), np.uint16)
    with tifffile.TiffWriter(path) as writer:
        slide = rng.integers(0, 255, (300, 400, 3), np.uint8)
        writer.write(slide, tile=(64, 64), photometric="rgb", metadata=None)
        writer.write(
            indices, photometric="palette", colormap=colours, description="label", metadata=None
        )
        writer.write(grey, photometric="miniswhite", description="macro", metadata=None)
        writer.write(
            slide[:40], photometric="rgb", compression="zlib", description="thumbnail",
            metadata=None,
        )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        damaged = tif.pages[3].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(damaged)
        file.write(b"nonsense")
    with open_slide(path) as slide:
        assert set(slide.associated) == {"label", "macro", "thumbnail"}
        expected = (colours >> 8).T.astype(np.uint8)[indices]
        np.testing.assert_array_equal(slide.associated_image("label"), expected)
        white = 255 - np.round(grey / 257).astype(np.uint8)
        np.testing.assert_array_equal(slide.associated_image("macro")[..., 1], white)
        with pytest.raises(SlideError, match="thumbnail image can't be read"):
            slide.associated_image("thumbnail")


def test_an_implausible_claim_is_kept_but_not_used(svs):
    with open_slide(svs[0]) as slide:
        assert slide.mpp is None
        assert [(claim.source, claim.mpp) for claim in slide.facts.claims] == [
            ("Aperio MPP", 0.0274)
        ]
